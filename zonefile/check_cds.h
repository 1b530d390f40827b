/* check_cds.h - does what a zone wants of its parent (RFC 7344) fit its keys? */
#ifndef ZONEFILE_CHECK_CDS_H
#define ZONEFILE_CHECK_CDS_H

#include "zonefile/zone.h"

/* A sentence about CDS or CDNSKEY, which *type tells, or NULL when nothing is wrong with them.  Who follows them as a
 * parent would make a zone that no validator accepts. */
const char *cds_fault(const struct zone *, uint16_t *type);
#endif
