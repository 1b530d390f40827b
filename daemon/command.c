#include "daemon/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/command_impl.h"
#include "daemon/reload.h"
#include "zonefile/count.h"
#include "zonefile/nearest.h"

static void (*on_stop)(void);

/* --- commands --- */

static void
cmd_stop(struct reply *reply, char **word)
{
	(void)word;
	reply_fact(reply, "tandemd", "stopping");
	on_stop();
}

/* --- the table --- */

static void cmd_help(struct reply *, char **);

static const struct command {
	const char *name;
	int min, max;			/* words after the name */
	command_fn *run;
	bool ends;			/* the reply by itself, later */
	const char *usage, *help;
} commands[] = {
	{ "status", 0, 1, cmd_status, false, "[ZONE]", "the server, and a line for each zone; or all about one" },
	{ "zones", 0, 0, cmd_zones, false, "", "a line for each zone: serial, records, mirrors" },
	{ "zonestatus", 1, 1, cmd_zonestatus, false, "ZONE", "all about one zone" },
	{ "reload", 0, 2, cmd_reload, true, "[ZONE] [--dry-run]", "read the configuration and what changed; or one zone's file" },
	{ "reconfig", 0, 0, cmd_reconfig, true, "", "read the configuration and the files of new zones" },
	{ "checkconf", 0, 0, cmd_checkconf, false, "", "read the configuration file without using it" },
	{ "showconf", 0, 0, cmd_showconf, false, "", "the configuration in force, secrets hidden" },
	{ "notify", 1, 4, cmd_notify, false, "ZONE [ADDRESS [port N]]", "tell the slaves of a zone, or one host, of its version" },
	{ "showzone", 1, 1, cmd_showzone, false, "ZONE", "its part of it" },
	{ "refresh", 1, 1, cmd_refresh, true, "ZONE", "ask the masters of a slave zone now" },
	{ "retransfer", 1, 1, cmd_retransfer, true, "ZONE", "fetch a slave zone whole, whatever its serial" },
	{ "freeze", 1, 1, cmd_freeze, false, "ZONE", "leave the file of a zone unread, whatever is asked" },
	{ "thaw", 1, 1, cmd_thaw, true, "ZONE", "read it again" },
	{ "increase-serial", 1, 1, cmd_increase_serial, true, "ZONE", "put a newer serial into the file, and read it" },
	{ "history", 1, 1, cmd_history, true, "ZONE", "the versions that the journal knows" },
	{ "diff", 1, 3, cmd_diff, true, "ZONE [FROM [TO]]", "what changed between two serials; the last change" },
	{ "dump", 1, 2, cmd_dump, true, "ZONE [--relative | FILE]", "the records that are served, or as a zone file" },
	{ "rollback", 2, 2, cmd_rollback, true, "ZONE SERIAL", "the content of an older version, with a newer serial" },
	{ "addzone", 2, 99, cmd_addzone, true, "ZONE '{ type ...; }'", "a zone that is not in the configuration, from now on" },
	{ "modzone", 2, 99, cmd_modzone, true, "ZONE '{ type ...; }'", "another block for one that was added" },
	{ "delzone", 1, 2, cmd_delzone, true, "[-clean] ZONE", "take one away that was added; with its file" },
	{ "mirror", 1, 4, cmd_mirror, true, "status|pause|resume|verify|repair|resync|adopt|remove|import ...", "the mirrored databases" },
	{ "querylog", 0, 1, cmd_querylog, false, "[on|off]", "a line for each question; the other way round" },
	{ "stats", 0, 0, cmd_stats, false, "", "counters of queries and answers" },
	{ "stop", 0, 0, cmd_stop, false, "", "finish what is under way, then end" },
	{ "help", 0, 0, cmd_help, false, "", "this list" },
};

/* Spellings of rndc, pdns_control, pdnsutil, nsd-control and knotc, of one word or two. */
static const struct alias {
	const char *words, *name;
} aliases[] = {
	{ "list-zones", "zones" }, { "list-all-zones", "zones" }, { "zone list", "zones" }, { "zone list-all", "zones" },
	{ "bind-domain-status", "status" }, { "zone-status", "status" }, { "zone show", "zonestatus" },
	{ "show-zone", "zonestatus" }, { "zone status", "zonestatus" },
	{ "zone reload", "reload" }, { "zone-reload", "reload" }, { "bind-reload-now", "reload" },
	{ "rediscover", "reconfig" }, { "conf-read", "showconf" }, { "conf-check", "checkconf" },
	{ "retrieve", "refresh" }, { "zone retrieve", "refresh" }, { "zone refresh", "refresh" },
	{ "zone-refresh", "refresh" }, { "transfer", "refresh" },
	{ "zone-retransfer", "retransfer" }, { "zone retransfer", "retransfer" }, { "force_transfer", "retransfer" },
	{ "notify-host", "notify" }, { "zone notify", "notify" }, { "zone-notify", "notify" },
	{ "zone-freeze", "freeze" }, { "zone-thaw", "thaw" },
	{ "zone increase-serial", "increase-serial" },
	{ "zone-diff", "diff" }, { "zone diff", "diff" },
	{ "list-zone", "dump" }, { "zone list-zone", "dump" }, { "zone-read", "dump" },
	{ "changezone", "modzone" }, { "delete-zone", "delzone" }, { "zone delete", "delzone" },
	{ "quit", "stop" }, { "halt", "stop" }, { "uptime", "status" }, { "version", "status" },
};

/* How many of the words are one, and what it is called here. */
static int
resolve(int words, char **word, const char **name)
{
	char two[64];

	*name = word[0];
	snprintf(two, sizeof(two), "%s %s", word[0], words > 1 ? word[1] : "");
	for (size_t i = 0; i < COUNT(aliases); i++) {
		bool is_two = strcmp(aliases[i].words, two) == 0;

		if (!is_two && strcmp(aliases[i].words, word[0]) != 0)
			continue;
		*name = aliases[i].name;
		return is_two ? 2 : 1;
	}
	return 1;
}

static void
cmd_help(struct reply *reply, char **word)
{
	static const char *const column[] = { "command", "does", NULL };

	(void)word;
	reply_columns(reply, column);
	for (size_t i = 0; i < COUNT(commands); i++) {
		char usage[CELL];

		snprintf(usage, sizeof(usage), "%s%s%s", commands[i].name, commands[i].usage[0] != '\0' ? " " : "",
		    commands[i].usage);
		reply_row(reply, (const char *const[]){ usage, commands[i].help });
	}
	for (size_t i = 0; i < COUNT(aliases); i++) {
		char as[CELL];

		snprintf(as, sizeof(as), "as %s", aliases[i].name);
		reply_row(reply, (const char *const[]){ aliases[i].words, as });
	}
}

static void
no_such_command(struct reply *reply, const char *word)
{
	struct nearest guess;

	nearest_start(&guess, word, strlen(word));
	for (size_t i = 0; i < COUNT(commands); i++)
		nearest_offer(&guess, commands[i].name);
	reply_usage(reply, "%s: no such command, %s%s", word, guess.best != NULL ? "you may mean " :
	    "'help' lists them", guess.best != NULL ? guess.best : "");
}

void
command_run(struct reply *reply, int words, char **word)
{
	const char *name = "nothing";
	int used = words > 0 ? resolve(words, word, &name) : 0, left = words - used;
	const struct command *c = NULL;

	for (size_t i = 0; c == NULL && i < COUNT(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			c = &commands[i];
	if (c == NULL)
		no_such_command(reply, name);
	else if (left < c->min || left > c->max)
		reply_usage(reply, "usage: %s%s%s", c->name, c->usage[0] != '\0' ? " " : "", c->usage);
	else
		c->run(reply, word + used);
	/* Those that end the reply by themselves do so later. */
	if (c == NULL || !c->ends || left < c->min || left > c->max)
		reply_end(reply);
}

void
command_on_stop(void (*stop)(void))
{
	on_stop = stop;
}

/* --- signals --- */

static bool hanging_up, once_more;

static void
hangup_ended(void *ctx, bool ok, enum reload_conf conf)
{
	(void)ctx;
	(void)ok;
	(void)conf;
	hanging_up = false;
	if (once_more) {
		once_more = false;
		command_hangup();
	}
}

void
command_hangup(void)
{
	struct reload tell = { .end = hangup_ended };

	if (hanging_up) {
		once_more = true;
		return;
	}
	hanging_up = true;
	reload_all(true, &tell);
}
