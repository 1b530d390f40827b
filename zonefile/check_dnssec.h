/* check_dnssec.h - will validators accept a zone that came with signatures? */
#ifndef ZONEFILE_CHECK_DNSSEC_H
#define ZONEFILE_CHECK_DNSSEC_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "zonefile/report.h"
#include "zonefile/zone.h"

/* Of each kind of fault one report, with the first place and how many there are: a signer that stopped spoils all
 * of a zone.  Signatures themselves are not computed.  It is noted in the zone when a look would show more. */
void check_dnssec(struct zone *, enum severity, time_t now, struct sink *);

/* Of a version that differs from another at these names alone (wire form, in the zone, in canonical order, each once):
 * only they are looked at, and their neighbours in the chain, unless it is time to look at all of it. */
void check_dnssec_change(const struct zone *from, struct zone *to, const uint8_t *const *name, size_t count,
    enum severity, time_t now, struct sink *);

/* Of a version that others see already, since signatures run out while it stays as it is. */
struct signature_times {
	time_t first;			/* when no signature of some set holds any more; it may be over */
	time_t look_again;		/* a look before that shows the same */
	size_t expired, ending;		/* sets whose signatures have run out, or will within a day */
	unsigned faults;		/* the kinds that were found */
};
/* Looks at the times of all signatures and tells those kinds of fault, as warnings, that are not among the known.  false: the
 * zone is not signed. */
bool check_signatures(const struct zone *, unsigned known, time_t now, struct sink *, struct signature_times *);
#endif
