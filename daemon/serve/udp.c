#include "daemon/serve/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/transfer/xfrout.h"
#include "sync/slot.h"
#include "zonefile/arena.h"

#define BATCH 64
#define BATCHES 4		/* at a wake-up, so that TCP and timers get their turn */
#define LAST_BATCHES 64		/* when stopping */
/* 65 cache lines: requests must not all fall into the same sets of the cache. */
#define REQUEST 4160
#define BUFFER (4 << 20)	/* of the socket, as far as the system allows */
#define CONTROL CMSG_SPACE(sizeof(struct in6_pktinfo))
#define LATE_MAX 16		/* answers that wait for the journal at once */

/* Answers lie one behind the other, so that a batch of small ones touches little memory. */
struct udp_batch {
	struct responder *responder;
	uint8_t *requests, *answers;
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_iov[BATCH], out_iov[BATCH];
	union worker_address from[BATCH];
	struct query_datagram datagram[BATCH];
	unsigned which[BATCH];		/* of in, each datagram is */
	_Alignas(struct cmsghdr) uint8_t control[BATCH][CONTROL];
	unsigned late;			/* answers under way in the pool */
};

/* An IXFR that is answered when the journal has been read.  It has the socket for itself, which may be closed
 * meanwhile. */
struct late {
	uv_work_t work;
	struct udp_batch *batch;
	struct xfrout *transfer;
	int fd, len;
	union worker_address from;
	struct msghdr header;
	uint64_t began;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL];
	struct message_many_names names;
	uint8_t out[XFROUT_ROOM];
};

struct udp {
	uv_poll_t poll;
	struct udp_batch *batch;
	union worker_address address;
	uint16_t port;
	bool wildcard;			/* answers must leave by the address that was asked */
	int fd;
};

/* --- life --- */

struct udp_batch *
udp_batch_new(struct responder *responder)
{
	struct udp_batch *b = xcalloc(1, sizeof(*b));

	b->responder = responder;
	b->requests = xmalloc((size_t)BATCH * REQUEST);
	/* For the largest answers; what is not used is never touched. */
	b->answers = xmalloc(BATCH * (65535 + QUERY_ALIGN) + QUERY_OUT_TCP);
	for (unsigned i = 0; i < BATCH; i++) {
		b->in_iov[i] = (struct iovec){ b->requests + (size_t)i * REQUEST, REQUEST };
		b->in[i].msg_hdr.msg_iov = &b->in_iov[i];
		b->in[i].msg_hdr.msg_iovlen = 1;
		b->in[i].msg_hdr.msg_name = &b->from[i];
		b->out[i].msg_hdr.msg_iov = &b->out_iov[i];
		b->out[i].msg_hdr.msg_iovlen = 1;
	}
	return b;
}

void
udp_batch_free(struct udp_batch *b)
{
	free(b->requests);
	free(b->answers);
	free(b);
}

static bool
is_wildcard(const union worker_address *address)
{
	if (address->any.sa_family == AF_INET)
		return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}

static int
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

int
udp_bind(const union worker_address *address)
{
	bool v4 = address->any.sa_family == AF_INET;
	int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0 ||
	    (!v4 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) ||
	    (is_wildcard(address) && (v4 ? set(fd, IPPROTO_IP, IP_PKTINFO, 1) :
	    set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) < 0) ||
	    bind(fd, &address->any, v4 ? sizeof(address->v4) : sizeof(address->v6)) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER);
	set(fd, SOL_SOCKET, SO_SNDBUF, BUFFER);
	/* Forged ICMP must not make us fragment (RFC 9715 3.1). */
	if (v4)
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	else
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
	return fd;
}

/* --- a batch --- */

static int
receive(struct udp *u)
{
	struct udp_batch *b = u->batch;
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		b->in[i].msg_hdr.msg_namelen = sizeof(b->from[i]);
		b->in[i].msg_hdr.msg_control = u->wildcard ? b->control[i] : NULL;
		b->in[i].msg_hdr.msg_controllen = u->wildcard ? CONTROL : 0;
	}
	do
		n = recvmmsg(u->fd, b->in, BATCH, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Make what came with a datagram send the answer from the address asked, but by the interface that the
 * routes say; only a link-local address means nothing without its interface. */
static void
turn_control(struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			v4.ipi_ifindex = 0;
			memcpy(CMSG_DATA(c), &v4, sizeof(v4));
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			if (!IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr))
				v6.ipi6_ifindex = 0;
			memcpy(CMSG_DATA(c), &v6, sizeof(v6));
		}
	}
}

/* Did this socket send it?  Then an answer would come back to us as well. */
static bool
from_ourselves(const struct udp *u, const union worker_address *from)
{
	if (from->any.sa_family == AF_INET)
		return from->v4.sin_port == u->address.v4.sin_port &&
		    from->v4.sin_addr.s_addr == u->address.v4.sin_addr.s_addr;
	return from->v6.sin6_port == u->address.v6.sin6_port &&
	    IN6_ARE_ADDR_EQUAL(&from->v6.sin6_addr, &u->address.v6.sin6_addr);
}

/* --- late answers --- */

static void
on_pool(uv_work_t *work)
{
	struct late *late = work->data;

	xfrout_prepare(late->transfer);
	late->len = xfrout_datagram(late->transfer, &late->names, late->out);
}

static void
send_late(struct late *late)
{
	struct responder *r = late->batch->responder;
	struct iovec iov = { late->out, (size_t)late->len };
	struct xfrout_facts facts;

	late->header.msg_iov = &iov;
	late->header.msg_iovlen = 1;
	if (sendmsg(late->fd, &late->header, MSG_DONTWAIT) < 0)
		query_count(&r->stats.dropped);
	xfrout_facts(late->transfer, &facts);
	if (facts.incremental && r->server->transferred != NULL)
		r->server->transferred(r->server->ctx, &late->from.any, &facts, true,
		    (uv_hrtime() - late->began) / 1000000);
	close(late->fd);
	xfrout_free(late->transfer);
	free(late);
}

static void
on_pool_done(uv_work_t *work, int status)
{
	struct late *late = work->data;

	(void)status;
	late->batch->late--;
	send_late(late);
}

/* When too many wait, the current SOA has to do. */
static void
answer_late(struct udp *u, const struct msghdr *in, struct xfrout *transfer)
{
	struct udp_batch *b = u->batch;
	struct late *late = xmalloc(sizeof(*late));

	memset(late, 0, offsetof(struct late, out));
	late->work.data = late;
	late->batch = b;
	late->transfer = transfer;
	late->began = uv_hrtime();
	late->header = *in;
	memcpy(&late->from, in->msg_name, in->msg_namelen);
	late->header.msg_name = &late->from;
	if (in->msg_controllen > 0) {
		memcpy(late->control, in->msg_control, in->msg_controllen);
		late->header.msg_control = late->control;
		turn_control(&late->header);
	}
	if ((late->fd = fcntl(u->fd, F_DUPFD_CLOEXEC, 0)) < 0) {
		query_count(&b->responder->stats.dropped);
		xfrout_free(transfer);
		free(late);
	} else if (b->late < LATE_MAX) {
		b->late++;
		uv_queue_work(u->poll.loop, &late->work, on_pool, on_pool_done);
	} else {
		late->len = xfrout_datagram(transfer, &late->names, late->out);
		send_late(late);
	}
}

/* Returns the answers to send. */
static unsigned
answer_batch(struct udp *u, unsigned received)
{
	struct udp_batch *b = u->batch;
	struct responder *r = b->responder;
	unsigned taken = 0, count = 0;

	for (unsigned i = 0; i < received; i++) {
		if ((b->in[i].msg_hdr.msg_flags & MSG_TRUNC) ||
		    from_ourselves(u, &b->from[i])) {
			query_count(&r->stats.dropped);
			continue;
		}
		b->which[taken] = i;
		b->datagram[taken++] = (struct query_datagram){ .from = &b->from[i].any, .port = u->port,
		    .request = b->in_iov[i].iov_base, .len = b->in[i].msg_len };
	}
	slot_enter();
	query_run_many(r->scratch, r->server, &r->stats, b->datagram, taken, b->answers);
	slot_leave();
	for (unsigned i = 0; i < taken; i++) {
		struct msghdr *in = &b->in[b->which[i]].msg_hdr, *out = &b->out[count].msg_hdr;

		if (b->datagram[i].transfer != NULL)
			answer_late(u, in, b->datagram[i].transfer);
		if (b->datagram[i].answer_len == 0)
			continue;
		out->msg_name = in->msg_name;
		out->msg_namelen = in->msg_namelen;
		out->msg_control = in->msg_control;
		out->msg_controllen = in->msg_controllen;
		if (u->wildcard)
			turn_control(out);
		b->out_iov[count++] = (struct iovec){ b->datagram[i].answer,
		    b->datagram[i].answer_len };
	}
	return count;
}

/* When the system takes no more, the rest is dropped as a full network would: waiting would make
 * those behind wait too.  An answer that cannot be sent to its client is passed over. */
static void
send_batch(struct udp *u, unsigned count)
{
	struct udp_batch *b = u->batch;
	unsigned sent = 0;

	while (sent < count) {
		int n = sendmmsg(u->fd, b->out + sent, count - sent, MSG_DONTWAIT);

		if (n > 0) {
			sent += (unsigned)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			for (; sent < count; sent++)
				query_count(&b->responder->stats.dropped);
			return;
		}
		query_count(&b->responder->stats.dropped);
		sent++;
	}
}

static void
serve(struct udp *u, unsigned batches)
{
	while (batches-- > 0) {
		int n = receive(u);

		if (n <= 0)
			return;
		send_batch(u, answer_batch(u, (unsigned)n));
		if (n < BATCH)
			return;
	}
}

/* --- the loop --- */

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	serve(poll->data, BATCHES);
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct udp *
udp_start(uv_loop_t *loop, struct udp_batch *batch, int fd,
    const union worker_address *address)
{
	struct udp *u = xcalloc(1, sizeof(*u));

	u->batch = batch;
	u->fd = fd;
	u->address = *address;
	u->port = ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
	u->wildcard = is_wildcard(address);
	u->poll.data = u;
	uv_poll_init(loop, &u->poll, fd);
	uv_poll_start(&u->poll, UV_READABLE, on_readable);
	return u;
}

void
udp_stop(struct udp *u)
{
	serve(u, LAST_BATCHES);
	uv_close((uv_handle_t *)&u->poll, on_closed);
	close(u->fd);
}
