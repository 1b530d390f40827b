/* command_impl.h - what the commands have in common. */
#ifndef DAEMON_COMMAND_IMPL_H
#define DAEMON_COMMAND_IMPL_H

#include "daemon/reload.h"
#include "daemon/reply.h"
#include "daemon/zones.h"

#define CELL 560			/* of a table, with NUL */

/* Words after the command's name, NULL behind the last. */
typedef void command_fn(struct reply *, char **words);

/* The zone, or NULL and an error in the reply. */
struct served *command_zone(struct reply *, const char *name);

void command_mirror_state(struct reply *);	/* what mirror status tells */
/* What is said of a zone: master or slave; how it is; why it is not well, or "". */
const char *command_zone_role(const struct served *);
const char *command_zone_state(const struct served *);
const char *command_zone_trouble(const struct served *);

command_fn cmd_status, cmd_zones, cmd_zonestatus, cmd_stats, cmd_querylog;	/* command_state.c */
command_fn cmd_notify;						/* command_notify.c */
command_fn cmd_mirror;						/* command_mirror.c; ends the reply */
command_fn cmd_showconf, cmd_checkconf;				/* command_conf.c */
command_fn cmd_showzone;
/* These end the reply, later. */
command_fn cmd_reload, cmd_reconfig, cmd_refresh, cmd_retransfer, cmd_thaw, cmd_increase_serial;	/* command_reload.c */
command_fn cmd_history, cmd_diff, cmd_dump, cmd_rollback;	/* command_past.c */
command_fn cmd_addzone, cmd_modzone, cmd_delzone;		/* command_added.c */
command_fn cmd_freeze;						/* command_reload.c */

/* Of command_mirror.c: compare and put right one zone's rows or all; false: the reply is to be ended. */
bool command_compare(struct reply *, const char *zone, bool adopt);

/* The table of whom a zone's versions are told, and how far they are. */
void command_told(struct reply *, const struct announce *);

/* The lines of one kind, but for the first ones that have been told, and how many more there are, and where. */
void command_findings(struct reply *, const struct findings *, enum severity, size_t told, const char *all);

/* The table of what became of zones, which such a command fills and ends. */
struct reload reload_to(struct reply *);
#endif
