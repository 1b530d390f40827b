/* rdata_fields.h - what rdata.c, rdata_parse.c and rdata_print.c share. */
#ifndef ZONEFILE_RDATA_FIELDS_H
#define ZONEFILE_RDATA_FIELDS_H

#include <sys/types.h>

#include "zonefile/rrtype.h"

/* Octets of the field at the front of len octets; -1 when it is not whole.  What goes to the
 * end takes all.  at is within RDATA, behind the fields before it. */
ssize_t rdata_field_len(enum field, const uint8_t *at, size_t len);

/* What is wrong with RDATA whose fields are all well formed, or NULL. */
const char *rdata_fault(uint16_t type, const uint8_t *rdata, size_t len);

struct mnemonic {
	const char *name;
	uint16_t number;
};
extern const struct mnemonic rdata_certificates[], rdata_algorithms[], rdata_protocols[], rdata_services[],
    rdata_schemes[], rdata_digests[], rdata_key_protocols[], rdata_key_flags[];	/* to the one without a name */
#endif
