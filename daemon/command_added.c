/* command_added.c - zones that the operator adds, changes and takes away while the server runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/added.h"
#include "daemon/command_impl.h"
#include "zonefile/arena.h"

/* A zone that was just added: if its file cannot be read it goes again.  Or one that was changed, which stays. */
struct adding {
	bool added;
	struct reload table;
	struct reply *reply;
	struct slot *slot;
};

static void
on_zone(void *ctx, const struct load_outcome *outcome)
{
	struct adding *a = ctx;
	struct served *zone = zones_of(a->slot);
	struct sink sink = { .fn = reply_report, .ctx = a->reply };
	struct load_outcome o = *outcome;

	if (a->added && zone != NULL && zone->file != NULL && o.result == LOAD_FAILED && !o.served) {
		if (added_remove(zone, false, &sink))
			reply_error(a->reply, "%s: not added", o.zone);
	} else if (zone != NULL && zone->refresh != NULL && o.result == LOAD_FAILED) {
		/* It is there, and will be asked for. */
		reply_fact(a->reply, a->added ? "added, but not transferred yet" : "changed, but not transferred yet", "%s", o.text);
		return;
	}
	a->table.zone(a->table.ctx, &o);
}

static void
on_end(void *ctx, bool ok, enum reload_conf conf)
{
	struct adding *a = ctx;

	a->table.end(a->table.ctx, ok, conf);
	slot_unref(a->slot);
	free(a);
}

/* Words in the shell's form to one text. */
static char *
join(char **word)
{
	size_t len = 1;
	char *text;

	for (size_t i = 0; word[i] != NULL; i++)
		len += strlen(word[i]) + 1;
	text = xcalloc(1, len);
	for (size_t i = 0; word[i] != NULL; i++)
		strcat(strcat(text, i > 0 ? " " : ""), word[i]);
	return text;
}

static void
fetch(struct reply *reply, struct served *zone, bool added)
{
	struct adding *a = xcalloc(1, sizeof(*a));
	struct reload tell = { .zone = on_zone, .end = on_end, .ctx = a };

	a->table = reload_to(reply);
	a->added = added;
	a->reply = reply;
	a->slot = slot_ref(zone->slot);
	if (zone->refresh != NULL)
		reload_slave(zone, false, &tell);
	else
		reload_zone(zone, &tell);
}

void
cmd_addzone(struct reply *reply, char **word)
{
	struct sink sink = { .fn = reply_report, .ctx = reply };
	/* rndc takes a class there. */
	char *block = join(word + (strcasecmp(word[1], "IN") == 0 ? 2 : 1));

	if (added_add(word[0], block, &sink))
		fetch(reply, zones_find(word[0]), true);
	else
		reply_end(reply);
	free(block);
}

void
cmd_modzone(struct reply *reply, char **word)
{
	struct sink sink = { .fn = reply_report, .ctx = reply };
	struct served *zone = command_zone(reply, word[0]);
	char *block = join(word + (strcasecmp(word[1], "IN") == 0 ? 2 : 1));

	if (zone != NULL && added_change(zone, block, &sink))
		fetch(reply, zone, false);
	else
		reply_end(reply);
	free(block);
}

/* delzone [-clean] ZONE */
void
cmd_delzone(struct reply *reply, char **word)
{
	struct sink sink = { .fn = reply_report, .ctx = reply };
	bool clean = strcmp(word[0], "-clean") == 0;
	struct served *zone;

	if (clean && word[1] == NULL) {
		reply_error(reply, "usage: delzone [-clean] ZONE");
	} else if ((zone = command_zone(reply, word[clean])) != NULL) {
		char *name = xstrdup(slot_name(zone->slot));

		if (added_remove(zone, clean, &sink))
			reply_fact(reply, "removed", "%s", name);
		free(name);
	}
	reply_end(reply);
}
