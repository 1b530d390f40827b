/* xfrin.h - fetch a zone from a master: AXFR, or IXFR for what changed. */
#ifndef DAEMON_TRANSFER_XFRIN_H
#define DAEMON_TRANSFER_XFRIN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/transfer/peer.h"
#include "zonefile/checks.h"
#include "zonefile/zone.h"

struct xfrin_limits {
	unsigned connect_ms, idle_ms, total_ms;		/* idle: from one whole message to the next */
	unsigned rate_octets, rate_ms;			/* so many octets each so many ms, at least; 0: any */
	uint64_t max_records;				/* of the zone; 0: any */
	uint64_t max_octets;				/* of the messages, and of the memory of their records; 0: a quarter
							 * of this machine's memory */
	uint32_t max_diffs;				/* of an IXFR, each from one version to the next; 0: any */
	struct checks checks;				/* of the zone: an error is a failure */
	report_fn *report;				/* told what they say, by any thread, without context; may be NULL */
};

struct xfrin_conf {
	const struct peer *from;		/* all of it is copied, or counted */
	const struct xfrin_limits *limits;
	const uint8_t *origin;			/* lower case */
	struct zone *have;			/* ask for what is newer; NULL: for the whole zone, whatever its serial */
};

struct xfrin_outcome {
	enum { XFRIN_SAME, XFRIN_ZONE, XFRIN_FAILED } result;
	struct zone *zone;			/* ZONE: one reference, for who hears it; from its serial on, AXFR or IXFR */
	uint32_t serial;			/* that the master has; 0 when it did not say */
	bool differences;			/* it came as IXFR */
	bool has_expire;			/* of the master's copy, when that is a slave's (RFC 7314) */
	uint32_t expire;
	uint64_t octets, messages, records;
	unsigned ms;
	bool bad;				/* FAILED: by what the peer sent, not for the time being */
	const char *why;			/* FAILED: a sentence, lives for the call */
	const char *fell_back;			/* why it had to be asked for the whole zone, or NULL */
};
typedef void xfrin_done_fn(void *ctx, const struct xfrin_outcome *);

/* Of the loop's thread; records are read and the zone is made by libuv's pool.  done is called once, later. */
struct xfrin;
struct xfrin *xfrin_start(uv_loop_t *, const struct xfrin_conf *, xfrin_done_fn *done, void *ctx);
void xfrin_cancel(struct xfrin *);		/* before done, which is not called then */
#endif
