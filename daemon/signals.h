/* signals.h - signals to commands, on the control loop. */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include <uv.h>

/* HUP: reload.  USR1: open logs again.  USR2: write state.  INT and TERM: stop; a second one ends the process. */
void signals_start(uv_loop_t *, void (*stop)(void));
/* The loop runs no more; a further INT or TERM runs at_once, on a thread of its own, and ends the process. */
void signals_stop(void (*at_once)(void));
#endif
