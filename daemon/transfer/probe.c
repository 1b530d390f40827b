#include "daemon/transfer/probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/transfer/request.h"
#include "daemon/transfer/stream.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"

static const unsigned patience[] = { 2000, 3000, 5000 };	/* ms, for each try over UDP */
static const struct stream_limits tcp_limits = { 5000, 5000 };

/*
 *	ASKING --an answer, a fault, cancelled--> ENDING
 *	ASKING --time, tries left; EDNS not known--> ASKING, asked again
 *	ASKING --cut over UDP--> ASKING, over TCP
 *	ENDING --all handles closed--> freed
 */
struct probe {
	enum { ASKING, ENDING } state;
	uv_loop_t *loop;
	uv_udp_t udp;
	uv_timer_t timer;
	unsigned handles;		/* not closed yet */
	struct stream *stream;		/* NULL: over UDP */
	struct peer peer;		/* holds a reference to its key */
	bool edns, notify;
	uint16_t type;
	unsigned tries;
	probe_done_fn *done;		/* NULL: cancelled */
	void *ctx;
	struct probe_outcome outcome;
	char why[192];
	uint8_t *names;			/* that the outcome points to */
	struct tsig tsig;
	uint16_t id;
	uint8_t origin[DNAME_MAX];
	uint8_t request[REQUEST_ROOM];
	size_t request_len;
	uint8_t in[4096];		/* more than we say that we take */
};

static void
on_closed(uv_handle_t *handle)
{
	struct probe *p = handle->data;

	if (--p->handles > 0)
		return;
	tsig_key_unref(p->peer.key);
	free(p->names);
	free(p);
}

/* The only way out of ASKING, so done is called once. */
static void
finish(struct probe *p, bool ok)
{
	p->state = ENDING;
	if (p->stream != NULL)
		stream_close(p->stream);
	uv_close((uv_handle_t *)&p->udp, on_closed);
	uv_close((uv_handle_t *)&p->timer, on_closed);
	tsig_end(&p->tsig);
	p->outcome.ok = ok;
	p->outcome.why = ok ? NULL : p->why;
	if (p->done != NULL)
		p->done(p->ctx, &p->outcome);
}

static void __attribute__((format(printf, 2, 3)))
explain(struct probe *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(p->why, sizeof(p->why), fmt, args);
	va_end(args);
}

/* --- the answer --- */

enum verdict {
	STRAY,			/* not what we wait for; why is set when it may be meant to be */
	ANSWERED, FAILED,
	CUT,			/* ask over TCP */
	PLAIN,			/* ask without EDNS */
};

static void
add_name(struct probe *p, const uint8_t *name)
{
	struct probe_outcome *o = &p->outcome;
	size_t len = name_len(name);

	p->names = xrealloc(p->names, o->names_len + len);
	memcpy(p->names + o->names_len, name, len);
	o->names = p->names;
	o->names_len += len;
}

/* The records that were asked for, in the form of our own zones. */
static enum verdict
read_records(struct probe *p, struct reader *r, unsigned count)
{
	uint8_t owner[DNAME_MAX], rdata[MESSAGE_RDATA];
	const char *type = p->type == T_SOA ? "SOA" : "NS";
	bool found = false;

	for (; count > 0; count--) {
		struct reader_record record;
		int len;

		if (!reader_record(r, &record) || reader_name(r, record.owner, owner) == 0) {
			explain(p, "its answer is malformed");
			return FAILED;
		}
		if (record.type != p->type || record.class != CLASS_IN || !name_equal(owner, p->origin))
			continue;
		if ((len = reader_rdata(r, &record, rdata)) < 0) {
			explain(p, "its %s record is malformed", type);
			return FAILED;
		}
		if (p->type == T_SOA)
			p->outcome.serial = get32(rdata + len - 20);
		else
			add_name(p, rdata);
		found = true;
	}
	if (!found) {
		explain(p, "it has no %s record of the zone", type);
		return FAILED;
	}
	if (p->type == T_SOA)
		p->outcome.has_expire = request_expire(*r, &p->outcome.expire);
	return ANSWERED;
}

static enum verdict
read_reply(struct probe *p, const uint8_t *message, size_t len)
{
	struct request request = { .id = p->id, .type = p->type, .notify = p->notify, .origin = p->origin };
	struct reader r = { .base = message, .len = len };
	const char *wrong = request_answered(&request, false, &r);
	enum tsig_result signature;
	unsigned rcode, flags;

	if (wrong != NULL) {
		explain(p, "it sent %s", wrong);
		return STRAY;
	}
	p->outcome.silent = false;
	flags = get16(message + 2);
	rcode = flags & 0xf;
	signature = tsig_reply(&p->tsig, message, &r.len, (uint64_t)time(NULL));
	if (signature == TSIG_REFUSED) {
		explain(p, "it refuses our signature: %s", tsig_result_text(p->tsig.error));
		return FAILED;
	}
	if (signature != TSIG_OK && !(signature == TSIG_MISSING && rcode != 0)) {
		explain(p, "the signature of its answer is %s", tsig_result_text(signature));
		return STRAY;
	}
	if (p->edns && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP))
		return PLAIN;
	if (rcode != RCODE_NOERROR) {
		explain(p, "it answers %s", request_rcode(rcode));
		return FAILED;
	}
	if (p->notify)
		return ANSWERED;
	if ((flags & MESSAGE_TC) && p->stream == NULL)
		return CUT;
	if (!(flags & MESSAGE_AA)) {
		explain(p, "it is not authoritative");
		return FAILED;
	}
	return read_records(p, &r, get16(message + 6));
}

/* --- asking --- */

static void on_time(uv_timer_t *);
static void ask_tcp(struct probe *);

/* A send that fails is as one that gets lost. */
static void
send_udp(struct probe *p)
{
	uv_buf_t buf = uv_buf_init((char *)p->request, (unsigned)p->request_len);

	uv_udp_try_send(&p->udp, &buf, 1, NULL);
	uv_timer_start(&p->timer, on_time, patience[p->tries++], 0);
}

static void
write_request(struct probe *p, const struct rrset *soa)
{
	struct request request = { request_id(), p->type, p->notify, p->edns, !p->peer.no_expire,
	    p->origin, soa };

	p->id = request.id;
	p->request_len = request_write(&request, p->request);
	tsig_end(&p->tsig);
	tsig_begin(&p->tsig, p->peer.key);
	p->request_len = tsig_sign(&p->tsig, p->request, p->request_len, (uint64_t)time(NULL));
}

static void
on_time(uv_timer_t *timer)
{
	struct probe *p = timer->data;

	if (p->tries < COUNT(patience)) {
		send_udp(p);
		return;
	}
	if (p->why[0] == '\0')
		explain(p, "no answer");
	finish(p, false);
}

/* What failed at once is told as if it had taken a while. */
static void
on_failed(uv_timer_t *timer)
{
	finish(timer->data, false);
}

static void
act(struct probe *p, enum verdict verdict)
{
	switch (verdict) {
	case ANSWERED:
	case FAILED:
		finish(p, verdict == ANSWERED);
		return;
	case CUT:
		ask_tcp(p);
		return;
	case PLAIN:
		p->edns = false;
		write_request(p, NULL);
		if (p->stream != NULL) {
			stream_close(p->stream);
			ask_tcp(p);
		} else {
			p->tries = 0;
			send_udp(p);
		}
		return;
	case STRAY:
		return;
	}
}

static void
on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct probe *p = handle->data;

	(void)size;
	*buf = uv_buf_init((char *)p->in, sizeof(p->in));
}

static void
on_datagram(uv_udp_t *udp, ssize_t len, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
	struct probe *p = udp->data;

	if (p->state != ASKING || p->stream != NULL || (len == 0 && from == NULL) || (flags & UV_UDP_PARTIAL))
		return;
	if (len < 0) {
		explain(p, "%s", uv_strerror((int)len));
		finish(p, false);
		return;
	}
	act(p, read_reply(p, (const uint8_t *)buf->base, (size_t)len));
}

static void
on_batch(void *ctx, const uint8_t *octets, size_t len)
{
	struct probe *p = ctx;
	enum verdict verdict = read_reply(p, octets + 2, get16(octets));

	(void)len;
	act(p, verdict == STRAY ? FAILED : verdict);
}

static void
on_ended(void *ctx, const char *why)
{
	struct probe *p = ctx;

	p->stream = NULL;
	explain(p, "over TCP, %s", why);
	finish(p, false);
}

static void
ask_tcp(struct probe *p)
{
	static const struct stream_events events = { on_batch, on_ended };

	uv_timer_stop(&p->timer);
	p->stream = stream_open(p->loop, &p->peer, &tcp_limits, p->request, p->request_len, &events, p);
}

/* Connected, so that answers of others do not reach us and a port that is closed is told. */
static int
open_udp(struct probe *p)
{
	int err = 0;

	if (p->peer.source.any.sa_family != AF_UNSPEC)
		err = uv_udp_bind(&p->udp, &p->peer.source.any, 0);
	if (err == 0)
		err = uv_udp_connect(&p->udp, &p->peer.address.any);
	if (err == 0)
		err = uv_udp_recv_start(&p->udp, on_alloc, on_datagram);
	return err;
}

static struct probe *
start(uv_loop_t *loop, const struct peer *peer, const uint8_t *origin, uint16_t type, bool notify,
    const struct rrset *soa, probe_done_fn *done, void *ctx)
{
	struct probe *p = xcalloc(1, sizeof(*p));
	int err;

	p->loop = loop;
	p->peer = *peer;
	tsig_key_ref(p->peer.key);
	p->type = type;
	p->notify = notify;
	p->edns = !notify && !peer->no_edns;
	p->outcome.silent = true;
	p->done = done;
	p->ctx = ctx;
	memcpy(p->origin, origin, name_len(origin));
	uv_udp_init(loop, &p->udp);
	uv_timer_init(loop, &p->timer);
	p->handles = 2;
	p->udp.data = p->timer.data = p;
	write_request(p, soa);
	if ((err = open_udp(p)) == 0) {
		send_udp(p);
	} else {
		explain(p, "%s", uv_strerror(err));
		uv_timer_start(&p->timer, on_failed, 0, 0);
	}
	return p;
}

struct probe *
probe_start(uv_loop_t *loop, const struct peer *peer, const uint8_t *origin, probe_done_fn *done, void *ctx)
{
	return start(loop, peer, origin, T_SOA, false, NULL, done, ctx);
}

struct probe *
probe_name_servers(uv_loop_t *loop, const struct peer *peer, const uint8_t *origin, probe_done_fn *done, void *ctx)
{
	return start(loop, peer, origin, T_NS, false, NULL, done, ctx);
}

struct probe *
probe_notify(uv_loop_t *loop, const struct peer *peer, const uint8_t *origin, const struct rrset *soa,
    probe_done_fn *done, void *ctx)
{
	return start(loop, peer, origin, T_SOA, true, soa, done, ctx);
}

void
probe_cancel(struct probe *p)
{
	p->done = NULL;
	finish(p, false);
}
