#include "daemon/serve/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/serve/tcp.h"
#include "daemon/serve/udp.h"
#include "sync/slot.h"
#include "zonefile/arena.h"

/* An address that a worker answers on. */
struct listener {
	struct listener *next;
	union worker_address address;
	struct udp *udp;
	struct tcp_listener *tcp;
};

/* What the control loop wants done; one at a time, and it waits. */
struct order {
	enum { ORDER_LISTEN, ORDER_UNLISTEN, ORDER_SERVER, ORDER_STOP } what;
	const union worker_address *address;
	int udp_fd, tcp_fd, err;	/* LISTEN */
	const struct query_server *server;
	unsigned deadline_ms;
};

struct worker {
	uv_thread_t thread;
	uv_loop_t loop;
	uv_async_t wake;
	uv_sem_t done;
	uv_mutex_t lock;
	struct order *order;		/* under lock */
	/* The worker's thread; stats are read by others. */
	struct responder responder;
	struct udp_batch *batch;
	struct tcp *tcp;
	struct listener *listeners;
};

struct workers {
	unsigned count;
	struct worker worker[];
};

bool
worker_same_address(const union worker_address *a, const union worker_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port &&
		    a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port &&
	    a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
	    IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
}

/* --- in the worker --- */

static void
listen_on(struct worker *w, struct order *order)
{
	struct listener *l;
	struct tcp_listener *tcp = tcp_listen(w->tcp, order->tcp_fd, &order->err);

	if (tcp == NULL) {
		close(order->udp_fd);
		return;
	}
	l = xmalloc(sizeof(*l));
	l->address = *order->address;
	l->tcp = tcp;
	l->udp = udp_start(&w->loop, w->batch, order->udp_fd, order->address);
	l->next = w->listeners;
	w->listeners = l;
}

static void
unlisten(struct worker *w, const union worker_address *address)
{
	struct listener **at = &w->listeners, *l;

	while ((l = *at) != NULL) {
		if (address != NULL && !worker_same_address(&l->address, address)) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		tcp_unlisten(l->tcp);
		udp_stop(l->udp);
		free(l);
	}
}

static void
on_wake(uv_async_t *wake)
{
	struct worker *w = wake->data;
	struct order *order;

	uv_mutex_lock(&w->lock);
	order = w->order;
	w->order = NULL;
	uv_mutex_unlock(&w->lock);
	if (order == NULL)
		return;
	switch (order->what) {
	case ORDER_LISTEN:
		listen_on(w, order);
		break;
	case ORDER_UNLISTEN:
		unlisten(w, order->address);
		break;
	case ORDER_SERVER:
		w->responder.server = order->server;
		break;
	case ORDER_STOP:
		/* The loop ends when the last handle is closed. */
		unlisten(w, NULL);
		tcp_stop(w->tcp, order->deadline_ms);
		uv_close((uv_handle_t *)&w->wake, NULL);
		break;
	}
	uv_sem_post(&w->done);
}

static void
work(void *arg)
{
	struct worker *w = arg;
	sigset_t all;

	/* Signals are the control loop's, and SIGPIPE nobody's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	slot_thread_begin();
	uv_run(&w->loop, UV_RUN_DEFAULT);
	slot_thread_end();
}

/* --- in the control loop --- */

static void
give(struct worker *w, struct order *order)
{
	uv_mutex_lock(&w->lock);
	w->order = order;
	uv_mutex_unlock(&w->lock);
	uv_async_send(&w->wake);
}

/* The same order to all of them; returns when all have done it. */
static void
give_all(struct workers *ws, struct order *order)
{
	for (unsigned i = 0; i < ws->count; i++)
		give(&ws->worker[i], order);
	for (unsigned i = 0; i < ws->count; i++)
		uv_sem_wait(&ws->worker[i].done);
}

static void
worker_free(struct worker *w)
{
	uv_sem_destroy(&w->done);
	uv_mutex_destroy(&w->lock);
	tcp_free(w->tcp);
	udp_batch_free(w->batch);
	query_scratch_free(w->responder.scratch);
}

/* Returns 0 or -errno. */
static int
worker_start(struct worker *w, const struct query_server *server,
    const struct worker_limits *limits)
{
	int err;

	if ((err = uv_loop_init(&w->loop)) < 0)
		return err;
	if ((err = uv_async_init(&w->loop, &w->wake, on_wake)) < 0) {
		uv_loop_close(&w->loop);
		return err;
	}
	w->wake.data = w;
	uv_sem_init(&w->done, 0);
	uv_mutex_init(&w->lock);
	w->responder.scratch = query_scratch_new();
	w->responder.server = server;
	w->batch = udp_batch_new(&w->responder);
	w->tcp = tcp_new(&w->loop, &w->responder, limits);
	if ((err = uv_thread_create(&w->thread, work, w)) == 0)
		return 0;
	tcp_stop(w->tcp, 0);
	uv_close((uv_handle_t *)&w->wake, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	uv_loop_close(&w->loop);
	worker_free(w);
	return err;
}

struct workers *
workers_new(unsigned count, const struct query_server *server,
    const struct worker_limits *limits)
{
	struct workers *ws = xcalloc(1, sizeof(*ws) + count * sizeof(ws->worker[0]));
	int err;

	for (; ws->count < count; ws->count++)
		if ((err = worker_start(&ws->worker[ws->count], server, limits)) < 0) {
			workers_stop(ws, 0);
			errno = -err;
			return NULL;
		}
	return ws;
}

int
workers_listen(struct workers *ws, const union worker_address *address)
{
	struct order *orders = xcalloc(ws->count, sizeof(*orders));
	unsigned i, opened;
	int err = 0;

	/* All sockets before the first is read: with SO_REUSEPORT a late one would take clients from the others. */
	for (opened = 0; opened < ws->count && err == 0; opened++) {
		struct order *o = &orders[opened];

		o->what = ORDER_LISTEN;
		o->address = address;
		o->tcp_fd = -1;
		if ((o->udp_fd = udp_bind(address)) < 0)
			err = o->udp_fd;
		else if ((o->tcp_fd = tcp_bind(address)) < 0)
			err = o->tcp_fd;
	}
	if (err != 0) {
		for (i = 0; i < opened; i++) {
			if (orders[i].udp_fd >= 0)
				close(orders[i].udp_fd);
			if (orders[i].tcp_fd >= 0)
				close(orders[i].tcp_fd);
		}
		free(orders);
		return err;
	}
	for (i = 0; i < ws->count; i++)
		give(&ws->worker[i], &orders[i]);
	for (i = 0; i < ws->count; i++) {
		uv_sem_wait(&ws->worker[i].done);
		if (orders[i].err != 0)
			err = orders[i].err;
	}
	if (err != 0)
		workers_unlisten(ws, address);
	free(orders);
	return err;
}

void
workers_unlisten(struct workers *ws, const union worker_address *address)
{
	struct order order = { .what = ORDER_UNLISTEN, .address = address };

	give_all(ws, &order);
}

void
workers_set_server(struct workers *ws, const struct query_server *server)
{
	struct order order = { .what = ORDER_SERVER, .server = server };

	give_all(ws, &order);
}

void
workers_stop(struct workers *ws, unsigned deadline_ms)
{
	struct order order = { .what = ORDER_STOP, .deadline_ms = deadline_ms };

	give_all(ws, &order);
	for (unsigned i = 0; i < ws->count; i++) {
		struct worker *w = &ws->worker[i];

		uv_thread_join(&w->thread);
		uv_loop_close(&w->loop);
		worker_free(w);
	}
	free(ws);
}

void
workers_stats(struct workers *ws, struct query_stats *sum)
{
	const size_t n = sizeof(*sum) / sizeof(uint64_t);
	uint64_t *to = (uint64_t *)sum;

	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < ws->count; i++) {
		const uint64_t *from = (const uint64_t *)&ws->worker[i].responder.stats;

		for (size_t k = 0; k < n; k++)
			to[k] += __atomic_load_n(&from[k], __ATOMIC_RELAXED);
	}
}
