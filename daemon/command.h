/* command.h - the operator's commands: a table, and what each does. */
#ifndef DAEMON_COMMAND_H
#define DAEMON_COMMAND_H

#include <uv.h>

#include "daemon/http.h"
#include "daemon/reply.h"

/* Runs word[0] with the rest as arguments; ends the reply, now or when the work is done. */
void command_run(struct reply *, int words, char **word);

/* What stop and the signals do; run by the control loop. */
void command_on_stop(void (*stop)(void));
/* Reload as SIGHUP does.  While one runs, one more waits, however often it is asked for. */
void command_hangup(void);
/* Statistics and the state of every zone, to files beside the journal (SIGUSR2). */
void command_write_state(void);
/* What status says, as JSON. */
extern const struct page command_state_page;
#endif
