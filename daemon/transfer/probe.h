/* probe.h - one question to another server: its serial, the zone's name servers, or whether it has heard of ours. */
#ifndef DAEMON_TRANSFER_PROBE_H
#define DAEMON_TRANSFER_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/transfer/peer.h"
#include "zonefile/zone.h"

struct probe_outcome {
	bool ok;
	uint32_t serial;
	bool has_expire;		/* the master is a slave itself, whose copy lives so many seconds (RFC 7314) */
	uint32_t expire;
	const uint8_t *names;		/* name servers, one behind the other; live for the call */
	size_t names_len;
	bool silent;			/* not ok: nothing came from it, maybe nobody is there */
	const char *why;		/* not ok: a sentence, lives for the call */
};
typedef void probe_done_fn(void *ctx, const struct probe_outcome *);

/* Over UDP, or TCP when the answer is cut.  Of the loop's thread.  done is called once, later, within PROBE_MS. */
#define PROBE_MS 20000
struct probe;
struct probe *probe_start(uv_loop_t *, const struct peer *, const uint8_t *origin, probe_done_fn *done, void *ctx);
struct probe *probe_name_servers(uv_loop_t *, const struct peer *, const uint8_t *origin, probe_done_fn *done, void *ctx);
/* Tells it that there is a new version (RFC 1996); ok: it acknowledged.  The SOA lives for the call only. */
struct probe *probe_notify(uv_loop_t *, const struct peer *, const uint8_t *origin, const struct rrset *soa,
    probe_done_fn *done, void *ctx);
void probe_cancel(struct probe *);	/* before done, which is not called then */
#endif
