#include "daemon/serve/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/transfer/xfrout.h"
#include "sync/slot.h"
#include "zonefile/arena.h"
#include "zonefile/message.h"

#define BACKLOG 511
#define IN_SIZE 65536
#define PREFIX 2		/* the length in front of a message (RFC 1035 4.2.2) */
#define OUT_SIZE (4 * (PREFIX + QUERY_OUT_TCP))
#define TURN_SIZE 65000		/* octets of a transfer at a time: a fraction of a millisecond's work */
#define LINGER_MS 20		/* for what arrived together with the order to stop */

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
	bool stopping;
	uint64_t deadline;		/* of stopping */
	struct message_many_names names;
	uint8_t in[IN_SIZE], out[OUT_SIZE];
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
	struct waiting *list;
	struct client *before, *after;
	uint64_t since;
	uint8_t *in;			/* not answered yet: most often nothing */
	size_t in_len;
	uv_write_t write;
	uint8_t *out;			/* being written */
	struct xfrout *transfer;	/* or NULL */
	uint64_t began;			/* when that did */
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

struct tcp_listener {
	uv_tcp_t handle;
	struct tcp *tcp;
};

/* --- time --- */

static void
unlink_client(struct client *c)
{
	struct waiting *list = c->list;

	*(c->before != NULL ? &c->before->after : &list->first) = c->after;
	*(c->after != NULL ? &c->after->before : &list->last) = c->before;
}

static void
append_client(struct waiting *list, struct client *c)
{
	c->list = list;
	c->since = uv_now(c->tcp->loop);
	c->before = list->last;
	c->after = NULL;
	*(list->last != NULL ? &list->last->after : &list->first) = c;
	list->last = c;
}

/* When a client in a transfer has had its time. */
static uint64_t
transfer_due(const struct client *c)
{
	const struct query_transfers *limits = &c->tcp->responder->server->transfers;
	uint64_t due = UINT64_MAX;

	if (limits->idle_ms > 0)
		due = c->since + limits->idle_ms;
	if (limits->max_ms > 0 && c->began + limits->max_ms < due)
		due = c->began + limits->max_ms;
	return due;
}

static void on_timer(uv_timer_t *);

/* Wake up when the first of those waiting has had its time. */
static void
set_timer(struct tcp *t)
{
	const struct waiting *lists[] = { &t->fresh, &t->idle };
	uint64_t now = uv_now(t->loop), next = t->stopping ? t->deadline : UINT64_MAX;

	for (unsigned i = 0; i < 2; i++)
		if (lists[i]->first != NULL && lists[i]->first->since + lists[i]->ms < next)
			next = lists[i]->first->since + lists[i]->ms;
	for (const struct client *c = t->sending.first; c != NULL; c = c->after)
		if (transfer_due(c) < next)
			next = transfer_due(c);
	if (next != UINT64_MAX)
		uv_timer_start(&t->timer, on_timer, next > now ? next - now : 0, 0);
}

/* The client did something: its time begins again. */
static void
touch(struct client *c)
{
	struct tcp *t = c->tcp;
	struct waiting *list = c->transfer != NULL ? &t->sending : &t->idle;
	bool first = list->first == NULL;

	unlink_client(c);
	append_client(list, c);
	/* Otherwise the timer is due no later, and looks again then. */
	if (first)
		set_timer(t);
}

/* --- turns --- */

static void on_turn(uv_idle_t *);

static void
wait_for_turn(struct client *c)
{
	struct tcp *t = c->tcp;

	if (t->turn_first == NULL)
		uv_idle_start(&t->turn, on_turn);
	c->state = SENDING;
	c->turn_before = t->turn_last;
	c->turn_after = NULL;
	*(t->turn_last != NULL ? &t->turn_last->turn_after : &t->turn_first) = c;
	t->turn_last = c;
}

static void
leave_turns(struct client *c)
{
	struct tcp *t = c->tcp;

	*(c->turn_before != NULL ? &c->turn_before->turn_after : &t->turn_first) = c->turn_after;
	*(c->turn_after != NULL ? &c->turn_after->turn_before : &t->turn_last) = c->turn_before;
	if (t->turn_first == NULL)
		uv_idle_stop(&t->turn);
}

/* --- end --- */

static void
release(uv_work_t *work)
{
	struct job *job = work->data;

	xfrout_free(job->transfer);
}

static void
on_released(uv_work_t *work, int status)
{
	(void)status;
	free(work->data);
}

/* The last to hold a large zone gives it back, which takes its time. */
static void
give_back(struct tcp *t, struct xfrout *transfer)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->work.data = job;
	job->transfer = transfer;
	uv_queue_work(t->loop, &job->work, release, on_released);
}

static void
end_transfer(struct client *c, bool whole)
{
	const struct query_server *server = c->tcp->responder->server;
	struct xfrout_facts facts;

	if (c->transfer == NULL)
		return;
	if (server->transferred != NULL && c->job == NULL) {
		xfrout_facts(c->transfer, &facts);
		server->transferred(server->ctx, &c->from.any, &facts, whole,
		    uv_now(c->tcp->loop) - c->began);
	}
	if (c->job != NULL)
		c->job->client = NULL;		/* which gives it back */
	else
		give_back(c->tcp, c->transfer);
	c->transfer = NULL;
}

static void
on_client_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;

	free(c->in);
	free(c->out);
	free(c);
}

static void
close_handles(struct tcp *t)
{
	uv_close((uv_handle_t *)&t->timer, NULL);
	uv_close((uv_handle_t *)&t->turn, NULL);
}

static void
close_client(struct client *c)
{
	struct tcp *t = c->tcp;

	if (c->state == CLOSED)
		return;
	if (c->state == SENDING)
		leave_turns(c);
	c->state = CLOSED;
	end_transfer(c, false);
	unlink_client(c);
	t->count--;
	uv_close((uv_handle_t *)&c->handle, on_client_closed);
	if (t->stopping && t->count == 0)
		close_handles(t);
}

static void
close_late(struct tcp *t, struct waiting *list)
{
	uint64_t now = uv_now(t->loop);

	while (list->first != NULL && list->first->since + list->ms <= now)
		close_client(list->first);
}

static void
close_late_transfers(struct tcp *t)
{
	uint64_t now = uv_now(t->loop);
	struct client *c, *after;

	for (c = t->sending.first; c != NULL; c = after) {
		after = c->after;
		if (transfer_due(c) <= now)
			close_client(c);
	}
}

static struct client *
longest_quiet(const struct tcp *t)
{
	return t->idle.first != NULL ? t->idle.first : t->fresh.first;
}

/* Those that wait for nothing but another question. */
static void
close_quiet(struct waiting *list)
{
	struct client *c, *after;

	for (c = list->first; c != NULL; c = after) {
		after = c->after;
		if (c->state == READING)
			close_client(c);
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct tcp *t = timer->data;

	if (t->stopping) {
		close_quiet(&t->fresh);
		close_quiet(&t->idle);
		if (uv_now(t->loop) >= t->deadline)
			while (t->count > 0)
				close_client(t->sending.first != NULL ? t->sending.first : longest_quiet(t));
		if (t->count == 0)
			return;
	}
	close_late(t, &t->fresh);
	close_late(t, &t->idle);
	close_late_transfers(t);
	if (!t->stopping || t->count > 0)
		set_timer(t);
}

/* --- answers --- */

static void on_read(uv_stream_t *, ssize_t, const uv_buf_t *);
static void on_alloc(uv_handle_t *, size_t, uv_buf_t *);
static void go_on(struct client *);

static void
on_written(uv_write_t *write, int status)
{
	struct client *c = write->data;

	free(c->out);
	c->out = NULL;
	if (c->state == CLOSED)
		return;
	if (status < 0) {
		close_client(c);
		return;
	}
	c->state = READING;
	touch(c);
	go_on(c);
}

/* Write the answers; what the client does not take now is kept, and it is not read until it does. */
static void
flush(struct client *c, size_t len)
{
	struct tcp *t = c->tcp;
	uv_buf_t buf = uv_buf_init((char *)t->out, (unsigned)len);
	int n = uv_try_write((uv_stream_t *)&c->handle, &buf, 1);

	if (n == (int)len)
		return;
	if (n < 0 && n != UV_EAGAIN) {
		close_client(c);
		return;
	}
	if (n < 0)
		n = 0;
	len -= (size_t)n;
	c->out = xmalloc(len);
	memcpy(c->out, t->out + n, len);
	buf = uv_buf_init((char *)c->out, (unsigned)len);
	c->write.data = c;
	c->state = WRITING;
	uv_read_stop((uv_stream_t *)&c->handle);
	if (uv_write(&c->write, (uv_stream_t *)&c->handle, &buf, 1, on_written) < 0)
		close_client(c);
}

/* --- transfers --- */

static void
on_prepared(uv_work_t *work, int status)
{
	struct job *job = work->data;
	struct client *c = job->client;

	(void)status;
	if (c != NULL) {
		c->job = NULL;
		wait_for_turn(c);
	} else {
		give_back(job->tcp, job->transfer);
	}
	free(job);
}

static void
prepare(uv_work_t *work)
{
	struct job *job = work->data;

	xfrout_prepare(job->transfer);
}

static void
start_sending(struct client *c)
{
	uv_read_stop((uv_stream_t *)&c->handle);
	if (!xfrout_waits(c->transfer)) {
		wait_for_turn(c);
		return;
	}
	c->state = PREPARING;
	c->job = xcalloc(1, sizeof(*c->job));
	*c->job = (struct job){ .work.data = c->job, .tcp = c->tcp,
	    .transfer = c->transfer, .client = c };
	uv_queue_work(c->tcp->loop, &c->job->work, prepare, on_prepared);
}

/* Some messages.  Who does not take them all is asked again when it has. */
static void
send_some(struct client *c)
{
	struct tcp *t = c->tcp;
	size_t out = 0;
	int len = 0;

	while (out < TURN_SIZE && OUT_SIZE - out >= PREFIX + XFROUT_ROOM &&
	    (len = xfrout_next(c->transfer, &t->names, t->out + out + PREFIX)) > 0) {
		put16(t->out + out, (unsigned)len);
		out += PREFIX + (size_t)len;
	}
	if (len < 0) {
		close_client(c);
		return;
	}
	c->state = READING;
	if (len == 0)
		end_transfer(c, true);
	if (out > 0)
		flush(c, out);
	if (c->state == CLOSED)
		return;
	touch(c);
	if (c->state == READING)
		go_on(c);
}

/* One client's turn, then whatever else there is to do. */
static void
on_turn(uv_idle_t *turn)
{
	struct tcp *t = turn->data;
	struct client *c = t->turn_first;

	leave_turns(c);
	send_some(c);
}

/* Answer as many whole messages as fit into the buffer.  Returns the octets they took. */
static size_t
answer_some(struct client *c, const uint8_t *in, size_t len)
{
	struct tcp *t = c->tcp;
	struct responder *r = t->responder;
	size_t used = 0, out = 0;

	slot_enter();
	while (len - used >= PREFIX && OUT_SIZE - out >= PREFIX + QUERY_OUT_TCP) {
		size_t size, message = get16(in + used);

		if (len - used - PREFIX < message)
			break;
		size = query_run(r->scratch, r->server, &r->stats, &c->from.any, &c->transfer,
		    in + used + PREFIX, message, t->out + out + PREFIX);
		used += PREFIX + message;
		if (c->transfer != NULL) {
			c->began = uv_now(t->loop);
			break;
		}
		if (size == 0) {
			/* Who sends what cannot be answered is no client. */
			c->ending = true;
			break;
		}
		put16(t->out + out, (unsigned)size);
		out += PREFIX + size;
	}
	slot_leave();
	if (out > 0)
		flush(c, out);
	if (c->transfer != NULL && c->state == READING)
		start_sending(c);
	return used;
}

/* Returns what was used of in.  Ends with answers waiting, the client closed, or a part of a message left. */
static size_t
answer_all(struct client *c, const uint8_t *in, size_t len)
{
	size_t used = 0, some;

	do {
		some = answer_some(c, in + used, len - used);
		used += some;
	} while (some > 0 && c->state == READING && !c->ending);
	if (used > 0 && c->state != CLOSED)
		touch(c);
	return used;
}

/* What was kept comes first; then read on, or end. */
static void
go_on(struct client *c)
{
	if (c->transfer != NULL) {
		start_sending(c);
		return;
	}
	if (c->in_len > 0 && !c->ending) {
		size_t used = answer_all(c, c->in, c->in_len);

		c->in_len -= used;
		memmove(c->in, c->in + used, c->in_len);
	}
	if (c->state != READING)
		return;
	if (c->ending || c->tcp->stopping)
		close_client(c);
	else
		uv_read_start((uv_stream_t *)&c->handle, on_alloc, on_read);
}

static void
on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct client *c = handle->data;

	(void)size;
	*buf = uv_buf_init((char *)c->tcp->in, IN_SIZE);
}

static void
keep(struct client *c, const uint8_t *in, size_t len)
{
	if (len == 0)
		return;
	c->in = xrealloc(c->in, c->in_len + len);
	memcpy(c->in + c->in_len, in, len);
	c->in_len += len;
}

static void
on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct client *c = stream->data;
	size_t used = 0;

	(void)buf;
	if (len == 0)
		return;
	if (len < 0) {
		/* A client that only closed its half still gets what it asked for: it has. */
		close_client(c);
		return;
	}
	if (c->in_len == 0)
		used = answer_all(c, c->tcp->in, (size_t)len);
	if (c->state == CLOSED)
		return;
	if (c->ending && c->state == READING) {
		close_client(c);
		return;
	}
	keep(c, c->tcp->in + used, (size_t)len - used);
	if (used == 0)
		go_on(c);
	if (c->state == READING && c->in_len == 0) {
		free(c->in);
		c->in = NULL;
	}
}

/* --- connections --- */

static void
on_connection(uv_stream_t *stream, int status)
{
	struct tcp_listener *l = stream->data;
	struct tcp *t = l->tcp;
	struct client *c;
	int len = sizeof(c->from);
	bool full = t->count >= t->limit && longest_quiet(t) == NULL;

	/* Out of descriptors, most likely: libuv has closed the connection. */
	if (status < 0)
		return;
	if (t->count >= t->limit && !full)
		close_client(longest_quiet(t));
	c = xcalloc(1, sizeof(*c));
	c->tcp = t;
	c->handle.data = c;
	uv_tcp_init(t->loop, &c->handle);
	t->count++;
	append_client(&t->fresh, c);
	query_count(&t->responder->stats.tcp_connections);
	if (uv_accept(stream, (uv_stream_t *)&c->handle) < 0 ||
	    uv_tcp_getpeername(&c->handle, &c->from.any, &len) < 0 || full) {
		close_client(c);
		return;
	}
	uv_tcp_nodelay(&c->handle, 1);
	uv_read_start((uv_stream_t *)&c->handle, on_alloc, on_read);
	if (t->fresh.first == c)
		set_timer(t);
}

int
tcp_bind(const union worker_address *address)
{
	bool v4 = address->any.sa_family == AF_INET;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
	    (!v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(fd, &address->any, v4 ? sizeof(address->v4) : sizeof(address->v6)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static void
on_listener_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct tcp_listener *
tcp_listen(struct tcp *t, int fd, int *err)
{
	struct tcp_listener *l = xcalloc(1, sizeof(*l));

	l->tcp = t;
	l->handle.data = l;
	uv_tcp_init(t->loop, &l->handle);
	if ((*err = uv_tcp_open(&l->handle, fd)) < 0)
		close(fd);
	else if ((*err = uv_listen((uv_stream_t *)&l->handle, BACKLOG, on_connection)) == 0)
		return l;
	tcp_unlisten(l);
	return NULL;
}

void
tcp_unlisten(struct tcp_listener *l)
{
	uv_close((uv_handle_t *)&l->handle, on_listener_closed);
}

/* --- all of it --- */

struct tcp *
tcp_new(uv_loop_t *loop, struct responder *responder,
    const struct worker_limits *limits)
{
	struct tcp *t = xmalloc(sizeof(*t));

	memset(t, 0, offsetof(struct tcp, names));
	memset(&t->names, 0, sizeof(t->names));
	t->loop = loop;
	t->responder = responder;
	t->limit = limits->tcp_clients > 0 ? limits->tcp_clients : 1;
	t->fresh.ms = limits->tcp_initial_ms;
	t->idle.ms = limits->tcp_idle_ms;
	t->timer.data = t;
	uv_timer_init(loop, &t->timer);
	t->turn.data = t;
	uv_idle_init(loop, &t->turn);
	return t;
}

void
tcp_free(struct tcp *t)
{
	free(t);
}

void
tcp_stop(struct tcp *t, unsigned deadline_ms)
{
	if (t->count == 0) {
		close_handles(t);
		return;
	}
	t->stopping = true;
	t->deadline = uv_now(t->loop) + deadline_ms;
	uv_timer_start(&t->timer, on_timer,
	    deadline_ms < LINGER_MS ? deadline_ms : LINGER_MS, 0);
}
