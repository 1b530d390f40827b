/* check.h - what is legal in a zone and still unlikely to be meant. */
#ifndef ZONEFILE_CHECK_H
#define ZONEFILE_CHECK_H

#include "zonefile/report.h"
#include "zonefile/zone.h"

/* Reports on the zone, each with the severity of check.c's table.  Returns 0, or -EINVAL when
 * one of them was an error. */
int check_zone(const struct zone *, struct sink *);
#endif
