/* tcp_client.c - a TCP client's time, turn, end, and what is written to it. */
#include "daemon/serve/tcp_impl.h"

#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"

/* --- time --- */

static void
unlink_client(struct client *c)
{
	struct waiting *list = c->list;

	*(c->before != NULL ? &c->before->after : &list->first) = c->after;
	*(c->after != NULL ? &c->after->before : &list->last) = c->before;
}

void
client_append(struct waiting *list, struct client *c)
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
	uint64_t due = UINT64_MAX;

	if (c->idle_ms > 0)
		due = c->since + c->idle_ms;
	if (c->max_ms > 0 && c->began + c->max_ms < due)
		due = c->began + c->max_ms;
	return due;
}

/* Wake up when the first of those waiting has had its time. */
void
tcp_set_timer(struct tcp *t)
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
		uv_timer_start(&t->timer, tcp_on_timer, next > now ? next - now : 0, 0);
}

void
client_touch(struct client *c)
{
	struct tcp *t = c->tcp;
	struct waiting *list = c->transfer != NULL ? &t->sending : &t->idle;
	bool first = list->first == NULL;

	unlink_client(c);
	client_append(list, c);
	/* Otherwise the timer is due no later, and looks again then. */
	if (first)
		tcp_set_timer(t);
}

/* --- turns --- */

void
client_wait_for_turn(struct client *c)
{
	struct tcp *t = c->tcp;

	if (t->turn_first == NULL)
		uv_idle_start(&t->turn, t->on_turn);
	c->state = SENDING;
	c->turn_before = t->turn_last;
	c->turn_after = NULL;
	*(t->turn_last != NULL ? &t->turn_last->turn_after : &t->turn_first) = c;
	t->turn_last = c;
}

void
client_leave_turns(struct client *c)
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

void
tcp_give_back(struct tcp *t, struct xfrout *transfer)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->work.data = job;
	job->transfer = transfer;
	uv_queue_work(t->loop, &job->work, release, on_released);
}

void
client_end_transfer(struct client *c, bool whole)
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
		tcp_give_back(c->tcp, c->transfer);
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

void
tcp_close_handles(struct tcp *t)
{
	uv_close((uv_handle_t *)&t->timer, NULL);
	uv_close((uv_handle_t *)&t->turn, NULL);
}

void
client_close(struct client *c)
{
	struct tcp *t = c->tcp;

	if (c->state == CLOSED)
		return;
	if (c->state == SENDING)
		client_leave_turns(c);
	c->state = CLOSED;
	client_end_transfer(c, false);
	unlink_client(c);
	t->count--;
	uv_close((uv_handle_t *)&c->handle, on_client_closed);
	if (t->stopping && t->count == 0)
		tcp_close_handles(t);
}

static void
close_late(struct tcp *t, struct waiting *list)
{
	uint64_t now = uv_now(t->loop);

	while (list->first != NULL && list->first->since + list->ms <= now)
		client_close(list->first);
}

static void
close_late_transfers(struct tcp *t)
{
	uint64_t now = uv_now(t->loop);
	struct client *c, *after;

	for (c = t->sending.first; c != NULL; c = after) {
		after = c->after;
		if (transfer_due(c) <= now)
			client_close(c);
	}
}

struct client *
tcp_longest_quiet(const struct tcp *t)
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
			client_close(c);
	}
}

void
tcp_on_timer(uv_timer_t *timer)
{
	struct tcp *t = timer->data;

	if (t->stopping) {
		close_quiet(&t->fresh);
		close_quiet(&t->idle);
		if (uv_now(t->loop) >= t->deadline)
			while (t->count > 0)
				client_close(t->sending.first != NULL ? t->sending.first : tcp_longest_quiet(t));
		if (t->count == 0)
			return;
	}
	close_late(t, &t->fresh);
	close_late(t, &t->idle);
	close_late_transfers(t);
	if (!t->stopping || t->count > 0)
		tcp_set_timer(t);
}

/* --- writing --- */

static void
on_written(uv_write_t *write, int status)
{
	struct client *c = write->data;

	free(c->out);
	c->out = NULL;
	if (c->state == CLOSED)
		return;
	if (status < 0) {
		client_close(c);
		return;
	}
	c->state = READING;
	client_touch(c);
	c->tcp->go_on(c);
}

void
client_write(struct client *c, size_t len)
{
	struct tcp *t = c->tcp;
	uv_buf_t buf = uv_buf_init((char *)t->out, (unsigned)len);
	int n = uv_try_write((uv_stream_t *)&c->handle, &buf, 1);

	if (n == (int)len)
		return;
	if (n < 0 && n != UV_EAGAIN) {
		client_close(c);
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
		client_close(c);
}
