/* server.h - what workers are told about all questions, and what they tell. */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include <stdbool.h>

#include "daemon/config/conf.h"
#include "daemon/serve/query.h"

struct history;

/* Its strings and lists are the configuration's; history and keys may be NULL.  To be freed. */
struct query_server *server_new(const struct conf *, const struct tsig_keys *, struct history *, bool log_queries);
#endif
