/* check.h - what is legal in a zone and still unlikely to be meant. */
#ifndef ZONEFILE_CHECK_H
#define ZONEFILE_CHECK_H

#include <time.h>

#include "zonefile/checks.h"
#include "zonefile/zone.h"

/* Reports on the zone as a whole; what concerns records is the builder's.  now is for signatures, and with them it is
 * noted in the zone when to look at all of them again.  Returns 0, or -EINVAL when one of the reports was an error. */
int check_zone(struct zone *, const struct checks *, time_t now, struct sink *);
/* Of a version that differs from another at these names alone (wire form, in the zone, any order, which is changed), and
 * the other one was checked: the errors that check_zone() would report, and of the warnings those that the change brings.
 * Looks at these names alone unless it takes something away that others may lead to (NS, MX, SRV), a signature may have
 * run out since, or the zone has ZONEMD. */
int check_change(const struct zone *from, struct zone *to, const uint8_t **name, size_t count,
    const struct checks *, time_t now, struct sink *);
#endif
