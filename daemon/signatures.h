/* signatures.h - when the signatures of zones that came with some run out; it is told in time. */
#ifndef DAEMON_SIGNATURES_H
#define DAEMON_SIGNATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <uv.h>

#include "sync/slot.h"

/* What is known about one zone; NULL: it was never signed.  Control loop. */
struct signatures;

struct signatures_env {
	/* Where the slot's are kept; NULL: it has been removed. */
	struct signatures **(*of)(const struct slot *);
	bool (*wanted)(const struct slot *);	/* is it to be told in the log? */
};
void signatures_start(uv_loop_t *, const struct signatures_env *);
void signatures_stop(void);			/* before signatures_free() of all */
/* What is served has changed. */
void signatures_published(struct slot *);
void signatures_free(struct signatures *);	/* NULL is fine */

struct signatures_state {
	time_t first;			/* when those of the first set run out; it may be over */
	size_t expired, ending;		/* sets whose signatures have run out, or will within a day */
};
/* false: what is served is not signed, or has not been looked at yet. */
bool signatures_state(const struct signatures *, struct signatures_state *);
#endif
