/* checks.h - what is looked for in a zone beyond what no zone may have, and what a finding means. */
#ifndef ZONEFILE_CHECKS_H
#define ZONEFILE_CHECKS_H

#include <stdint.h>

#include "zonefile/report.h"

/* As BIND's clauses check-names and so on; the last two are ours. */
enum check {
	CHECK_NAMES,		/* host names where hosts are named (RFC 952, RFC 1123 2.1) */
	CHECK_DUP_RECORDS,	/* a record twice, also with names in another case */
	CHECK_INTEGRITY,	/* targets in the zone have addresses, nothing stands where nobody finds it */
	CHECK_SIBLING,		/* of delegations too, when the target is below another one */
	CHECK_MX,		/* an address for a name */
	CHECK_MX_CNAME, CHECK_SRV_CNAME,
	CHECK_WILDCARD,		/* "*" as a label that is not the first */
	CHECK_SPF,		/* SPF without TXT (RFC 7208 3.1) */
	CHECK_SVCB,		/* parameters of SVCB for DNS (RFC 9461) */
	CHECK_DNSSEC,		/* signatures in time, the chain closed */
	CHECK_ZONEMD,		/* the digest of the zone (RFC 8976) */
	CHECKS
};

/* NOTE: it is not looked for. */
struct checks {
	uint8_t severity[CHECKS];	/* enum severity */
	uint32_t max_records, max_records_per_type, max_types_per_name;	/* 0: any number */
};

extern const struct checks checks_default;	/* of zones of ours */
#endif
