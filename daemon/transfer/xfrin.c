#include "daemon/transfer/xfrin.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/transfer/inbound.h"
#include "daemon/transfer/request.h"
#include "daemon/transfer/stream.h"
#include "zonefile/arena.h"
#include "zonefile/message.h"

/*
 *	ASKING --batch--> READING (pool) --more--> ASKING
 *	                  READING --the master has nothing newer, a zone, a fault--> ENDING
 *	                  READING --differences that do not fit, IXFR or EDNS not known--> ASKING, without them
 *	ASKING, READING --closed, time, xfrin_cancel()--> ENDING (once the pool is done with it)
 *	ENDING --timer closed--> freed
 */
struct xfrin {
	enum { ASKING, READING, ENDING } state;
	uv_loop_t *loop;
	uv_timer_t timer;		/* of the whole, and of the rate */
	struct stream *stream;		/* NULL: none open */
	struct stream_limits stream_limits;
	struct peer peer;		/* holds a reference to its key */
	struct xfrin_limits limits;
	struct zone *have;
	bool incremental, edns;		/* how it is asked for now */
	uint64_t started, rated, rate_base;	/* ms, ms, octets */
	xfrin_done_fn *done;		/* NULL: cancelled */
	void *ctx;
	struct xfrin_outcome outcome;
	const char *stopped;		/* while READING: that it is to end, and why */
	char why[512], fell_back[512];
	uint8_t origin[DNAME_MAX];

	/* the pool's while READING */
	uv_work_t work;
	struct inbound *inbound;
	struct tsig tsig;
	const uint8_t *octets;
	size_t len;
	enum inbound_state got;
	struct zone *zone;
};

static void ask(struct xfrin *);

static void
on_closed(uv_handle_t *timer)
{
	struct xfrin *x = timer->data;

	tsig_key_unref(x->peer.key);
	zone_unref(x->have);
	free(x);
}

/* The only way out, so done is called once. */
static void
finish(struct xfrin *x, int result)
{
	struct xfrin_outcome *o = &x->outcome;

	x->state = ENDING;
	if (x->stream != NULL)
		stream_close(x->stream);
	uv_close((uv_handle_t *)&x->timer, on_closed);
	o->result = result;
	o->ms = (unsigned)(uv_now(x->loop) - x->started);
	o->why = result == XFRIN_FAILED ? x->why : NULL;
	o->fell_back = x->fell_back[0] != '\0' ? x->fell_back : NULL;
	if (x->inbound != NULL) {
		o->serial = inbound_serial(x->inbound);
		o->differences = inbound_differences(x->inbound);
		o->records = inbound_records(x->inbound);
		o->has_expire = inbound_expire(x->inbound, &o->expire);
	}
	inbound_free(x->inbound);
	tsig_end(&x->tsig);
	if (x->done != NULL)
		x->done(x->ctx, o);
	else
		zone_unref(o->zone);
}

static void __attribute__((format(printf, 2, 3)))
explain(struct xfrin *x, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(x->why, sizeof(x->why), fmt, args);
	va_end(args);
}

static void
fail(struct xfrin *x, const char *why)
{
	explain(x, "%s", why);
	finish(x, XFRIN_FAILED);
}

/* --- reading, in the pool --- */

static bool
is_error(const uint8_t *message, size_t len)
{
	return len >= MESSAGE_HEADER && (message[3] & 0xf) != 0;
}

/* Its signature, then what it says.  Errors may come from who does not have the key. */
static void
read_message(struct xfrin *x, const uint8_t *message, size_t len)
{
	size_t left = len;
	enum tsig_result signature = tsig_reply(&x->tsig, message, &left, (uint64_t)time(NULL));

	x->got = INBOUND_WRONG;
	if (signature == TSIG_REFUSED)
		explain(x, "our signature is refused: %s", tsig_result_text(x->tsig.error));
	else if (signature == TSIG_MALFORMED)
		explain(x, "the answer is malformed");
	else if (signature != TSIG_OK && !(signature == TSIG_MISSING && is_error(message, len)))
		explain(x, "the signature of the answer is %s", tsig_result_text(signature));
	else if ((x->got = inbound_message(x->inbound, message, left)) > INBOUND_WHOLE)
		explain(x, "%s%s", x->got == INBOUND_WRONG ? "the answer " : "", inbound_why(x->inbound));
	else if (x->got == INBOUND_MORE || tsig_complete(&x->tsig))
		return;
	else {
		x->got = INBOUND_WRONG;
		explain(x, "the last message is not signed");
	}
}

static void
read_batch(uv_work_t *work)
{
	struct xfrin *x = work->data;
	const uint8_t *p = x->octets, *end = p + x->len;

	x->got = INBOUND_MORE;
	for (; p < end && x->got == INBOUND_MORE; p += 2 + get16(p)) {
		x->outcome.messages++;
		read_message(x, p + 2, get16(p));
	}
	if (x->got != INBOUND_WHOLE)
		return;
	x->zone = inbound_finish(x->inbound, &x->got);
	if (x->zone == NULL)
		explain(x, "%s%s", x->got == INBOUND_WRONG ? "the answer makes no zone: " : "", inbound_why(x->inbound));
}

/* --- on the loop --- */

/* Ask again in a simpler way, once for each. */
static bool
simplify(struct xfrin *x)
{
	unsigned rcode = x->got == INBOUND_REFUSED ? inbound_rcode(x->inbound) : RCODE_NOERROR;
	bool unknown = rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP;

	if (x->got == INBOUND_MISFIT || (x->incremental && !x->edns && unknown)) {
		snprintf(x->fell_back, sizeof(x->fell_back), "%s", x->why);
		x->incremental = false;
	} else if (x->edns && unknown) {
		x->edns = false;
	} else {
		return false;
	}
	stream_close(x->stream);
	ask(x);
	return true;
}

static void
on_batch_read(uv_work_t *work, int status)
{
	struct xfrin *x = work->data;

	(void)status;
	x->state = ASKING;
	if (x->got == INBOUND_WHOLE) {
		x->outcome.zone = x->zone;
		finish(x, XFRIN_ZONE);
	} else if (x->got == INBOUND_SAME) {
		finish(x, XFRIN_SAME);
	} else if (x->stopped != NULL) {
		fail(x, x->stopped);
	} else if (x->got == INBOUND_MORE) {
		stream_next(x->stream);
	} else if (!simplify(x)) {
		x->outcome.bad = x->got != INBOUND_REFUSED;
		finish(x, XFRIN_FAILED);
	}
}

static void
on_batch(void *ctx, const uint8_t *octets, size_t len)
{
	struct xfrin *x = ctx;

	x->outcome.octets += len;
	if (x->outcome.octets > x->limits.max_octets) {
		explain(x, "the answer has more than %" PRIu64 " octets", x->limits.max_octets);
		x->outcome.bad = true;
		finish(x, XFRIN_FAILED);
		return;
	}
	x->state = READING;
	x->octets = octets;
	x->len = len;
	x->work.data = x;
	uv_queue_work(x->loop, &x->work, read_batch, on_batch_read);
}

static void
on_ended(void *ctx, const char *why)
{
	struct xfrin *x = ctx;

	x->stream = NULL;
	fail(x, why);
}

static void
ask(struct xfrin *x)
{
	static const struct stream_events events = { on_batch, on_ended };
	struct request request = { request_id(), x->incremental ? T_IXFR : T_AXFR, false, x->edns,
	    !x->peer.no_expire, x->origin,
	    x->incremental ? zone_soa(x->have) : NULL };
	struct inbound_conf conf = { .origin = x->origin, .have = x->incremental ? x->have : NULL,
	    .max_records = x->limits.max_records, .max_octets = x->limits.max_octets,
	    .max_diffs = x->limits.max_diffs,
	    .checks = x->limits.checks, .report = x->limits.report, .id = request.id };
	uint8_t message[REQUEST_ROOM];
	size_t len = request_write(&request, message);

	inbound_free(x->inbound);
	x->inbound = inbound_new(&conf);
	tsig_end(&x->tsig);
	tsig_begin(&x->tsig, x->peer.key);
	len = tsig_sign(&x->tsig, message, len, (uint64_t)time(NULL));
	x->stream = stream_open(x->loop, &x->peer, &x->stream_limits, message, len, &events, x);
}

/* --- time --- */

static void
stop(struct xfrin *x, const char *why)
{
	if (x->state == READING)
		x->stopped = why;
	else
		fail(x, why);
}

static void on_time(uv_timer_t *);

static void
set_timer(struct xfrin *x)
{
	uint64_t now = uv_now(x->loop), next = x->started + x->limits.total_ms;

	if (x->limits.rate_ms > 0 && x->rated + x->limits.rate_ms < next)
		next = x->rated + x->limits.rate_ms;
	uv_timer_start(&x->timer, on_time, next > now ? next - now : 0, 0);
}

static void
on_time(uv_timer_t *timer)
{
	struct xfrin *x = timer->data;
	uint64_t now = uv_now(x->loop);

	if (now >= x->started + x->limits.total_ms) {
		stop(x, "it takes too long");
		return;
	}
	/* While a batch is being read it is not the master that we wait for. */
	if (x->state == ASKING && x->outcome.octets < x->rate_base + x->limits.rate_octets) {
		stop(x, "it is too slow");
		return;
	}
	x->rated = now;
	x->rate_base = x->outcome.octets;
	set_timer(x);
}

struct xfrin *
xfrin_start(uv_loop_t *loop, const struct xfrin_conf *conf, xfrin_done_fn *done, void *ctx)
{
	struct xfrin *x = xcalloc(1, sizeof(*x));

	x->loop = loop;
	x->peer = *conf->from;
	tsig_key_ref(x->peer.key);
	x->limits = *conf->limits;
	if (x->limits.max_octets == 0)
		x->limits.max_octets = uv_get_total_memory() / 4;
	x->stream_limits = (struct stream_limits){ conf->limits->connect_ms, conf->limits->idle_ms };
	memcpy(x->origin, conf->origin, name_len(conf->origin));
	if (conf->have != NULL)
		x->have = zone_ref(conf->have);
	x->incremental = conf->have != NULL && !conf->from->no_ixfr;
	x->edns = !conf->from->no_edns;
	x->done = done;
	x->ctx = ctx;
	x->started = x->rated = uv_now(loop);
	uv_timer_init(loop, &x->timer);
	x->timer.data = x;
	set_timer(x);
	ask(x);
	return x;
}

void
xfrin_cancel(struct xfrin *x)
{
	x->done = NULL;
	stop(x, "cancelled");
}
