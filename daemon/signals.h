/* signals.h - signals to commands, on the control loop. */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include <uv.h>

/* HUP: reload.  USR1: open logs again.  USR2: write state.  INT and TERM: stop; a second one stops at once. */
void signals_start(uv_loop_t *, void (*stop)(void));
void signals_stop(void);
#endif
