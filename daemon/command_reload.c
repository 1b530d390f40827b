#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/command_impl.h"
#include "daemon/current.h"
#include "daemon/log.h"
#include "daemon/noted.h"
#include "daemon/preview.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"

struct reloading {
	struct reply *reply;
	bool preview;
	bool many;			/* zones: of each only its first warning */
	size_t unchanged, failed, rows;
};

void
command_findings(struct reply *reply, const struct findings *found, enum severity severity, size_t told, const char *all)
{
	const struct text *lines = severity == ERROR ? &found->error : &found->warning;
	const char *at = lines->octets, *end, *last = at + lines->len;
	size_t n = 0, count = severity == ERROR ? found->errors : found->warnings;
	char more[64];

	for (; at < last; at = end + 1, n++) {
		end = memchr(at, '\n', (size_t)(last - at));
		if (n >= told)
			reply_line(reply, severity, at, (size_t)(end - at));
	}
	if (n < count)
		reply_line(reply, severity, more, (size_t)snprintf(more, sizeof(more), "and %zu more, see %s", count - n, all));
}

/* The first of several, with how many there are. */
static void
first_warning(struct reply *reply, const char *zone, const struct findings *found)
{
	const char *first = found->warning.octets, *end = memchr(first, '\n', found->warning.len);
	char *line = xasprintf("%s: %u warnings, the first: %.*s", zone, found->warnings, (int)(end - first), first);

	reply_line(reply, WARNING, line, strlen(line));
	free(line);
}

static void
reload_row(void *ctx, const struct load_outcome *o)
{
	static const char *const word[] = {
		[LOAD_UNCHANGED] = "unchanged", [LOAD_SAME] = "same content",
		[LOAD_DONE] = "loaded", [LOAD_FAILED] = "failed", [LOAD_REMOVED] = "removed",
	};
	static const char *const would[] = {
		[LOAD_UNCHANGED] = "unchanged", [LOAD_SAME] = "same content",
		[LOAD_DONE] = "would be loaded", [LOAD_FAILED] = "would fail", [LOAD_REMOVED] = "would be removed",
	};
	struct reloading *r = ctx;
	const char *all = r->preview ? "tandem-checkzone" : "the log";
	char old[16] = "-", new[16] = "-", removed[24], added[24], ms[16], result[CELL];

	if (o->result == LOAD_UNCHANGED) {
		r->unchanged++;
		return;
	}
	r->rows++;
	r->failed += o->result == LOAD_FAILED;
	if (o->was_served)
		snprintf(old, sizeof(old), "%" PRIu32, o->old_serial);
	if (o->served)
		snprintf(new, sizeof(new), "%" PRIu32, o->new_serial);
	snprintf(removed, sizeof(removed), "%zu", o->removed);
	snprintf(added, sizeof(added), "%zu", o->added);
	snprintf(ms, sizeof(ms), "%u", o->ms);
	snprintf(result, sizeof(result), "%s%s%s", (r->preview ? would : word)[o->result], o->text[0] != '\0' ? ": " : "", o->text);
	reply_row(r->reply, (const char *const[]){ o->zone, old, new, removed, added, ms, result });
	if (o->found == NULL)
		return;
	if (o->result == LOAD_FAILED && o->found->errors > 0)
		command_findings(r->reply, o->found, ERROR, 1, all);
	if (r->many && o->found->warnings > 1)
		first_warning(r->reply, o->zone, o->found);
	else
		command_findings(r->reply, o->found, WARNING, 0, all);
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
	if (r->preview && r->rows == 0 && conf != RELOAD_REFUSED)
		reply_fact(r->reply, "would change", "nothing");
	if (r->unchanged > 0)
		reply_number(r->reply, "zone files unchanged", r->unchanged);
	if (r->failed > 0)
		reply_error(r->reply, "%zu zone%s not taken over", r->failed, PLURAL(r->failed));
	reply_end(r->reply);
	free(r);
}

static void
reload_said(void *ctx, const struct report *report)
{
	struct reloading *r = ctx;

	reply_report(r->reply, report);
}

struct reload
reload_to(struct reply *reply)
{
	static const char *const column[] = { "zone", "old", "new", "removed", "added", "ms", "result", NULL };
	struct reloading *r = xcalloc(1, sizeof(*r));

	r->reply = reply;
	reply_columns(reply, column);
	return (struct reload){ reload_said, reload_row, reload_ended, r };
}

/* The zone and its table; NULL when there is none, and the reply has been ended. */
static struct served *
begin(struct reply *reply, const char *name, struct reload *tell)
{
	struct served *zone = command_zone(reply, name);

	if (zone == NULL)
		reply_end(reply);
	else
		*tell = reload_to(reply);
	return zone;
}

static void
refuse(const struct reload *tell, struct reply *reply, const struct served *zone, const char *why)
{
	reply_error(reply, "%s %s", slot_name(zone->slot), why);
	tell->end(tell->ctx, false, RELOAD_UNREAD);
}

static struct reload
reload_many(struct reply *reply)
{
	struct reload tell = reload_to(reply);

	((struct reloading *)tell.ctx)->many = true;
	return tell;
}

static void
reload_one(struct reply *reply, const char *name, bool dry)
{
	struct reload tell;
	struct served *zone = begin(reply, name, &tell);

	if (zone == NULL)
		return;
	((struct reloading *)tell.ctx)->preview = dry;
	if (zone->refresh != NULL && dry)
		refuse(&tell, reply, zone, "is a slave: what it would fetch is not known before it does");
	else if (zone->refresh != NULL)
		reload_slave(zone, false, &tell);
	else if (zone->frozen)
		refuse(&tell, reply, zone, "is frozen: 'thaw' reads its file again");
	else if (dry)
		preview_reload(zone, &tell);
	else
		reload_zone(zone, &tell);
}

/* reload [ZONE] [--dry-run] */
void
cmd_reload(struct reply *reply, char **word)
{
	const char *name = NULL;
	struct reload tell;
	bool dry = false;

	for (size_t i = 0; word[i] != NULL; i++) {
		if (strcmp(word[i], "--dry-run") == 0)
			dry = true;
		else if (name == NULL && word[i][0] != '-')
			name = word[i];
		else {
			reply_usage(reply, "usage: reload [ZONE] [--dry-run]");
			reply_end(reply);
			return;
		}
	}
	if (name != NULL) {
		reload_one(reply, name, dry);
		return;
	}
	tell = reload_many(reply);
	((struct reloading *)tell.ctx)->preview = dry;
	if (dry)
		preview_reload(NULL, &tell);
	else
		reload_all(true, &tell);
}

void
cmd_reconfig(struct reply *reply, char **word)
{
	struct reload tell = reload_many(reply);

	(void)word;
	reload_all(false, &tell);
}

static void
ask_masters(struct reply *reply, const char *name, bool whole)
{
	struct reload tell;
	struct served *zone = begin(reply, name, &tell);

	if (zone == NULL)
		return;
	if (zone->refresh == NULL)
		refuse(&tell, reply, zone, "is a master here: there is nobody to ask");
	else
		reload_slave(zone, whole, &tell);
}

void
cmd_refresh(struct reply *reply, char **word)
{
	ask_masters(reply, word[0], false);
}

void
cmd_retransfer(struct reply *reply, char **word)
{
	ask_masters(reply, word[0], true);
}

void
cmd_freeze(struct reply *reply, char **word)
{
	struct served *zone = command_zone(reply, word[0]);
	int err;

	if (zone == NULL)
		return;
	if (zone->file == NULL) {
		reply_error(reply, "%s is a slave: its zone comes from its masters", slot_name(zone->slot));
		return;
	}
	if ((err = noted_set(NOTED_FROZEN, current_conf(), zone->conf->name, true)) < 0) {
		reply_error(reply, "%s is not frozen: that cannot be kept over a restart: %s", slot_name(zone->slot), strerror(-err));
		return;
	}
	zone->frozen = true;
	log_note("zone %s: frozen, its file is not read until it is thawed", slot_name(zone->slot));
	reply_fact(reply, "frozen", "%s", slot_name(zone->slot));
}

void
cmd_thaw(struct reply *reply, char **word)
{
	struct reload tell;
	struct served *zone = begin(reply, word[0], &tell);
	struct sink sink = { .fn = reply_report, .ctx = reply };
	int err;

	if (zone == NULL)
		return;
	if (!zone->frozen) {
		refuse(&tell, reply, zone, "is not frozen");
		return;
	}
	if ((err = noted_set(NOTED_FROZEN, current_conf(), zone->conf->name, false)) < 0)
		report_zone(&sink, WARNING, slot_name(zone->slot), "will be frozen again after a restart: %s", strerror(-err));
	zone->frozen = false;
	log_note("zone %s: thawed", slot_name(zone->slot));
	reload_zone(zone, &tell);
}

void
cmd_increase_serial(struct reply *reply, char **word)
{
	struct reload tell;
	struct served *zone = begin(reply, word[0], &tell);

	if (zone == NULL)
		return;
	if (zone->file == NULL)
		refuse(&tell, reply, zone, "is a slave: its master gives it its serial");
	else if (zone->frozen)
		refuse(&tell, reply, zone, "is frozen: its file is left alone");
	else
		reload_bumped(zone, &tell);
}
