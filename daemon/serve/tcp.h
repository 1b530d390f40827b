/* tcp.h - a worker's TCP listeners and clients. */
#ifndef DAEMON_SERVE_TCP_H
#define DAEMON_SERVE_TCP_H

#include <uv.h>

#include "daemon/serve/query.h"
#include "daemon/serve/worker.h"

/* All of it belongs to the thread of the loop. */
struct tcp;
struct tcp *tcp_new(uv_loop_t *, struct responder *, const struct worker_limits *);
void tcp_free(struct tcp *);		/* stopped, and the loop has ended */

/* A listening socket, or -errno.  Any thread. */
int tcp_bind(const union worker_address *);

/* Takes the socket.  Returns NULL with *err set to -errno when it cannot be listened on; it is closed then. */
struct tcp_listener;
struct tcp_listener *tcp_listen(struct tcp *, int fd, int *err);
/* Its clients stay. */
void tcp_unlisten(struct tcp_listener *);

/* No listener is left.  Answers what has arrived and closes; who has not taken its answers by then is
 * cut off. */
void tcp_stop(struct tcp *, unsigned deadline_ms);
#endif
