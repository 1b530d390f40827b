/* tcp_impl.h - the clients of a worker; for tcp.c and tcp_client.c. */
#ifndef DAEMON_SERVE_TCP_IMPL_H
#define DAEMON_SERVE_TCP_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "daemon/serve/query.h"
#include "daemon/serve/tcp.h"
#include "daemon/transfer/xfrout.h"
#include "zonefile/message.h"

#define TCP_IN_SIZE 65536
#define TCP_PREFIX 2		/* the length in front of a message (RFC 1035 4.2.2) */
#define TCP_OUT_SIZE (4 * (TCP_PREFIX + QUERY_OUT_TCP))

/* Clients in the order in which their time ends: all in one list wait equally long. */
struct waiting {
	struct client *first, *last;
	unsigned ms;
};

struct tcp {
	uv_loop_t *loop;
	struct responder *responder;
	unsigned limit, count;
	struct waiting fresh;		/* have not asked anything yet */
	struct waiting idle;		/* have; since their last question or answer taken */
	struct waiting sending;		/* are in a transfer; since they took the last of it */
	struct client *turn_first, *turn_last;	/* can take more of their transfers */
	uv_idle_t turn;			/* runs while there are such */
	uv_timer_t timer;
	/* tcp.c's: run while clients can take more of their transfers; a client has taken all that was written. */
	uv_idle_cb on_turn;
	void (*go_on)(struct client *);
	bool stopping;
	uint64_t deadline;		/* of stopping */
	struct message_many_names names;
	uint8_t in[TCP_IN_SIZE], out[TCP_OUT_SIZE];
};

/* One connection.
 *
 *	READING  answers not all taken --------> WRITING, not read meanwhile
 *	WRITING  taken, and nothing waits -----> READING
 *	READING  end of file, garbage ---------> CLOSED
 *	WRITING  taken, and no more will come -> CLOSED
 *	any      time out, error, pushed out --> CLOSED, freed when libuv is done with it
 *
 *	READING  a transfer is asked for ------> SENDING, or first PREPARING in the pool
 *	SENDING  its turn, and all taken ------> SENDING, behind the others; READING after the last of it
 *	SENDING  its turn, not all taken ------> WRITING
 *	WRITING  taken, in a transfer ---------> SENDING
 */
struct client {
	uv_tcp_t handle;
	enum { READING, WRITING, PREPARING, SENDING, CLOSED } state;
	bool ending;			/* end of file or garbage: closed when the answers are taken */
	struct tcp *tcp;
	union worker_address from;
	uint16_t port;			/* of ours */
	struct waiting *list;
	struct client *before, *after;
	uint64_t since;
	uint8_t *in;			/* not answered yet: most often nothing */
	size_t in_len;
	uv_write_t write;
	uint8_t *out;			/* being written */
	struct xfrout *transfer;	/* or NULL */
	uint64_t began;			/* when that did */
	unsigned max_ms, idle_ms;	/* that it may take, and stand still; 0: for ever */
	struct job *job;		/* while PREPARING */
	struct client *turn_before, *turn_after;	/* while SENDING */
};

/* Work on a transfer in the pool. */
struct job {
	uv_work_t work;
	struct tcp *tcp;
	struct xfrout *transfer;
	struct client *client;		/* that waits for it; NULL: none any more */
};

/* --- tcp_client.c: what all clients have in common --- */

void client_append(struct waiting *, struct client *);
/* It did something: its time begins again. */
void client_touch(struct client *);
void client_wait_for_turn(struct client *);
void client_leave_turns(struct client *);
void client_end_transfer(struct client *, bool whole);
void client_close(struct client *);
/* Of what is in out.  What the client does not take now is kept, and it is not read until it does. */
void client_write(struct client *, size_t len);

void tcp_set_timer(struct tcp *);
void tcp_on_timer(uv_timer_t *);
/* The last to hold a large zone gives it back, which takes its time. */
void tcp_give_back(struct tcp *, struct xfrout *);
/* Who has waited longest for a question, or NULL. */
struct client *tcp_longest_quiet(const struct tcp *);
void tcp_close_handles(struct tcp *);
#endif
