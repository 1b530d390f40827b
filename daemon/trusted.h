/* trusted.h - masters that may give us zones: those of the configuration, and those in the tables of its mirrors. */
#ifndef DAEMON_TRUSTED_H
#define DAEMON_TRUSTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "daemon/config/conf.h"
#include "daemon/transfer/tsig.h"
#include "sync/mirror.h"

/* Any thread. */

/* What a mirror's table has now, instead of what it had; a mirror_masters_fn. */
void trusted_learn(void *ctx, const char *mirror, const struct target_supermaster *, size_t count);

/* All of them at one time: first those of the configuration.  What it gives out lives until the close, and the conf as long. */
struct trusted {
	const struct conf *conf;
	struct learned *learned;	/* a reference, or NULL */
};
struct trusted trusted_open(const struct conf *);
void trusted_close(struct trusted *);
/* The i-th, or NULL.  *mirror: whose table has it, NULL for one of the configuration. */
const struct conf_autosecondary *trusted_at(const struct trusted *, size_t i, const char **mirror);

/* One that may give us a zone: who sent us a message, signed by the key or by none, and the zone has the name servers, which
 * are names one after the other; NULL: they are not known yet.  One with a key of its own comes before those without. */
const struct conf_autosecondary *trusted_find(const struct trusted *, const struct sockaddr *from, const struct tsig_key *,
    const uint8_t *names, size_t len);
#endif
