/* check_dnssec.h - will validators accept a zone that came with signatures? */
#ifndef ZONEFILE_CHECK_DNSSEC_H
#define ZONEFILE_CHECK_DNSSEC_H

#include <time.h>

#include "zonefile/report.h"
#include "zonefile/zone.h"

/* Of each kind of fault one report, with the first place and how many there are: a signer that stopped spoils all
 * of a zone.  Signatures themselves are not computed. */
void check_dnssec(const struct zone *, enum severity, time_t now, struct sink *);

/* Of a version that differs from another at these names alone (wire form, in the zone, any order, which is changed):
 * only they are looked at, and their neighbours in the chain.  Signatures elsewhere may have run out meanwhile. */
void check_dnssec_change(const struct zone *from, const struct zone *to, const uint8_t **name, size_t count,
    enum severity, time_t now, struct sink *);
#endif
