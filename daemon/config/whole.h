/* whole.h - what only the whole configuration can tell. */
#ifndef DAEMON_CONFIG_WHOLE_H
#define DAEMON_CONFIG_WHOLE_H

#include "daemon/config/parse.h"

/* Names that are used but not there, or there twice; then defaults that depend on others.  What was read
 * goes into the conf. */
void whole_finish(struct parser *);
void whole_finish_zone(struct parser *);	/* the same for one zone that is added to it */
void whole_free(struct parser *);	/* what it needed */
#endif
