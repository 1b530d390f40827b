/* http.h - pages over HTTP, for those who watch the server. */
#ifndef DAEMON_HTTP_H
#define DAEMON_HTTP_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/config/conf.h"
#include "daemon/text.h"
#include "zonefile/report.h"

/* Control loop only. */

/* A page is made while it is sent: each piece takes a fraction of a millisecond, and whatever else there is to do has its
 * turn between two of them.  more: false when that was the last. */
struct page {
	const char *path, *type;
	void *(*open)(void);
	bool (*more)(void *state, struct text *);
	void (*close)(void *state);
};

void http_start(uv_loop_t *, const struct page *const *pages);	/* NULL-ended */
/* Listen on what is new in the configuration: all of it or, with each reason reported, nothing. */
bool http_open(const struct conf *, struct sink *);
/* Which of both configurations holds; it stays until the next is settled. */
void http_settle(const struct conf *, bool taken);
void http_stop(void);
#endif
