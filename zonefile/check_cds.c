#include "zonefile/check_cds.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"

struct record {
	const uint8_t *rdata;
	size_t len;
};

/* One after the other of a set, which may be NULL; *at is NULL at first. */
static bool
next_record(const struct rrset *set, const uint8_t **at, struct record *r)
{
	if (set == NULL)
		return false;
	*at = *at == NULL ? set->rdata : *at + 2 + ((*at)[0] << 8 | (*at)[1]);
	if (*at == set->rdata + set->size)
		return false;
	*r = (struct record){ *at + 2, (size_t)((*at)[0] << 8 | (*at)[1]) };
	return true;
}

/* RFC 4034 B. */
static unsigned
key_tag(const struct record *key)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < key->len; i++)
		sum += i & 1 ? key->rdata[i] : (uint32_t)key->rdata[i] << 8;
	return (sum + (sum >> 16)) & 0xffff;
}

/* RFC 4034 5.1.4.  A digest of a type that is not known here is taken as right. */
static bool
is_digest_of(const struct zone *zone, const struct record *cds, const struct record *key)
{
	const EVP_MD *md = cds->rdata[3] == 1 ? EVP_sha1() : cds->rdata[3] == 2 ? EVP_sha256() :
	    cds->rdata[3] == 4 ? EVP_sha384() : NULL;
	const uint8_t *origin = zone_origin(zone);
	size_t front = name_len(origin);
	uint8_t *text, digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool made;

	if ((unsigned)(cds->rdata[0] << 8 | cds->rdata[1]) != key_tag(key) || cds->rdata[2] != key->rdata[3])
		return false;
	if (md == NULL)
		return true;
	text = xmalloc(front + key->len);
	memcpy(text, origin, front);
	memcpy(text + front, key->rdata, key->len);
	made = EVP_Digest(text, front + key->len, digest, &len, md, NULL);
	free(text);
	/* Without the hash nothing can be said. */
	return !made || (len == cds->len - 4 && memcmp(digest, cds->rdata + 4, len) == 0);
}

static bool
has_key(const struct zone *zone, const struct record *r, bool digest)
{
	const struct rrset *keys = node_set(zone_apex(zone), T_DNSKEY);
	const uint8_t *at = NULL;
	struct record key;

	while (next_record(keys, &at, &key))
		if (digest ? is_digest_of(zone, r, &key) : r->len == key.len && memcmp(r->rdata, key.rdata, key.len) == 0)
			return true;
	return false;
}

static const char *
fault_of(const struct zone *zone, uint16_t type)
{
	const struct rrset *set = node_set(zone_apex(zone), type);
	bool digest = type == T_CDS, wanted[256] = { false }, found[256] = { false };
	const uint8_t *at = NULL;
	struct record r;

	while (next_record(set, &at, &r)) {
		uint8_t algorithm = r.rdata[digest ? 2 : 3];

		wanted[algorithm] = true;
		if (algorithm != 0 && !found[algorithm])
			found[algorithm] = has_key(zone, &r, digest);
	}
	if (wanted[0] && set->count > 1)
		return "one record of algorithm 0 says that there is to be no DS, and others stand beside it (RFC 8078 4)";
	for (unsigned i = 1; i < 256; i++)
		if (wanted[i] && !found[i])
			return "no DNSKEY of the zone is what it is made from (RFC 7344 4.1)";
	return NULL;
}

const char *
cds_fault(const struct zone *zone, uint16_t *type)
{
	const char *fault;

	*type = T_CDS;
	if ((fault = fault_of(zone, T_CDS)) == NULL) {
		*type = T_CDNSKEY;
		fault = fault_of(zone, T_CDNSKEY);
	}
	return fault;
}
