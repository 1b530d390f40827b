/* control.h - the operator's socket: a request a connection, an answer, the end. */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <uv.h>

#include "daemon/config/conf.h"

/* A request is words, each ended by NUL, then a newline; "--json" may be the first.  The answer is text, then NUL and the exit
 * status as one digit.  Clients are few, their requests short, and none may hold up another. */
#define CONTROL_REQUEST_MAX 65536
#define CONTROL_WORDS_MAX 100
#define CONTROL_CLIENTS_MAX 64

/* Control loop.  Makes the socket; a stale one of a daemon that is gone is replaced.  Returns 0 or a libuv error
 * (UV_EADDRINUSE: a daemon answers there; UV_EPERM: we may not give it to this owner or group). */
int control_start(uv_loop_t *, const char *path, const struct conf_access *);
void control_stop(void);
#endif
