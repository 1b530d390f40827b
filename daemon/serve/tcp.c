#include "daemon/serve/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/serve/tcp_impl.h"
#include "sync/slot.h"
#include "zonefile/arena.h"
#include "zonefile/message.h"

#define BACKLOG 511
#define TURN_SIZE 65000		/* octets of a transfer at a time: a fraction of a millisecond's work */
#define UNSENT_MAX 131072	/* octets that wait in the system for a client that takes them slowly */
#define LINGER_MS 20		/* for what arrived together with the order to stop */
#define ACCEPT_MAX 32		/* connections a turn */
#define PAUSE_MS 50		/* without a descriptor, and nobody to take one from */

struct tcp_listener {
	uv_poll_t handle;
	uv_timer_t pause;
	unsigned open_handles;
	int fd;
	struct tcp *tcp;
	uint16_t port;
};

/* --- transfers --- */

static void on_read(uv_stream_t *, ssize_t, const uv_buf_t *);
static void on_alloc(uv_handle_t *, size_t, uv_buf_t *);
static void go_on(struct client *);

static void
on_prepared(uv_work_t *work, int status)
{
	struct job *job = work->data;
	struct client *c = job->client;

	(void)status;
	if (c != NULL) {
		c->job = NULL;
		client_wait_for_turn(c);
	} else {
		tcp_give_back(job->tcp, job->transfer);
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
		client_wait_for_turn(c);
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

	while (out < TURN_SIZE && TCP_OUT_SIZE - out >= TCP_PREFIX + XFROUT_ROOM &&
	    (len = xfrout_next(c->transfer, &t->names, t->out + out + TCP_PREFIX)) > 0) {
		put16(t->out + out, (unsigned)len);
		out += TCP_PREFIX + (size_t)len;
	}
	if (len < 0) {
		client_close(c);
		return;
	}
	c->state = READING;
	if (len == 0)
		client_end_transfer(c, true);
	if (out > 0)
		client_write(c, out);
	if (c->state == CLOSED)
		return;
	client_touch(c);
	if (c->state == READING)
		go_on(c);
}

/* One client's turn, then whatever else there is to do. */
static void
on_turn(uv_idle_t *turn)
{
	struct tcp *t = turn->data;
	struct client *c = t->turn_first;

	client_leave_turns(c);
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
	while (len - used >= TCP_PREFIX && TCP_OUT_SIZE - out >= TCP_PREFIX + QUERY_OUT_TCP) {
		size_t size, message = get16(in + used);

		if (len - used - TCP_PREFIX < message)
			break;
		size = query_run(r->scratch, r->server, &r->stats, &c->from.any, c->port, &c->transfer,
		    in + used + TCP_PREFIX, message, t->out + out + TCP_PREFIX);
		used += TCP_PREFIX + message;
		if (c->transfer != NULL) {
			c->began = uv_now(t->loop);
			xfrout_time(c->transfer, &c->max_ms, &c->idle_ms);
			break;
		}
		if (size == 0) {
			/* Who sends what cannot be answered is no client. */
			c->ending = true;
			break;
		}
		put16(t->out + out, (unsigned)size);
		out += TCP_PREFIX + size;
	}
	slot_leave();
	if (out > 0)
		client_write(c, out);
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
		client_touch(c);
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
		client_close(c);
	else
		uv_read_start((uv_stream_t *)&c->handle, on_alloc, on_read);
}

static void
on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct client *c = handle->data;

	(void)size;
	*buf = uv_buf_init((char *)c->tcp->in, TCP_IN_SIZE);
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
		client_close(c);
		return;
	}
	if (c->in_len == 0)
		used = answer_all(c, c->tcp->in, (size_t)len);
	if (c->state == CLOSED)
		return;
	if (c->ending && c->state == READING) {
		client_close(c);
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

static void on_acceptable(uv_poll_t *, int, int);

/* A connection, or -errno.  Without a descriptor left who is quiet for longest makes room (RFC 7766 6.2.3). */
static int
accept_one(struct tcp_listener *l, union worker_address *from)
{
	struct tcp *t = l->tcp;
	int fd;

	for (;;) {
		socklen_t len = sizeof(*from);

		if ((fd = accept4(l->fd, &from->any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
			return fd;
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EMFILE && errno != ENFILE)
			return -errno;
		/* Which the system says without looking whether anybody waits. */
		if (poll(&(struct pollfd){ .fd = l->fd, .events = POLLIN }, 1, 0) != 1)
			return -EAGAIN;
		if (tcp_longest_quiet(t) == NULL)
			return -EMFILE;
		client_close(tcp_longest_quiet(t));
	}
}

static void
begin(const struct tcp_listener *l, int fd, const union worker_address *from)
{
	struct client *c = xcalloc(1, sizeof(*c));
	struct tcp *t = l->tcp;

	if (t->count >= t->limit && tcp_longest_quiet(t) != NULL)
		client_close(tcp_longest_quiet(t));
	c->tcp = t;
	c->from = *from;
	c->port = l->port;
	c->handle.data = c;
	uv_tcp_init(t->loop, &c->handle);
	t->count++;
	client_append(&t->fresh, c);
	query_count(&t->responder->stats.tcp_connections);
	if (uv_tcp_open(&c->handle, fd) < 0) {
		close(fd);
		client_close(c);
		return;
	}
	/* All others are in transfers. */
	if (t->count > t->limit) {
		client_close(c);
		return;
	}
	uv_tcp_nodelay(&c->handle, 1);
	uv_read_start((uv_stream_t *)&c->handle, on_alloc, on_read);
	if (t->fresh.first == c)
		tcp_set_timer(t);
}

static void
on_pause_over(uv_timer_t *pause)
{
	struct tcp_listener *l = pause->data;

	uv_poll_start(&l->handle, UV_READABLE, on_acceptable);
}

static void
on_acceptable(uv_poll_t *handle, int status, int events)
{
	struct tcp_listener *l = handle->data;
	union worker_address from;
	int fd = 0;

	(void)status;
	(void)events;
	for (unsigned i = 0; i < ACCEPT_MAX && (fd = accept_one(l, &from)) >= 0; i++)
		begin(l, fd, &from);
	if (fd >= 0 || fd == -EAGAIN)
		return;
	/* It stays acceptable, and asking again at once would be all that is done. */
	uv_poll_stop(&l->handle);
	uv_timer_start(&l->pause, on_pause_over, PAUSE_MS, 0);
}

int
tcp_bind(const union worker_address *address)
{
	bool v4 = address->any.sa_family == AF_INET;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, unsent = UNSENT_MAX;

	if (fd < 0)
		return -errno;
	/* Connections have it from their listener.  Else the system keeps up to a megabyte for each. */
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
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
	struct tcp_listener *l = handle->data;

	if (--l->open_handles == 0)
		free(l);
}

struct tcp_listener *
tcp_listen(struct tcp *t, int fd, int *err)
{
	struct tcp_listener *l = xcalloc(1, sizeof(*l));
	union worker_address address;
	socklen_t len = sizeof(address);

	if ((*err = uv_poll_init(t->loop, &l->handle, fd)) < 0) {
		close(fd);
		free(l);
		return NULL;
	}
	l->tcp = t;
	l->fd = fd;
	if (getsockname(fd, &address.any, &len) == 0)
		l->port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
	uv_timer_init(t->loop, &l->pause);
	l->handle.data = l->pause.data = l;
	l->open_handles = 2;
	uv_poll_start(&l->handle, UV_READABLE, on_acceptable);
	return l;
}

void
tcp_unlisten(struct tcp_listener *l)
{
	uv_close((uv_handle_t *)&l->handle, on_listener_closed);
	uv_close((uv_handle_t *)&l->pause, on_listener_closed);
	close(l->fd);
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
	t->on_turn = on_turn;
	t->go_on = go_on;
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
		tcp_close_handles(t);
		return;
	}
	t->stopping = true;
	t->deadline = uv_now(t->loop) + deadline_ms;
	uv_timer_start(&t->timer, tcp_on_timer,
	    deadline_ms < LINGER_MS ? deadline_ms : LINGER_MS, 0);
}
