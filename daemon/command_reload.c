#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/command_impl.h"
#include "daemon/reload.h"
#include "daemon/setup.h"
#include "zonefile/arena.h"

struct reloading {
	struct reply *reply;
	size_t unchanged, failed;
};

static void
reload_row(void *ctx, const struct load_outcome *o)
{
	static const char *const word[] = {
		[LOAD_UNCHANGED] = "unchanged", [LOAD_SAME] = "same content",
		[LOAD_DONE] = "loaded", [LOAD_FAILED] = "failed", [LOAD_REMOVED] = "removed",
	};
	struct reloading *r = ctx;
	char old[16] = "-", new[16] = "-", removed[24], added[24], ms[16], result[CELL];

	if (o->result == LOAD_UNCHANGED) {
		r->unchanged++;
		return;
	}
	r->failed += o->result == LOAD_FAILED;
	if (o->was_served)
		snprintf(old, sizeof(old), "%" PRIu32, o->old_serial);
	if (o->served)
		snprintf(new, sizeof(new), "%" PRIu32, o->new_serial);
	snprintf(removed, sizeof(removed), "%zu", o->removed);
	snprintf(added, sizeof(added), "%zu", o->added);
	snprintf(ms, sizeof(ms), "%u", o->ms);
	snprintf(result, sizeof(result), "%s%s%s", word[o->result], o->text[0] != '\0' ? ": " : "", o->text);
	reply_row(r->reply, (const char *const[]){ o->zone, old, new, removed, added, ms, result });
}

static void
reload_ended(void *ctx, bool ok, enum reload_conf conf)
{
	static const char *const word[] = {
		[RELOAD_SAME] = "unchanged", [RELOAD_CHANGED] = "changed", [RELOAD_REFUSED] = "refused",
	};
	struct reloading *r = ctx;

	(void)ok;	/* errors have been told */
	if (conf != RELOAD_UNREAD)
		reply_fact(r->reply, "configuration", "%s", word[conf]);
	if (r->unchanged > 0)
		reply_number(r->reply, "zone files unchanged", r->unchanged);
	if (r->failed > 0)
		reply_error(r->reply, "%zu zone file%s not taken over", r->failed, r->failed == 1 ? "" : "s");
	reply_end(r->reply);
	free(r);
}

static void
reload_said(void *ctx, const struct report *report)
{
	struct reloading *r = ctx;

	reply_report(r->reply, report);
}

static struct reload
reload_to(struct reply *reply)
{
	static const char *const column[] = { "zone", "old", "new", "removed", "added", "ms", "result", NULL };
	struct reloading *r = xcalloc(1, sizeof(*r));

	r->reply = reply;
	reply_columns(reply, column);
	return (struct reload){ reload_said, reload_row, reload_ended, r };
}

/* These end the reply themselves. */
void
cmd_reload(struct reply *reply, char **word)
{
	struct served *zone = NULL;
	struct reload tell;

	if (word[0] != NULL && (zone = command_zone(reply, word[0])) == NULL) {
		reply_end(reply);
		return;
	}
	if (zone != NULL && zone->file == NULL) {
		reply_error(reply, "%s is a slave: its zone comes from its masters", word[0]);
		reply_end(reply);
		return;
	}
	tell = reload_to(reply);
	if (zone != NULL)
		reload_zone(zone, &tell);
	else
		reload_all(true, &tell);
}

void
cmd_reconfig(struct reply *reply, char **word)
{
	struct reload tell = reload_to(reply);

	(void)word;
	reload_all(false, &tell);
}
