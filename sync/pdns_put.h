/* pdns_put.h - the pieces of PowerDNS's text.  Each writes at out and returns its end; no NUL. */
#ifndef SYNC_PDNS_PUT_H
#define SYNC_PDNS_PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

char *put_text(char *out, const char *text);
char *put_number(char *out, uint32_t);
char *put_padded(char *out, uint32_t, unsigned width);	/* with zeros */
char *put_hex(char *out, const uint8_t *octets, size_t len);
char *put_base64(char *out, const uint8_t *octets, size_t len);
/* Between quotes; octets that are not printable, and those of but, as \DDD. */
char *put_quoted_but(char *out, const uint8_t *octets, size_t len, const char *but);
/* *escaped becomes true when an octet needed it. */
char *put_label(char *out, const uint8_t *label, size_t len, bool *escaped);
char *put_name(char *out, const uint8_t *name);
char *put_ipv4(char *out, const uint8_t *address);
char *put_ipv6(char *out, const uint8_t *address);

/* Content of a type that no list of fields describes: its end, or NULL with the reason. */
typedef char *special_fn(char *out, const uint8_t *rdata, size_t len, unsigned version, const char **why);
special_fn *pdns_special(uint16_t type);	/* NULL: it is not one */
#endif
