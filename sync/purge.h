/* purge.h - tell PowerDNS servers to forget what they have cached. */
#ifndef SYNC_PURGE_H
#define SYNC_PURGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A set of servers, each with a bit: control sockets first, then APIs, in the order given.  At most 64.  Lists are NULL or have
 * NULL at the end; strings live as long as the purge.  A control socket is a path; an API is http://HOST[:PORT],
 * asked with the key in key_file. */
struct purge;
struct purge *purge_new(const char *const *controls, const char *const *apis,
    const char *key_file);
void purge_free(struct purge *);		/* NULL is fine */
uint64_t purge_servers(const struct purge *);	/* the bits of all */

/* A zone to forget; name as in domains.name. */
struct purge_zone {
	const char *name;
	bool created;			/* or removed: the server must look for its zones again first */
};

/* After COMMIT.  Asks the servers in the set all at once, waits at most some 2 seconds for an answer of each step, and
 * returns those that did not acknowledge all of it: to be asked again.  why: of the last one, NUL at the end. */
uint64_t purge_send(struct purge *, uint64_t servers,
    const struct purge_zone *, size_t count, char *why, size_t size);
#endif
