/* nsec3hash.c - hashed owner names of NSEC3 (RFC 5155 5). */
#include "zonefile/nsec3hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/name.h"

/* Fetching a digest takes locks in libcrypto and a context is an allocation: both once a thread. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static EVP_MD *sha1;
static _Thread_local EVP_MD_CTX *context;

static void
fail(const char *what)
{
	fprintf(stderr, "libcrypto: %s\n", what);
	abort();
}

static void
context_free(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static void
prepare(void)
{
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	if (sha1 == NULL || pthread_key_create(&key, context_free) != 0)
		fail("no SHA-1");
}

static EVP_MD_CTX *
context_get(void)
{
	pthread_once(&once, prepare);
	context = EVP_MD_CTX_new();
	if (context == NULL || pthread_setspecific(key, context) != 0)
		fail("out of memory");
	return context;
}

void
nsec3_hash(const struct nsec3_params *params, const uint8_t *name_lower,
    uint8_t out[NSEC3_HASH])
{
	uint8_t in[DNAME_MAX + sizeof(params->salt)];
	EVP_MD_CTX *ctx = context != NULL ? context : context_get();
	size_t len = name_len(name_lower);

	memcpy(in, name_lower, len);
	for (unsigned i = 0; i <= params->iterations; i++) {
		memcpy(in + len, params->salt, params->salt_len);
		if (!EVP_DigestInit_ex(ctx, sha1, NULL) ||
		    !EVP_DigestUpdate(ctx, in, len + params->salt_len) ||
		    !EVP_DigestFinal_ex(ctx, out, NULL))
			fail("no SHA-1");
		memcpy(in, out, NSEC3_HASH);
		len = NSEC3_HASH;
	}
}

size_t
base32hex_encode(char *out, const uint8_t *octets, size_t len)
{
	unsigned bits = 0, have = 0;
	char *start = out;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | octets[i];
		for (have += 8; have >= 5; have -= 5)
			*out++ = "0123456789abcdefghijklmnopqrstuv"[bits >> (have - 5) & 31];
	}
	if (have > 0)
		*out++ = "0123456789abcdefghijklmnopqrstuv"[bits << (5 - have) & 31];
	return (size_t)(out - start);
}

int
base32hex_decode(uint8_t *out, const char *text, size_t len)
{
	unsigned bits = 0, have = 0, digit;
	uint8_t *start = out;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'v')
			digit = (unsigned)((c | 32) - 'a' + 10);
		else
			return -1;
		bits = bits << 5 | digit;
		if ((have += 5) >= 8) {
			have -= 8;
			*out++ = (uint8_t)(bits >> have);
		}
	}
	/* A whole digit left over, or bits that stand for nothing. */
	if (have >= 5 || (bits & ((1u << have) - 1)) != 0)
		return -1;
	return (int)(out - start);
}
