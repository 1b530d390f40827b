/* udp.h - a worker's UDP sockets: receive a batch, answer it, send it. */
#ifndef DAEMON_SERVE_UDP_H
#define DAEMON_SERVE_UDP_H

#include <uv.h>

#include "daemon/serve/query.h"
#include "daemon/serve/worker.h"

/* Memory for the batch under way: one a worker. */
struct udp_batch;
struct udp_batch *udp_batch_new(struct responder *);
void udp_batch_free(struct udp_batch *);

/* A socket bound to the address, or -errno.  Any thread. */
int udp_bind(const union worker_address *);

/* Takes the socket and answers what comes. */
struct udp;
struct udp *udp_start(uv_loop_t *, struct udp_batch *, int fd,
    const union worker_address *);
/* Answers what has arrived and closes. */
void udp_stop(struct udp *);
#endif
