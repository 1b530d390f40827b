#include "daemon/command.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/mirrors.h"
#include "daemon/setup.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"

#define CELL 320
#define MIRRORS_SHOWN 8

static void (*on_stop)(void);

/* --- telling --- */

static const char *
age(char out[32], time_t since)
{
	long s = (long)(time(NULL) - since);

	if (since == 0)
		snprintf(out, 32, "-");
	else if (s < 120)
		snprintf(out, 32, "%lds", s);
	else if (s < 7200)
		snprintf(out, 32, "%ldm", s / 60);
	else if (s < 172800)
		snprintf(out, 32, "%ldh", s / 3600);
	else
		snprintf(out, 32, "%ldd", s / 86400);
	return out;
}

static void
mirror_cell(char out[CELL], struct mirror *mirror, const struct slot *slot)
{
	struct mirror_zone z;

	if (!mirror_zone_status(mirror, slot_origin(slot), &z))
		snprintf(out, CELL, "not mirrored");
	else if (z.state == MIRROR_HELD)
		snprintf(out, CELL, "held: %s", z.why);
	else if (!z.known)
		snprintf(out, CELL, "not there yet");
	else
		snprintf(out, CELL, "%" PRIu32 " %s", z.serial, z.state == MIRROR_IN_STEP ? "in step" : "behind");
}

/* zone, role, serial, records, age, state, then one column a mirror. */
static void
zone_columns(struct reply *reply)
{
	const char *column[6 + MIRRORS_SHOWN + 1] = { "zone", "role", "serial", "records", "age", "state" };
	char name[MIRRORS_SHOWN][CELL];
	size_t mirrors;

	mirrors_all(&mirrors);
	for (size_t i = 0; i < mirrors && i < MIRRORS_SHOWN; i++) {
		snprintf(name[i], CELL, "mirror %s", mirrors_name(i));
		column[6 + i] = name[i];
	}
	reply_columns(reply, column);
}

static void
zone_row(struct reply *reply, const struct served *zone)
{
	char cell[6 + MIRRORS_SHOWN][CELL], since[32];
	const char *cells[6 + MIRRORS_SHOWN];
	struct mirror *const *mirror;
	struct zone *version = slot_zone_ref(zone->slot);
	size_t mirrors;

	mirror = mirrors_all(&mirrors);
	snprintf(cell[0], CELL, "%s", slot_name(zone->slot));
	snprintf(cell[1], CELL, "master");
	snprintf(cell[2], CELL, version != NULL ? "%" PRIu32 : "-", version != NULL ? zone_serial(version) : 0);
	snprintf(cell[3], CELL, version != NULL ? "%zu" : "-", version != NULL ? zone_records(version) : 0);
	snprintf(cell[4], CELL, "%s", age(since, zone->since));
	snprintf(cell[5], CELL, "%s", zone_file_trouble(zone->file)[0] != '\0' ?
	    version != NULL ? "old version, file has errors" : "not loaded" :
	    version != NULL ? "ok" : "loading");
	for (size_t i = 0; i < mirrors && i < MIRRORS_SHOWN; i++)
		mirror_cell(cell[6 + i], mirror[i], zone->slot);
	for (size_t i = 0; i < COUNT(cell); i++)
		cells[i] = cell[i];
	reply_row(reply, cells);
	zone_unref(version);
}

static void
all_zones(struct reply *reply)
{
	const struct served *zone;
	size_t count;

	zone = zones_all(&count);
	zone_columns(reply);
	for (size_t i = 0; i < count; i++)
		zone_row(reply, &zone[i]);
}

/* The zone, or an error in the reply. */
static struct served *
named_zone(struct reply *reply, const char *name)
{
	struct served *zone = zones_find(name);

	if (zone == NULL)
		reply_error(reply, "%s: no such zone in the configuration", name);
	return zone;
}

/* --- commands --- */

static void
cmd_zonestatus(struct reply *reply, char **word)
{
	struct served *zone = named_zone(reply, word[0]);
	struct mirror *const *mirror;
	struct zone *version;
	char text[CELL];
	size_t mirrors;

	if (zone == NULL)
		return;
	reply_fact(reply, "zone", "%s", slot_name(zone->slot));
	reply_fact(reply, "role", "master");
	reply_fact(reply, "file", "%s", zone_file_path(zone->file));
	if ((version = slot_zone_ref(zone->slot)) != NULL) {
		char digest[ZONE_DIGEST_TEXT];

		reply_number(reply, "serial", zone_serial(version));
		reply_number(reply, "records", zone_records(version));
		reply_number(reply, "names", zone_names(version));
		reply_number(reply, "memory", zone_memory(version));
		reply_fact(reply, "signed", "%s", !zone_signed(version) ? "no" :
		    zone_nsec3(version) != NULL ? "NSEC3" : "NSEC");
		reply_fact(reply, "digest", "%s", zone_digest_print(digest, zone_digest(version)));
		reply_fact(reply, "age", "%s", age(text, zone->since));
	}
	if (zone_file_trouble(zone->file)[0] != '\0')
		reply_fact(reply, "trouble", "%s", zone_file_trouble(zone->file));
	mirror = mirrors_all(&mirrors);
	for (size_t i = 0; i < mirrors; i++) {
		char key[CELL];

		snprintf(key, sizeof(key), "mirror %s", mirrors_name(i));
		mirror_cell(text, mirror[i], zone->slot);
		reply_fact(reply, key, "%s", text);
	}
	zone_unref(version);
}

static void
cmd_zones(struct reply *reply, char **word)
{
	(void)word;
	all_zones(reply);
}

static void
server_facts(struct reply *reply)
{
	const struct served *zone;
	char text[32];
	size_t count, failed = 0;

	zone = zones_all(&count);
	for (size_t i = 0; i < count; i++)
		failed += zone_file_trouble(zone[i].file)[0] != '\0';
	reply_fact(reply, "version", "tandemd %s", TANDEM_VERSION);
	reply_number(reply, "pid", (uint64_t)getpid());
	reply_fact(reply, "configuration", "%s", setup_conf()->path);
	reply_fact(reply, "running for", "%s", age(text, setup_started()));
	reply_number(reply, "zones", count);
	if (failed > 0)
		reply_number(reply, "zones in trouble", failed);
}

static void
cmd_status(struct reply *reply, char **word)
{
	if (word[0] != NULL) {
		cmd_zonestatus(reply, word);
		return;
	}
	server_facts(reply);
	all_zones(reply);
}

static void
cmd_stats(struct reply *reply, char **word)
{
	struct query_stats s;

	(void)word;
	workers_stats(setup_workers(), &s);
	reply_number(reply, "queries over UDP", s.udp);
	reply_number(reply, "queries over TCP", s.tcp);
	reply_number(reply, "TCP connections", s.tcp_connections);
	reply_number(reply, "answers", s.answers);
	reply_number(reply, "NODATA", s.nodata);
	reply_number(reply, "NXDOMAIN", s.nxdomain);
	reply_number(reply, "referrals", s.referrals);
	reply_number(reply, "REFUSED", s.refused);
	reply_number(reply, "SERVFAIL", s.servfail);
	reply_number(reply, "FORMERR", s.formerr);
	reply_number(reply, "NOTIMP", s.notimp);
	reply_number(reply, "truncated", s.truncated);
	reply_number(reply, "dropped", s.dropped);
}

static void
cmd_showconf(struct reply *reply, char **word)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)word;
	if (out == NULL)
		abort();
	conf_print(out, setup_conf(), true);
	fclose(out);
	reply_text(reply, text);
	free(text);
}

static void
reply_report(void *ctx, const struct report *report)
{
	char text[1024];

	if (report->severity == ERROR)
		reply_error(ctx, "%s", report_format(text, sizeof(text), report));
}

static void
cmd_checkconf(struct reply *reply, char **word)
{
	struct sink sink = { .fn = reply_report, .ctx = reply };
	struct conf *conf = conf_read(setup_conf()->path, &sink);

	(void)word;
	if (conf != NULL)
		reply_fact(reply, setup_conf()->path, "good, %zu zones, %zu mirrors", conf->zone_count, conf->mirror_count);
	conf_free(conf);
}

static void
cmd_stop(struct reply *reply, char **word)
{
	(void)word;
	reply_fact(reply, "tandemd", "stopping");
	on_stop();
}

/* --- mirror --- */

static void
mirror_state(struct reply *reply)
{
	static const char *const column[] = { "mirror", "connected", "in step", "behind", "held", "deleted",
		"inserted", "updated", "transactions", "purges", "last error", NULL };
	struct mirror *const *mirror;
	size_t count;

	mirror = mirrors_all(&count);
	reply_columns(reply, column);
	for (size_t i = 0; i < count; i++) {
		struct mirror_status s;
		char n[8][24];

		mirror_status(mirror[i], &s);
		snprintf(n[0], 24, "%zu", s.in_step);
		snprintf(n[1], 24, "%zu", s.behind);
		snprintf(n[2], 24, "%zu", s.held);
		snprintf(n[3], 24, "%" PRIu64, s.rows_deleted);
		snprintf(n[4], 24, "%" PRIu64, s.rows_inserted);
		snprintf(n[5], 24, "%" PRIu64, s.rows_updated);
		snprintf(n[6], 24, "%" PRIu64, s.transactions);
		snprintf(n[7], 24, "%" PRIu64, s.purges);
		reply_row(reply, (const char *const[]){ mirrors_name(i), s.paused ? "paused" : s.connected ? "yes" : "no",
		    n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], s.error[0] != '\0' ? s.error : "-" });
	}
	if (count == 0)
		reply_fact(reply, "mirrors", "none configured");
}

/* mirror status|pause|resume [MIRROR], mirror resync ZONE */
static void
cmd_mirror(struct reply *reply, char **word)
{
	struct mirror *const *mirror;
	bool resync = strcmp(word[0], "resync") == 0, pause = strcmp(word[0], "pause") == 0;
	struct served *zone = NULL;
	size_t count;

	mirror = mirrors_all(&count);
	if (strcmp(word[0], "status") == 0) {
		mirror_state(reply);
		return;
	}
	if (!resync && !pause && strcmp(word[0], "resume") != 0) {
		reply_error(reply, "mirror %s: there are mirror status, pause, resume and resync ZONE", word[0]);
		return;
	}
	if (resync && word[1] == NULL) {
		reply_error(reply, "usage: mirror resync ZONE");
		return;
	}
	if (resync && (zone = named_zone(reply, word[1])) == NULL)
		return;
	if (!resync && word[1] != NULL && mirrors_find(word[1]) == NULL) {
		reply_error(reply, "%s: no such mirror in the configuration", word[1]);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (resync)
			mirror_resync(mirror[i], zone->slot);
		else if (word[1] == NULL || mirror[i] == mirrors_find(word[1]))
			mirror_pause(mirror[i], pause);
	}
	mirror_state(reply);
}

/* --- reload --- */

struct reloading {
	struct reply *reply;
	size_t changed, unchanged;
};

static void
reload_row(void *ctx, const struct load_outcome *o)
{
	static const char *const word[] = {
		[LOAD_UNCHANGED] = "unchanged", [LOAD_SAME] = "same content",
		[LOAD_DONE] = "loaded", [LOAD_FAILED] = "failed",
	};
	struct reloading *r = ctx;
	char old[16] = "-", new[16] = "-", removed[24], added[24], ms[16], result[CELL];

	if (o->result == LOAD_UNCHANGED) {
		r->unchanged++;
		return;
	}
	r->changed++;
	if (o->old_serial != 0 || o->result != LOAD_DONE)
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
reload_ended(void *ctx, bool ok)
{
	struct reloading *r = ctx;

	if (!ok)
		reply_error(r->reply, "not all of it was taken over; what failed is as it was before");
	else if (r->changed == 0)
		reply_fact(r->reply, "nothing changed in", "%zu zone files", r->unchanged);
	reply_end(r->reply);
	free(r);
}

static struct reload
reload_to(struct reply *reply)
{
	static const char *const column[] = { "zone", "old", "new", "removed", "added", "ms", "result", NULL };

	struct reloading *r = xcalloc(1, sizeof(*r));

	r->reply = reply;
	reply_columns(reply, column);
	return (struct reload){ reload_row, reload_ended, r };
}

/* These end the reply themselves. */
static void
cmd_reload(struct reply *reply, char **word)
{
	struct served *zone = NULL;
	struct reload tell;

	if (word[0] != NULL && (zone = named_zone(reply, word[0])) == NULL) {
		reply_end(reply);
		return;
	}
	tell = reload_to(reply);
	if (zone != NULL)
		setup_reload_zone(zone, &tell);
	else
		setup_reload(true, &tell);
}

static void
cmd_reconfig(struct reply *reply, char **word)
{
	struct reload tell = reload_to(reply);

	(void)word;
	setup_reload(false, &tell);
}

/* --- the table --- */

static void cmd_help(struct reply *, char **);

static const struct command {
	const char *name;
	int min, max;			/* words after the name */
	void (*run)(struct reply *, char **words);
	bool ends;			/* the reply by itself, later */
	const char *usage, *help;
} commands[] = {
	{ "status", 0, 1, cmd_status, false, "[ZONE]", "the server, and a line for each zone; or all about one" },
	{ "zones", 0, 0, cmd_zones, false, "", "a line for each zone: serial, records, mirrors" },
	{ "list-zones", 0, 0, cmd_zones, false, "", "the same" },
	{ "zonestatus", 1, 1, cmd_zonestatus, false, "ZONE", "all about one zone" },
	{ "reload", 0, 1, cmd_reload, true, "[ZONE]", "read the configuration and what changed; or one zone's file" },
	{ "reconfig", 0, 0, cmd_reconfig, true, "", "read the configuration and the files of new zones" },
	{ "checkconf", 0, 0, cmd_checkconf, false, "", "read the configuration file without using it" },
	{ "showconf", 0, 0, cmd_showconf, false, "", "the configuration in force, secrets hidden" },
	{ "mirror", 1, 2, cmd_mirror, false, "status|pause|resume [MIRROR]|resync ZONE", "the mirrored databases" },
	{ "stats", 0, 0, cmd_stats, false, "", "counters of queries and answers" },
	{ "stop", 0, 0, cmd_stop, false, "", "finish what is under way, then end" },
	{ "help", 0, 0, cmd_help, false, "", "this list" },
};

static void
cmd_help(struct reply *reply, char **word)
{
	static const char *const column[] = { "command", "does", NULL };

	(void)word;
	reply_columns(reply, column);
	for (size_t i = 0; i < COUNT(commands); i++) {
		char usage[CELL];

		snprintf(usage, sizeof(usage), "%s %s", commands[i].name, commands[i].usage);
		reply_row(reply, (const char *const[]){ usage, commands[i].help });
	}
}

void
command_run(struct reply *reply, int words, char **word)
{
	for (size_t i = 0; words > 0 && i < COUNT(commands); i++) {
		const struct command *c = &commands[i];

		if (strcmp(word[0], c->name) != 0)
			continue;
		if (words - 1 < c->min || words - 1 > c->max) {
			reply_error(reply, "usage: %s %s", c->name, c->usage);
		} else {
			c->run(reply, word + 1);
			if (c->ends)
				return;
		}
		reply_end(reply);
		return;
	}
	reply_error(reply, "%s: no such command, 'help' lists them", words > 0 ? word[0] : "nothing");
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
hangup_ended(void *ctx, bool ok)
{
	(void)ctx;
	(void)ok;
	hanging_up = false;
	if (once_more) {
		once_more = false;
		command_hangup();
	}
}

void
command_hangup(void)
{
	struct reload tell = { NULL, hangup_ended, NULL };

	if (hanging_up) {
		once_more = true;
		return;
	}
	hanging_up = true;
	setup_reload(true, &tell);
}

static void
write_file(void *path, const char *text, size_t len, bool failed)
{
	FILE *file = fopen(path, "we");

	(void)failed;
	if (file == NULL || fwrite(text, 1, len, file) != len)
		log_error("%s: %s", (char *)path, strerror(errno));
	else
		log_note("written: %s", (char *)path);
	if (file != NULL)
		fclose(file);
}

void
command_write_state(void)
{
	char journal[PATH_MAX], path[PATH_MAX + 16], *slash;
	char *none[] = { NULL };
	struct reply *reply;

	conf_resolve(journal, setup_conf(), setup_conf()->journal);
	if ((slash = strrchr(journal, '/')) != NULL)
		*slash = '\0';
	snprintf(path, sizeof(path), "%s/tandemd.stats", journal);
	reply = reply_new(false, write_file, path);
	server_facts(reply);
	cmd_stats(reply, none);
	reply_end(reply);
	snprintf(path, sizeof(path), "%s/tandemd.zones", journal);
	reply = reply_new(false, write_file, path);
	all_zones(reply);
	reply_end(reply);
}
