/* tsig.h - messages signed with a shared key, RFC 8945. */
#ifndef DAEMON_TRANSFER_TSIG_H
#define DAEMON_TRANSFER_TSIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/name.h"

struct tsig_algorithm;

struct tsig_key {
	uint8_t name[DNAME_MAX];		/* lower case */
	const struct tsig_algorithm *algorithm;
	unsigned mac_len;		/* octets that we send, and the fewest that we take (5.2.2.1) */
	void *keyed;			/* tsig.c's: ready to hash */
	unsigned refs;			/* atomic */
};
/* A key that is used lives on without its set. */
const struct tsig_key *tsig_key_ref(const struct tsig_key *);	/* NULL is fine */
void tsig_key_unref(const struct tsig_key *);			/* NULL is fine */

/* A set that grows until it is used, then only read, by any thread.  Keys stay where they are. */
struct tsig_keys;
struct tsig_keys *tsig_keys_new(void);
void tsig_keys_free(struct tsig_keys *);		/* secrets that nobody uses are wiped; NULL is fine */
/* algorithm is as in named.conf: hmac-sha256, hmac-sha256-128 when truncated, hmac-md5.sig-alg.reg.int;
 * secret is base64.  Returns NULL, or what is wrong in a few words, which never show the secret: also
 * that a key of this name is there. */
const char *tsig_keys_add(struct tsig_keys *, const uint8_t *name, const char *algorithm,
    const char *secret);
const struct tsig_key *tsig_find(const struct tsig_keys *, const uint8_t *name);	/* any case; or NULL; keys NULL: none */

/* What became of a message; TSIG_BAD... are the error codes of 3. */
enum tsig_result {
	TSIG_OK = 0,
	TSIG_MALFORMED = 1,	/* FORMERR: not last, twice, cut short */
	TSIG_MISSING = 2,	/* no signature where there must be one */
	TSIG_BADSIG = 16, TSIG_BADKEY = 17, TSIG_BADTIME = 18, TSIG_BADTRUNC = 22,
	TSIG_REFUSED = 23,	/* the peer says that it did not like ours: error is in tsig.error */
};
const char *tsig_result_text(enum tsig_result);		/* "BADSIG" */

/* One exchange, on either side: the request, then a reply or a stream of them.  Zeroed: nothing is signed. */
struct tsig {
	const struct tsig_key *key;
	enum tsig_result error;		/* server: to be told in the reply; client: that the peer told */
	uint8_t name[DNAME_MAX];		/* server: as the request had it, also of a key that is not ours */
	uint8_t algorithm[DNAME_MAX];
	uint64_t signed_at;		/* when the last message that came was signed */
	uint16_t fudge;			/* and how many seconds that may be off */
	uint8_t mac[64];			/* of the message before this, which this one is chained to */
	uint8_t mac_len;
	bool later;			/* the next is not the first of the replies: timers only (5.3.1) */
	unsigned unsigned_count;	/* messages since the last that was signed */
	void *hash;			/* running over those, or free for the next */
};
void tsig_end(struct tsig *);		/* gives back what it holds; zeroed is fine */

/* Where the TSIG record of a message stands, or 0: none.  Returns false when the message is malformed, or has one
 * that is not the last record (5.1). */
bool tsig_locate(const uint8_t *message, size_t len, size_t *at);

/* Octets that tsig_sign() adds at most; 0 when it adds nothing. */
size_t tsig_room(const struct tsig *);
/* Adds the TSIG record to a message that is finished, counts it in ARCOUNT, and returns the new length: of a request, a reply, or each
 * message of a stream of replies.  There is tsig_room() behind it.  After an error in the request the record tells that,
 * unsigned or signed as 5.2 and 5.3.2 say.  now: seconds since 1970. */
size_t tsig_sign(struct tsig *, uint8_t *message, size_t len, uint64_t now);

/* --- client --- */

void tsig_begin(struct tsig *, const struct tsig_key *);	/* NULL: nothing is signed or asked for */
/* The next reply; it is not altered, its header still counts the record, *len becomes what is before it.  The first must be signed,
 * and one in a hundred. */
enum tsig_result tsig_reply(struct tsig *, const uint8_t *message, size_t *len, uint64_t now);
/* Was the last of them signed?  Else the stream is not to be believed. */
bool tsig_complete(const struct tsig *);

/* --- server --- */

/* A request whose TSIG record stands at `at`.  The message is not altered; what is before `at` is the request, its header still
 * counts the record.  TSIG_MALFORMED: answer FORMERR without a signature.  Other errors: NOTAUTH, by tsig_sign().  After
 * TSIG_OK key is set, and tsig_sign() signs the reply.  To be ended by tsig_end() in each case. */
enum tsig_result tsig_request(struct tsig *, const struct tsig_keys *, const uint8_t *message, size_t len,
    size_t at, uint64_t now);
#endif
