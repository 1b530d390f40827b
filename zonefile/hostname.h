/* hostname.h - is a name that of a host (RFC 952, RFC 1123 2.1)? */
#ifndef ZONEFILE_HOSTNAME_H
#define ZONEFILE_HOSTNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Labels of letters, digits and, within, hyphens. */
bool name_is_host(const uint8_t *);
/* The same, or nothing, behind a first label that may be anything printable. */
bool name_is_mailbox(const uint8_t *);

/* May records of the type, of which hosts, or for NSEC3 hashes, are the owners, stand at the name?  "*" may be the first
 * label of a host. */
bool owner_is_good(uint16_t type, const uint8_t *owner);
/* Are there such names in RDATA of the type? */
bool rdata_names_hosts(uint16_t type);
/* The first name in RDATA that should be a host's or a mailbox and is neither; NULL: none. */
const uint8_t *rdata_bad_name(uint16_t type, const uint8_t *owner, const uint8_t *rdata);
#endif
