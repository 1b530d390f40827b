/* check.h - what is legal in a zone and still unlikely to be meant. */
#ifndef ZONEFILE_CHECK_H
#define ZONEFILE_CHECK_H

#include <time.h>

#include "zonefile/checks.h"
#include "zonefile/zone.h"

/* Reports on the zone as a whole; what concerns records is the builder's.  now is for
 * signatures.  Returns 0, or -EINVAL when one of the reports was an error. */
int check_zone(const struct zone *, const struct checks *, time_t now, struct sink *);
/* Of a version that differs from another at these names alone: signatures and chains there (check_dnssec_change()),
 * and the digest, for which all of a zone is read that has ZONEMD. */
int check_change(const struct zone *from, const struct zone *to, const uint8_t **name, size_t count,
    const struct checks *, time_t now, struct sink *);
#endif
