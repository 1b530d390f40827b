/* refused.h - tells the log whose transfers and NOTIFYs were refused, and why, but not each one of a flood. */
#ifndef DAEMON_REFUSED_H
#define DAEMON_REFUSED_H

#include <sys/socket.h>

#include "daemon/serve/query.h"

/* Any thread. */
void refused_tell(void *ctx, const struct sockaddr *from, const struct query_refusal *);
#endif
