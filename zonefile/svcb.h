/* svcb.h - the parameters of SVCB and HTTPS records (RFC 9460). */
#ifndef ZONEFILE_SVCB_H
#define ZONEFILE_SVCB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/scan.h"

/* Words KEY or KEY=VALUE, in any order, to wire form.  Returns the length, or -1 with a sentence in why
 * about *bad, one of the words. */
int svcb_parse(uint8_t *out, size_t size, const struct word *, size_t count,
    const struct word **bad, char *why, size_t why_size);
bool svcb_valid(const uint8_t *, size_t len);

/* Text of one parameter at a time: *at moves behind it.  Returns its length; of parameters of len octets
 * each is at most SVCB_TEXT_FOR(len). */
#define SVCB_TEXT_FOR(len) (8 * (len) + 64)
size_t svcb_print(char *out, const uint8_t **at);
#endif
