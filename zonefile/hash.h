/* hash.h - a fast 64-bit hash of octets, the same on every machine. */
#ifndef ZONEFILE_HASH_H
#define ZONEFILE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 hash_product;

/* Folded 64x64 product: each input bit reaches each output bit. */
static inline uint64_t
hash_mix(uint64_t a, uint64_t b)
{
	hash_product p = (hash_product)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t
hash_load4(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

/* Up to 8 octets, little-endian.  Labels are short: loads that overlap cost less than a memcpy() of len. */
static inline uint64_t
hash_load(const uint8_t *p, size_t len)
{
	if (len >= 4)
		return hash_load4(p) | hash_load4(p + len - 4) << 8 * (len - 4);
	if (len == 0)
		return 0;
	return p[0] | (uint64_t)p[len / 2] << 8 * (len / 2) |
	    (uint64_t)p[len - 1] << 8 * (len - 1);
}

/* Not for secrets.  The digest of a zone in journals and databases is made of
 * it, so its values must never change. */
static inline uint64_t
hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = seed ^ 0x9e3779b97f4a7c15u ^ len;

	for (; len > 8; p += 8, len -= 8)
		h = hash_mix(h ^ hash_load(p, 8), 0xd6e8feb86659fd93u);
	h = hash_mix(h ^ hash_load(p, len), 0xa0761d6478bd642fu);
	return hash_mix(h, 0xe7037ed1a0b428dbu);
}
#endif
