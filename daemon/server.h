/* server.h - what workers are told about all questions, and what they tell. */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include <stdbool.h>

#include "daemon/config/conf.h"
#include "daemon/serve/query.h"

struct history;

/* Transfers to others that have ended since the start.  Any thread. */
struct server_counts {
	uint64_t sent, broken_off;
};
void server_counts(struct server_counts *);

/* Its strings and lists are the configuration's; history and keys may be NULL.  To be freed. */
struct query_server *server_new(const struct conf *, const struct tsig_keys *, struct history *, bool log_queries);
#endif
