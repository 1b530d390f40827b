/* target_insert.h - rows that wait to be inserted, column by column, as MariaDB's library wants them. */
#ifndef SYNC_TARGET_INSERT_H
#define SYNC_TARGET_INSERT_H

#include "sync/target_impl.h"

#define INSERT_ROWS 5000
#define INSERT_OCTETS (512 * 1024)	/* of their texts */
#define INSERT_INTO "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, ordername, auth) VALUES "

struct texts {
	char *at[INSERT_ROWS];
	unsigned long len[INSERT_ROWS];
};
struct inserts {
	unsigned count;
	size_t used, octets;		/* of text; of a packet with all of them, at most */
	int64_t domain[INSERT_ROWS];
	struct texts name, type, content, ordername;
	int32_t ttl[INSERT_ROWS], prio[INSERT_ROWS];
	char ent[INSERT_ROWS], unordered[INSERT_ROWS];	/* not 0: type, content, ttl and prio are NULL; ordername is */
	int8_t disabled[INSERT_ROWS], auth[INSERT_ROWS];
	char text[INSERT_OCTETS];
};

/* Keeps a copy; false: those that are there must go first, as they fill the room or a packet. */
bool inserts_add(struct inserts *, int64_t domain, const struct row *, size_t packet);
void inserts_clear(struct inserts *);
/* A statement of the rows from *at on, as many as fit into room or one; *at moves behind them. */
void inserts_put(const struct inserts *, unsigned *at, struct text *, size_t room);
#endif
