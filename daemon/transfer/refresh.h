/* refresh.h - the clock of each slave zone: when to ask which master, and what becomes of it. */
#ifndef DAEMON_TRANSFER_REFRESH_H
#define DAEMON_TRANSFER_REFRESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <uv.h>

#include "daemon/transfer/peer.h"
#include "daemon/transfer/xfrin.h"
#include "sync/slot.h"
#include "zonefile/report.h"

/* All of it belongs to the control loop. */

/* What holds for all slave zones together. */
struct refresh_limits {
	unsigned transfers_in, transfers_per_master;	/* at a time */
	unsigned probes_per_second;
};

/* journal: its path; what is told goes to report.  Commit has been started. */
void refresh_start(uv_loop_t *, const char *journal, const struct refresh_limits *, report_fn *, void *ctx);
void refresh_set_limits(const struct refresh_limits *);
/* All zones have been freed.  What they had under way ends with the loop. */
void refresh_stop(void);

/* Of one zone; copied.  Seconds. */
struct refresh_conf {
	const struct peer *master;
	size_t masters;			/* at least one */
	const char *file;		/* written after each version; NULL: none */
	bool full_style;		/* how (dump_zone_full()) */
	unsigned min_refresh, max_refresh, min_retry, max_retry;
	unsigned cycle;			/* ask at least this often; 0: as the SOA says */
	bool multi_master;		/* masters that are behind are not worth a word */
	struct xfrin_limits limits;
};

/* The zone's last version is taken from the journal, or else from its file, and published; then its
 * masters are asked when their time has come, which is remembered across restarts. */
struct refresh;
struct refresh *refresh_new(struct slot *, const struct refresh_conf *);
void refresh_change(struct refresh *, const struct refresh_conf *);
/* The file of a zone that goes for good is not to come back. */
void refresh_unwrite(struct refresh *);
void refresh_free(struct refresh *);		/* its slot may be removed before or after */

/* A NOTIFY came that may be believed.  from: its sender; one that is no master is fine. */
void refresh_notified(struct refresh *, const struct sockaddr *from, bool has_serial, uint32_t serial);
/* Ask all masters now, those too that have not answered lately. */
void refresh_now(struct refresh *);
/* Fetch the whole zone from the first master that gives it, whatever its serial. */
void refresh_retransfer(struct refresh *);

struct refresh_status {
	bool served, expired, busy;
	uint32_t serial;
	time_t checked;			/* a master last said what it has; 0: never */
	time_t next, expires;		/* when it is asked, when the zone is no longer served; expires 0: nothing is */
	time_t refused_since;		/* since then all masters answer that they are no servers of it; 0: one is */
	time_t behind_since;		/* since then a master is known to have a newer version; 0: none is */
	unsigned failures;		/* in a row */
	char from[PEER_TEXT];		/* the master of the last transfer, or "" */
	const char *trouble;		/* why the last attempt was none; "" */
};
void refresh_status(const struct refresh *, struct refresh_status *);

/* Of all zones since the start. */
struct refresh_counts {
	uint64_t probes, unanswered;	/* questions for a SOA */
	uint64_t fetched, broken_off;	/* transfers that gave a version, and others */
};
void refresh_counts(struct refresh_counts *);
#endif
