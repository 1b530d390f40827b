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
void setup_loaded(void);	/* the zones have been read for the first time */
/* Finish what is under way, give back all. */
void setup_stop(void);

uv_loop_t *setup_loop(void);
struct workers *setup_workers(void);
time_t setup_started(void);

/* Until the configuration is read again, which says what it says. */
void setup_log_queries(bool);
bool setup_logs_queries(void);

/* The last configuration that was read and not taken over, since one was. */
struct setup_refused {
	time_t at;			/* 0: none */
	const char *why;		/* the first reason */
	unsigned reasons;
};
struct setup_refused setup_refused(void);

/* The configuration file again.  When it is good it holds from now on, but for what takes a new start, which is said; a bad
 * one changes nothing.  What there is to say goes to said, which may be NULL, and to the log. */
enum setup_read { SETUP_SAME, SETUP_CHANGED, SETUP_REFUSED };
enum setup_read setup_reread(report_fn *said, load_done_fn *removed, void *ctx);
#endif
