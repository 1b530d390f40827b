/* trial.h - what stands outside of a configuration, looked at without serving it. */
#ifndef DAEMON_CONFIG_TRIAL_H
#define DAEMON_CONFIG_TRIAL_H

#include "daemon/config/conf.h"
#include "zonefile/zone.h"

/* The files of the mirrors' secrets. */
void trial_secrets(const struct conf *, struct sink *);
/* The files of its master zones; what is in them is said on standard output. */
void trial_zones(const struct conf *, struct sink *);

/* A line about a file that was read as a zone; with errors zone may be NULL. */
void trial_verdict(FILE *, const char *name, const struct zone *, uint32_t serial, unsigned errors);
#endif
