/* rdata_ldns.h - RDATA of the rare types, by ldns. */
#ifndef ZONEFILE_RDATA_LDNS_H
#define ZONEFILE_RDATA_LDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Master file text of the RDATA, without parentheses and comments, to out; relative names
 * are completed by origin.  Returns the length, or -1 with a text that stays. */
int rdata_ldns_parse(uint8_t *out, size_t size, uint16_t type, const char *text,
    const uint8_t *origin, const char **why);

/* As rdata_print(); 0 when ldns cannot read or print the RDATA. */
size_t rdata_ldns_print(char *out, size_t size, uint16_t type, const uint8_t *rdata, size_t len);

bool rdata_ldns_valid(uint16_t type, const uint8_t *rdata, size_t len);
#endif
