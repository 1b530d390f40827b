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

/* What a reload tells: each zone as it is done, then the end. */
struct reload {
	load_done_fn *zone;
	void (*end)(void *ctx, bool ok);
	void *ctx;
};
/* The configuration again; when it is good, it holds from now on, and files that changed are read.  A bad one changes
 * nothing, reads no file, and has been reported.  files false: configuration only, and the files of new zones. */
void setup_reload(bool files, const struct reload *);
/* One zone's file, read even if it looks unchanged. */
void setup_reload_zone(struct served *, const struct reload *);
/* The files of all zones, whatever changed: the first time. */
void setup_load(const struct reload *);
#endif
