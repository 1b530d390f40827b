/* worker.h - a thread that answers: a loop, its sockets, its scratch memory. */
#ifndef DAEMON_SERVE_WORKER_H
#define DAEMON_SERVE_WORKER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/serve/query.h"

union worker_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};
bool worker_same_address(const union worker_address *, const union worker_address *);	/* and port */

struct worker_limits {
	unsigned tcp_clients;			/* of one worker; at least one */
	unsigned tcp_idle_ms, tcp_initial_ms;
};

/* Threads that answer; all calls but workers_stats() from the control loop.  Returns NULL with errno set when the
 * system gives no thread or loop. */
struct workers;
struct workers *workers_new(unsigned count, const struct query_server *, const struct worker_limits *);
/* Start and stop answering on an address while the workers run: one UDP socket and one TCP listener a worker
 * (SO_REUSEPORT).  -errno names what the system said, and nothing is left open then. */
int workers_listen(struct workers *, const union worker_address *);
void workers_unlisten(struct workers *, const union worker_address *);
/* Answer what has arrived, close, join; connections under way get until the deadline.  Frees. */
void workers_stop(struct workers *, unsigned deadline_ms);
/* A new server description for all of them; the old one is no longer used when this returns. */
void workers_set_server(struct workers *, const struct query_server *);
/* Sums over all workers; any thread, fields may be of slightly different moments. */
void workers_stats(struct workers *, struct query_stats *);
#endif
