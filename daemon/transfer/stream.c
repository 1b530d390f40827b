#include "daemon/transfer/stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/message.h"

/* A message that is not whole fits behind those that are, and two buffers do for any stream. */
#define ROOM (192 * 1024)

/*
 *	CONNECTING --connected--> READING
 *	READING --whole messages, none out--> batch --stream_next()--> READING
 *	any --fault, end of file, time--> ended (when no batch is out)
 *	any --stream_close()--> ENDED, freed with its handles
 */
struct stream {
	enum { CONNECTING, READING, ENDED } state;
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_connect_t connecting;
	uv_write_t writing;
	unsigned handles;		/* not closed yet */
	const struct stream_limits *limits;
	const struct stream_events *events;
	void *ctx;
	uint8_t *fill, *spare;		/* what is read into; the other one, which is out when out is set */
	size_t filled, whole;		/* octets; of them in whole messages */
	bool out, stopped;		/* stopped: fill is full */
	const char *why;		/* that it has ended, to be told when nothing is out any more */
	char text[128];
	size_t message_len;
	uint8_t message[];		/* behind its length */
};

static void deliver(struct stream *);

static void
on_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;

	if (--s->handles > 0)
		return;
	free(s->fill);
	free(s->spare);
	free(s);
}

void
stream_close(struct stream *s)
{
	assert(s->state != ENDED);
	s->state = ENDED;
	uv_close((uv_handle_t *)&s->tcp, on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}

/* The peer, or the time that it had, is at an end. */
static void
end(struct stream *s, const char *fmt, const char *detail)
{
	if (s->why == NULL) {
		snprintf(s->text, sizeof(s->text), fmt, detail);
		s->why = s->text;
	}
	uv_timer_stop(&s->timer);
	if (s->state == READING)
		uv_read_stop((uv_stream_t *)&s->tcp);
	deliver(s);
}

static void
on_time(uv_timer_t *timer)
{
	struct stream *s = timer->data;
	char seconds[32];

	snprintf(seconds, sizeof(seconds), "%.3g",
	    (s->state == CONNECTING ? s->limits->connect_ms : s->limits->idle_ms) / 1000.0);
	end(s, s->state == CONNECTING ? "no connection within %s s" : "no message within %s s", seconds);
}

static void
find_whole(struct stream *s)
{
	while (s->filled - s->whole >= 2) {
		size_t next = s->whole + 2 + get16(s->fill + s->whole);

		if (next > s->filled)
			return;
		s->whole = next;
	}
}

static void
on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct stream *s = handle->data;

	(void)size;
	*buf = uv_buf_init((char *)s->fill + s->filled, (unsigned)(ROOM - s->filled));
}

static void
on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = tcp->data;

	(void)buf;
	if (n == UV_EOF) {
		end(s, "%s", s->filled > s->whole ? "closed in the middle of a message" : "closed before the end");
		return;
	}
	if (n == UV_ENOBUFS || n == 0)
		return;
	if (n < 0) {
		end(s, "%s", uv_strerror((int)n));
		return;
	}
	s->filled += (size_t)n;
	find_whole(s);
	if (s->filled == ROOM && s->out) {
		uv_read_stop(tcp);
		s->stopped = true;
	}
	deliver(s);
}

/* Give out what is whole, or tell the end once nothing is. */
static void
deliver(struct stream *s)
{
	uint8_t *batch = s->fill;
	size_t len = s->whole;

	if (s->out)
		return;
	if (len > 0) {
		s->fill = s->spare;
		s->spare = batch;
		s->filled -= len;
		s->whole = 0;
		memcpy(s->fill, batch + len, s->filled);
		s->out = true;
		uv_timer_stop(&s->timer);
		s->events->batch(s->ctx, batch, len);
	} else if (s->why != NULL) {
		const char *why = s->why;
		void (*ended)(void *, const char *) = s->events->ended;
		void *ctx = s->ctx;

		stream_close(s);
		ended(ctx, why);	/* lives until the handles are closed */
	}
}

static void
read_on(struct stream *s)
{
	int err = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);

	if (err < 0)
		end(s, "%s", uv_strerror(err));
}

void
stream_next(struct stream *s)
{
	assert(s->out);
	s->out = false;
	if (s->why == NULL)
		uv_timer_start(&s->timer, on_time, s->limits->idle_ms, 0);
	if (s->stopped && s->why == NULL) {
		s->stopped = false;
		read_on(s);
		if (s->state == ENDED)
			return;
	}
	deliver(s);
}

static void
on_written(uv_write_t *write, int status)
{
	struct stream *s = write->data;

	if (status < 0 && s->state == READING)
		end(s, "%s", uv_strerror(status));
}

static void
on_connected(uv_connect_t *connecting, int status)
{
	struct stream *s = connecting->data;
	uv_buf_t buf = uv_buf_init((char *)s->message, (unsigned)s->message_len);

	if (s->state == ENDED)
		return;
	if (status < 0) {
		end(s, "%s", uv_strerror(status));
		return;
	}
	s->state = READING;
	uv_timer_start(&s->timer, on_time, s->limits->idle_ms, 0);
	s->writing.data = s;
	status = uv_write(&s->writing, (uv_stream_t *)&s->tcp, &buf, 1, on_written);
	if (status < 0)
		end(s, "%s", uv_strerror(status));
	else
		read_on(s);
}

static int
start_connecting(struct stream *s, const struct peer *peer)
{
	int err = 0;

	if (peer->source.any.sa_family != AF_UNSPEC)
		err = uv_tcp_bind(&s->tcp, &peer->source.any, 0);
	if (err == 0)
		err = uv_tcp_connect(&s->connecting, &s->tcp, &peer->address.any, on_connected);
	return err;
}

/* What failed at once is told as if it had taken a while. */
static void
on_failed(uv_timer_t *timer)
{
	end(timer->data, "%s", "");
}

struct stream *
stream_open(uv_loop_t *loop, const struct peer *peer, const struct stream_limits *limits,
    const uint8_t *message, size_t len, const struct stream_events *events, void *ctx)
{
	struct stream *s = xcalloc(1, sizeof(*s) + 2 + len);
	int err;

	s->limits = limits;
	s->events = events;
	s->ctx = ctx;
	s->fill = xmalloc(ROOM);
	s->spare = xmalloc(ROOM);
	put16(s->message, (unsigned)len);
	memcpy(s->message + 2, message, len);
	s->message_len = 2 + len;
	uv_tcp_init(loop, &s->tcp);
	uv_timer_init(loop, &s->timer);
	s->handles = 2;
	s->tcp.data = s->timer.data = s->connecting.data = s;
	if ((err = start_connecting(s, peer)) == 0) {
		uv_timer_start(&s->timer, on_time, limits->connect_ms, 0);
	} else {
		s->why = uv_strerror(err);
		uv_timer_start(&s->timer, on_failed, 0, 0);
	}
	return s;
}
