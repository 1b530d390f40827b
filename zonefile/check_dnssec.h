/* check_dnssec.h - will validators accept a zone that came with signatures? */
#ifndef ZONEFILE_CHECK_DNSSEC_H
#define ZONEFILE_CHECK_DNSSEC_H

#include <time.h>

#include "zonefile/report.h"
#include "zonefile/zone.h"

/* Of each kind of fault one report, with the first place and how many there are: a signer that stopped spoils all
 * of a zone.  Signatures themselves are not computed. */
void check_dnssec(const struct zone *, enum severity, time_t now, struct sink *);
#endif
