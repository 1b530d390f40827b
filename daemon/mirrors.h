/* mirrors.h - the mirrors of the configuration, running. */
#ifndef DAEMON_MIRRORS_H
#define DAEMON_MIRRORS_H

#include "daemon/config/conf.h"
#include "sync/mirror.h"

/* Control loop only, but for mirrors_wake(). */

/* The mirrors of the new configuration, those that did not change still running.  One whose secret cannot be read tries
 * again, and that is warned of. */
void mirrors_apply(const struct conf *, struct sink *);
void mirrors_stop(void);

/* Which of the running ones a zone goes to; to be said after mirrors_apply(). */
void mirrors_set_zone(const struct conf *, const struct conf_zone *, struct slot *);
/* It goes to none any more. */
void mirrors_drop_zone(const struct conf *, const struct conf_zone *);
/* What comes of the rows of a zone that is taken out, into text; "" when no mirror has it.  To be asked before
 * mirrors_drop_zone(). */
void mirrors_on_remove(const struct conf *, const struct conf_zone *, char *text, size_t);
void mirrors_settled(void);		/* that was all of them */
void mirrors_look(void);		/* mirror_look() */
/* One or, name NULL, all; holds until it is taken back.  0 or -errno: it does, but not over a restart. */
int mirrors_pause(const char *name, bool);

/* Any thread: the slot has a new version. */
void mirrors_wake(struct slot *);

struct mirror *const *mirrors_all(size_t *count);
struct mirror *mirrors_find(const char *name);	/* NULL: none of this name */
const char *mirrors_name(size_t);
#endif
