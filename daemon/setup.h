/* setup.h - the difference of two configurations, applied to what runs. */
#ifndef DAEMON_SETUP_H
#define DAEMON_SETUP_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <uv.h>

#include "daemon/config/conf.h"
#include "daemon/files.h"
#include "daemon/serve/worker.h"
#include "daemon/zones.h"

/* All of this is for the control loop. */

/* Take the configuration, open what it names; every reason why not is logged.  workers: 0 as configured. */
bool setup_start(uv_loop_t *, struct conf *, unsigned workers);
/* Finish what is under way, give back all. */
void setup_stop(void);

const struct conf *setup_conf(void);
struct workers *setup_workers(void);
time_t setup_started(void);

/* The last configuration that was read and not taken over, since one was. */
struct setup_refused {
	time_t at;			/* 0: none */
	const char *why;		/* the first reason */
	unsigned reasons;
};
struct setup_refused setup_refused(void);
time_t setup_taken(void);		/* when the one in force was read */

enum reload_conf { RELOAD_UNREAD, RELOAD_SAME, RELOAD_CHANGED, RELOAD_REFUSED };

/* What a reload tells: what there is to say about the configuration, each zone as it is done, then the end. */
struct reload {
	report_fn *said;
	load_done_fn *zone;
	void (*end)(void *ctx, bool ok, enum reload_conf);
	void *ctx;
};
/* The configuration again; when it is good, it holds from now on, but for what takes a new start, which is said.  A
 * bad one changes nothing.  Then files that changed are read, or with files false those of new zones only. */
void setup_reload(bool files, const struct reload *);
/* One zone's file, read even if it looks unchanged. */
void setup_reload_zone(struct served *, const struct reload *);
/* The files of all zones, whatever changed: the first time. */
void setup_load(const struct reload *);
#endif
