#include "zonefile/zonemd.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/name.h"
#include "zonefile/rdata.h"

#define T_ZONEMD 63
#define SIMPLE 1

static void
add(EVP_MD_CTX *ctx, const void *octets, size_t len)
{
	if (!EVP_DigestUpdate(ctx, octets, len)) {
		fputs("libcrypto: no digest\n", stderr);
		abort();
	}
}

/* The RDATA in canonical form (RFC 4034 6.2), in out. */
static void
lower_names(uint8_t *out, uint16_t type, const uint8_t *rdata, size_t len)
{
	struct rdata_walk walk;
	enum field kind;
	const uint8_t *at;
	size_t n;

	rdata_walk(&walk, type, rdata, len);
	while (rdata_next(&walk, &kind, &at, &n))
		if ((kind == F_CNAME || kind == F_NAME || kind == F_A6_NAME) && n > 0)
			name_lower(out + (at - rdata), at);
}

static void
add_set(EVP_MD_CTX *ctx, const uint8_t *owner, size_t owner_len, const struct rrset *set)
{
	const struct rrtype *row = rrtype_by_code(set->type);
	const uint8_t *at = set->rdata;
	uint8_t head[10] = { set->type >> 8, set->type, 0, 1, set->ttl >> 24, set->ttl >> 16, set->ttl >> 8, set->ttl };
	uint8_t lower[RDATA_MAX];

	for (unsigned i = 0; i < set->count; i++) {
		size_t len = at[0] << 8 | at[1];

		head[8] = at[0];
		head[9] = at[1];
		at += 2;
		add(ctx, owner, owner_len);
		add(ctx, head, sizeof(head));
		if (row != NULL && row->lower) {
			memcpy(lower, at, len);
			lower_names(lower, set->type, at, len);
			add(ctx, lower, len);
		} else
			add(ctx, at, len);
		at += len;
	}
}

/* Its sets by type; in the zone signatures stand behind what they cover. */
static void
add_node(EVP_MD_CTX *ctx, const struct zone *zone, const struct node *node)
{
	uint8_t owner[DNAME_MAX];
	size_t len = zone_owner(zone, node, owner);
	bool apex = node->name_len == 0;

	name_lower(owner, owner);
	for (unsigned pass = 0; pass < 3; pass++)
		for (unsigned i = 0; i < node->count; i++) {
			const struct rrset *set = node->set[i];

			if (pass != (set->type < T_RRSIG ? 0 : set->type == T_RRSIG ? 1 : 2))
				continue;
			if (apex && (set->type == T_ZONEMD || set->covers == T_ZONEMD))
				continue;
			add_set(ctx, owner, len, set);
		}
}

size_t
zonemd_digest(const struct zone *zone, uint8_t hash, uint8_t out[ZONEMD_MAX])
{
	const EVP_MD *md = hash == 1 ? EVP_sha384() : hash == 2 ? EVP_sha512() : NULL;
	EVP_MD_CTX *ctx;
	const struct node *node;
	struct zone_walk walk;
	unsigned len = 0;

	if (md == NULL)
		return 0;
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL || !EVP_DigestInit_ex(ctx, md, NULL)) {
		fputs("libcrypto: no digest\n", stderr);
		abort();
	}
	for (node = zone_walk(&walk, zone); node != NULL; node = zone_next(&walk))
		add_node(ctx, zone, node);
	EVP_DigestFinal_ex(ctx, out, &len);
	EVP_MD_CTX_free(ctx);
	return len;
}

enum zonemd
zonemd_verify(const struct zone *zone)
{
	const struct rrset *set = node_set(zone_apex(zone), T_ZONEMD);
	enum zonemd result = ZONEMD_UNKNOWN;
	const uint8_t *at;
	size_t len;

	if (set == NULL)
		return ZONEMD_NONE;
	at = set->rdata;
	for (unsigned i = 0; i < set->count && result != ZONEMD_RIGHT; i++, at += 2 + len) {
		const uint8_t *md = at + 2;
		uint32_t serial = (uint32_t)md[0] << 24 | md[1] << 16 | md[2] << 8 | md[3];
		uint8_t digest[ZONEMD_MAX];
		size_t n;

		len = at[0] << 8 | at[1];
		if (serial != zone_serial(zone) || md[4] != SIMPLE || (n = zonemd_digest(zone, md[5], digest)) == 0)
			continue;
		result = n == len - 6 && memcmp(md + 6, digest, n) == 0 ? ZONEMD_RIGHT : ZONEMD_WRONG;
	}
	return result;
}
