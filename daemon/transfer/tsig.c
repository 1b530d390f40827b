#include "daemon/transfer/tsig.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "zonefile/arena.h"
#include "zonefile/count.h"
#include "zonefile/digits.h"
#include "zonefile/message.h"

#define TYPE_TSIG 250
#define FUDGE 300		/* RFC 8945 10 */
#define UNSIGNED_MAX 99		/* 5.3.1 */
#define MAC_MIN 10		/* 5.2.2.1 */

struct tsig_algorithm {
	const char *text, *wire, *digest;
	unsigned len;
};

static const struct tsig_algorithm algorithms[] = {
	{ "hmac-md5.sig-alg.reg.int", "\10hmac-md5\7sig-alg\3reg\3int", "MD5", 16 },
	{ "hmac-md5", "\10hmac-md5\7sig-alg\3reg\3int", "MD5", 16 },
	{ "hmac-sha1", "\11hmac-sha1", "SHA1", 20 },
	{ "hmac-sha224", "\13hmac-sha224", "SHA224", 28 },
	{ "hmac-sha256", "\13hmac-sha256", "SHA256", 32 },
	{ "hmac-sha384", "\13hmac-sha384", "SHA384", 48 },
	{ "hmac-sha512", "\13hmac-sha512", "SHA512", 64 },
};

static inline const uint8_t *
algorithm_wire(const struct tsig_algorithm *a)
{
	return (const uint8_t *)a->wire;
}

static void
need(bool fine)
{
	if (fine)
		return;
	fprintf(stderr, "libcrypto: no HMAC\n");
	abort();
}

/* --- keys --- */

struct tsig_keys {
	EVP_MAC *hmac;
	struct tsig_key **key;		/* by name */
	size_t count;
};

const struct tsig_key *
tsig_key_ref(const struct tsig_key *key)
{
	if (key != NULL)
		__atomic_fetch_add(&((struct tsig_key *)(uintptr_t)key)->refs, 1, __ATOMIC_RELAXED);
	return key;
}

void
tsig_key_unref(const struct tsig_key *shared)
{
	struct tsig_key *key = (struct tsig_key *)(uintptr_t)shared;

	if (key == NULL || __atomic_sub_fetch(&key->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	EVP_MAC_CTX_free(key->keyed);
	free(key);
}

struct tsig_keys *
tsig_keys_new(void)
{
	struct tsig_keys *keys = xcalloc(1, sizeof(*keys));

	keys->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	need(keys->hmac != NULL);
	return keys;
}

void
tsig_keys_free(struct tsig_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->count; i++)
		tsig_key_unref(keys->key[i]);
	EVP_MAC_free(keys->hmac);
	free(keys->key);
	free(keys);
}

/* Where the key is, or would be. */
static size_t
seek(const struct tsig_keys *keys, const uint8_t *name, bool *there)
{
	size_t low = 0, high = keys->count;

	*there = false;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int way = name_cmp(name, keys->key[mid]->name);

		if (way == 0) {
			*there = true;
			return mid;
		}
		if (way < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

const struct tsig_key *
tsig_find(const struct tsig_keys *keys, const uint8_t *name)
{
	bool there;
	size_t at;

	if (keys == NULL)
		return NULL;
	at = seek(keys, name, &there);
	return there ? keys->key[at] : NULL;
}

/* "hmac-sha256" or "hmac-sha256-128". */
static const char *
read_algorithm(struct tsig_key *key, const char *text)
{
	for (size_t i = 0; i < COUNT(algorithms); i++) {
		const struct tsig_algorithm *a = &algorithms[i];
		size_t len = strlen(a->text);
		unsigned long bits = 8ul * a->len;
		char *end;

		if (strncasecmp(text, a->text, len) != 0 || (text[len] != '\0' && text[len] != '-'))
			continue;
		if (text[len] == '-') {
			bits = strtoul(text + len + 1, &end, 10);
			if (*end != '\0' || bits % 8 != 0 || bits > 8ul * a->len)
				return "no length that its algorithm can be truncated to";
		}
		key->algorithm = a;
		key->mac_len = (unsigned)bits / 8;
		if (key->mac_len < MAC_MIN || key->mac_len < a->len / 2)
			return "truncated to less than 80 bits or half of its length";
		return NULL;
	}
	return "an algorithm that is not known";
}

const char *
tsig_keys_add(struct tsig_keys *keys, const uint8_t *name, const char *algorithm,
    const char *secret)
{
	struct tsig_key key = { .refs = 1 };
	const char *wrong = read_algorithm(&key, algorithm);
	size_t len = strlen(secret), size = len / 4 * 3 + 3, at;
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	uint8_t *octets;
	bool there;
	int octet_count;

	if (wrong != NULL)
		return wrong;
	at = seek(keys, name, &there);
	if (there)
		return "a second time";
	octets = xmalloc(size);
	octet_count = base64_read(octets, size, secret, len);
	if (octet_count > 0) {
		params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
		    (char *)key.algorithm->digest, 0);
		key.keyed = EVP_MAC_CTX_new(keys->hmac);
		need(key.keyed != NULL && EVP_MAC_init(key.keyed, octets, (size_t)octet_count, params));
	}
	OPENSSL_cleanse(octets, size);
	free(octets);
	if (octet_count <= 0)
		return "a secret that is not base64";
	name_lower(key.name, name);
	keys->key = xrealloc(keys->key, (keys->count + 1) * sizeof(*keys->key));
	memmove(keys->key + at + 1, keys->key + at, (keys->count - at) * sizeof(*keys->key));
	keys->count++;
	keys->key[at] = xmalloc(sizeof(key));
	*keys->key[at] = key;
	return NULL;
}

/* --- the record --- */

struct record {
	uint8_t name[DNAME_MAX];
	const uint8_t *algorithm;	/* as it came, in any case */
	uint64_t signed_at;
	unsigned fudge, mac_len, id, error, other_len;
	const uint8_t *mac, *other;
};

static inline uint64_t
get48(const uint8_t *p)
{
	return (uint64_t)get16(p) << 32 | get32(p + 2);
}

static inline void
put48(uint8_t *p, uint64_t v)
{
	put16(p, (unsigned)(v >> 32) & 0xffff);
	put32(p + 2, (uint32_t)v);
}

bool
tsig_locate(const uint8_t *message, size_t len, size_t *at)
{
	struct reader r = { message, len, MESSAGE_HEADER };
	struct question question;
	struct reader_record record;
	unsigned total;

	*at = 0;
	if (len < MESSAGE_HEADER)
		return false;
	if (get16(message + 10) == 0)
		return true;
	for (unsigned i = get16(message + 4); i > 0; i--)
		if (!reader_question(&r, &question))
			return false;
	total = (unsigned)get16(message + 6) + get16(message + 8) + get16(message + 10);
	for (unsigned i = 0; i < total; i++) {
		if (!reader_record(&r, &record))
			return false;
		if (record.type == TYPE_TSIG) {
			*at = record.owner;
			return i + 1 == total && r.at == len;
		}
	}
	return true;
}

static bool
read_record(struct record *t, const uint8_t *message, size_t len, size_t at)
{
	struct reader r = { message, len, at };
	struct reader_record record;
	const uint8_t *p, *end;
	size_t n;

	if (!reader_record(&r, &record) || record.type != TYPE_TSIG || r.at != len ||
	    record.class != CLASS_ANY || record.ttl != 0 || reader_name(&r, at, t->name) == 0)
		return false;
	name_lower(t->name, t->name);
	p = record.rdata;
	end = p + record.len;
	if ((n = name_valid(p, record.len)) == 0 || n + 16 > record.len)
		return false;
	t->algorithm = p;
	p += n;
	t->signed_at = get48(p);
	t->fudge = get16(p + 6);
	t->mac_len = get16(p + 8);
	t->mac = p + 10;
	if (t->mac_len + 16 > (size_t)(end - p))
		return false;
	p += 10 + t->mac_len;
	t->id = get16(p);
	t->error = get16(p + 2);
	t->other_len = get16(p + 4);
	t->other = p + 6;
	return t->other_len == (size_t)(end - p) - 6;
}

/* --- what is hashed (4.3) --- */

static inline void
hash(struct tsig *t, const void *octets, size_t len)
{
	need(EVP_MAC_update(t->hash, octets, len));
}

/* Start over with the key, chained to the message before. */
static void
hash_begin(struct tsig *t)
{
	uint8_t size[2];

	if (t->hash == NULL)
		t->hash = EVP_MAC_CTX_dup(t->key->keyed);
	need(t->hash != NULL && EVP_MAC_init(t->hash, NULL, 0, NULL));
	if (t->mac_len == 0)
		return;
	put16(size, t->mac_len);
	hash(t, size, 2);
	hash(t, t->mac, t->mac_len);
}

static void
hash_message(struct tsig *t, const uint8_t *message, size_t len, unsigned id,
    unsigned additional)
{
	uint8_t header[MESSAGE_HEADER];

	memcpy(header, message, sizeof(header));
	put16(header, id);
	put16(header + 10, additional);
	hash(t, header, sizeof(header));
	hash(t, message + sizeof(header), len - sizeof(header));
}

static void
hash_end(struct tsig *t, const struct record *r, uint8_t mac[64])
{
	uint8_t out[DNAME_MAX + DNAME_MAX + 18], *p = out;
	size_t got;

	if (!t->later) {
		p += name_lower(p, t->key->name);
		put16(p, CLASS_ANY);
		put32(p + 2, 0);
		p += 6;
		p += name_lower(p, algorithm_wire(t->key->algorithm));
	}
	put48(p, r->signed_at);
	put16(p + 6, r->fudge);
	p += 8;
	if (!t->later) {
		put16(p, r->error);
		put16(p + 2, r->other_len);
		p += 4;
	}
	hash(t, out, (size_t)(p - out));
	if (!t->later && r->other_len > 0)
		hash(t, r->other, r->other_len);
	need(EVP_MAC_final(t->hash, mac, &got, 64));
}

void
tsig_end(struct tsig *t)
{
	EVP_MAC_CTX_free(t->hash);
	t->hash = NULL;
}

/* --- writing --- */

static bool
writes(const struct tsig *t)
{
	return t->key != NULL || t->error != TSIG_OK;
}

size_t
tsig_room(const struct tsig *t)
{
	const uint8_t *algorithm;

	if (!writes(t))
		return 0;
	algorithm = t->key != NULL ? algorithm_wire(t->key->algorithm) : t->algorithm;
	return name_len(t->key != NULL ? t->key->name : t->name) + 10 + name_len(algorithm) + 16 +
	    (t->key != NULL ? t->key->mac_len : 0) + 6;
}

/* Who cannot be known or has not signed gets no MAC from us (5.3.2). */
static bool
signs(const struct tsig *t)
{
	return t->key != NULL && t->error != TSIG_BADKEY && t->error != TSIG_BADSIG;
}

size_t
tsig_sign(struct tsig *t, uint8_t *message, size_t len, uint64_t now)
{
	struct record r = { .signed_at = now, .fudge = FUDGE, .id = get16(message),
	    .error = t->error };
	unsigned additional = get16(message + 10), mac_len = 0;
	uint8_t mac[64] = { 0 }, other[6] = { 0 }, *p = message + len, *size;

	if (!writes(t))
		return len;
	if (t->error == TSIG_BADTIME) {
		/* The client believes its own clock, and learns ours (5.2.3). */
		r.signed_at = t->signed_at;
		r.fudge = t->fudge;
		put48(other, now);
		r.other = other;
		r.other_len = sizeof(other);
	}
	if (signs(t)) {
		hash_begin(t);
		hash_message(t, message, len, r.id, additional);
		hash_end(t, &r, mac);
		mac_len = t->key->mac_len;
		/* A client's request has nothing before it; what a server signs after a reply are its
		 * later messages. */
		t->later = t->mac_len != 0;
		memcpy(t->mac, mac, mac_len);
		t->mac_len = (uint8_t)mac_len;
	}
	p += name_lower(p, t->key != NULL ? t->key->name : t->name);
	put16(p, TYPE_TSIG);
	put16(p + 2, CLASS_ANY);
	put32(p + 4, 0);
	size = p + 8;
	p += 10;
	p += name_lower(p, t->key != NULL ? algorithm_wire(t->key->algorithm) : t->algorithm);
	put48(p, r.signed_at);
	put16(p + 6, r.fudge);
	put16(p + 8, mac_len);
	memcpy(p + 10, mac, mac_len);
	p += 10 + mac_len;
	put16(p, r.id);
	put16(p + 2, r.error);
	put16(p + 4, r.other_len);
	memcpy(p + 6, other, r.other_len);
	p += 6 + r.other_len;
	put16(size, (unsigned)(p - size - 2));
	put16(message + 10, additional + 1);
	return (size_t)(p - message);
}

/* --- reading --- */

/* The MAC, then the clock, then the length that we insist on: in this order (5.2). */
static enum tsig_result
verify(struct tsig *t, const struct record *r, const uint8_t *message, size_t at,
    uint64_t now)
{
	unsigned full = t->key->algorithm->len;
	uint8_t mac[64];

	if (r->mac_len > full || r->mac_len < MAC_MIN || r->mac_len < full / 2)
		return TSIG_MALFORMED;
	if (t->unsigned_count == 0)
		hash_begin(t);
	hash_message(t, message, at, r->id, get16(message + 10) - 1u);
	hash_end(t, r, mac);
	if (CRYPTO_memcmp(mac, r->mac, r->mac_len) != 0)
		return TSIG_BADSIG;
	memcpy(t->mac, r->mac, r->mac_len);
	t->mac_len = (uint8_t)r->mac_len;
	t->signed_at = r->signed_at;
	t->fudge = (uint16_t)r->fudge;
	if (now > r->signed_at + r->fudge || r->signed_at > now + r->fudge)
		return TSIG_BADTIME;
	return r->mac_len < t->key->mac_len ? TSIG_BADTRUNC : TSIG_OK;
}

void
tsig_begin(struct tsig *t, const struct tsig_key *key)
{
	*t = (struct tsig){ .key = key };
}

enum tsig_result
tsig_reply(struct tsig *t, const uint8_t *message, size_t *len, uint64_t now)
{
	enum tsig_result result;
	struct record r;
	size_t at;

	if (!tsig_locate(message, *len, &at))
		return TSIG_MALFORMED;
	if (t->key == NULL) {
		if (at != 0)
			*len = at;
		return TSIG_OK;
	}
	if (at == 0) {
		if (!t->later || ++t->unsigned_count > UNSIGNED_MAX)
			return TSIG_MISSING;
		if (t->unsigned_count == 1)
			hash_begin(t);
		hash(t, message, *len);
		return TSIG_OK;
	}
	if (!read_record(&r, message, *len, at))
		return TSIG_MALFORMED;
	*len = at;
	if (!name_equal(r.name, t->key->name) ||
	    !name_equal(r.algorithm, algorithm_wire(t->key->algorithm)))
		return TSIG_BADKEY;
	if (r.mac_len == 0 && (r.error == TSIG_BADKEY || r.error == TSIG_BADSIG)) {
		t->error = r.error;
		return TSIG_REFUSED;
	}
	result = verify(t, &r, message, at, now);
	/* Over UDP the true reply may come after one that is not (5.3). */
	if (result != TSIG_OK)
		return result;
	t->unsigned_count = 0;
	t->later = true;
	if (r.error == TSIG_OK)
		return TSIG_OK;
	t->error = r.error;
	return TSIG_REFUSED;
}

bool
tsig_complete(const struct tsig *t)
{
	return t->unsigned_count == 0;
}

enum tsig_result
tsig_request(struct tsig *t, const struct tsig_keys *keys, const uint8_t *message, size_t len,
    size_t at, uint64_t now)
{
	struct record r;

	*t = (struct tsig){ .key = NULL };
	if (!read_record(&r, message, len, at))
		return TSIG_MALFORMED;
	memcpy(t->name, r.name, name_len(r.name));
	name_lower(t->algorithm, r.algorithm);
	t->key = tsig_find(keys, r.name);
	if (t->key == NULL || !name_equal(r.algorithm, algorithm_wire(t->key->algorithm))) {
		t->key = NULL;
		return t->error = TSIG_BADKEY;
	}
	t->error = verify(t, &r, message, at, now);
	if (t->error == TSIG_MALFORMED) {
		t->key = NULL;
		t->error = TSIG_OK;
		return TSIG_MALFORMED;
	}
	return t->error;
}

const char *
tsig_result_text(enum tsig_result result)
{
	switch (result) {
	case TSIG_OK: return "fine";
	case TSIG_MALFORMED: return "malformed";
	case TSIG_MISSING: return "missing";
	case TSIG_BADSIG: return "BADSIG";
	case TSIG_BADKEY: return "BADKEY";
	case TSIG_BADTIME: return "BADTIME";
	case TSIG_BADTRUNC: return "BADTRUNC";
	case TSIG_REFUSED: return "refused";
	}
	return "of an unknown error";
}
