/* check.h - what is legal in a zone and still unlikely to be meant. */
#ifndef ZONEFILE_CHECK_H
#define ZONEFILE_CHECK_H

#include <time.h>

#include "zonefile/checks.h"
#include "zonefile/zone.h"

/* Reports on the zone as a whole; what concerns records is the builder's.  now is for
 * signatures.  Returns 0, or -EINVAL when one of the reports was an error. */
int check_zone(const struct zone *, const struct checks *, time_t now, struct sink *);
#endif
