/* pdns_text.h - names and RDATA as PowerDNS writes them into its tables. */
#ifndef SYNC_PDNS_TEXT_H
#define SYNC_PDNS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What its columns hold. */
#define PDNS_NAME_MAX 255
#define PDNS_CONTENT_MAX 64000

#define PDNS_NAME_TEXT 1024	/* a name, every octet escaped, with NUL */
/* Owner or name in RDATA: no final dot (root: "."), only dots, backslashes and what is not printable ASCII escaped; case as
 * given.  Returns its length. */
size_t pdns_name(char out[PDNS_NAME_TEXT], const uint8_t *name);
/* The labels of a name below the zone in reverse order with blanks between them: the order of NSEC.  name
 * is relative, len octets without root.  *escaped: an octet needed an escape, so that it sorts wrong. */
size_t pdns_ordername(char out[PDNS_NAME_TEXT], const uint8_t *name, size_t len, bool *escaped);

/* The type column: a mnemonic that this version knows, or TYPEnnn. */
const char *pdns_type(char out[16], uint16_t type, unsigned version);

/* The content column.  MX and SRV keep their first number for the prio column.  Returns its length, or -1 with
 * a reason, a static string, when this version cannot serve it.  out holds at least PDNS_CONTENT_BUF octets. */
#define PDNS_CONTENT_BUF (5 * 65536 + 1024)
int pdns_content(char *out, uint16_t *prio, uint16_t type, const uint8_t *rdata,
    size_t len, unsigned version, const char **why);
/* Is there content for any RDATA of the type, of at most size octets? */
bool pdns_always(uint16_t type, size_t size);
#endif
