#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/command.h"
#include "daemon/command_impl.h"
#include "daemon/log.h"
#include "daemon/mirrors.h"
#include "daemon/current.h"
#include "daemon/server.h"
#include "daemon/setup.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"
#include "zonefile/name.h"

#define MIRRORS_SHOWN 8

/* whole: with why it is held, which would make a column too wide to be read. */
static void
mirror_cell(char out[CELL], struct mirror *mirror, const struct slot *slot, const struct zone *version, bool whole)
{
	struct mirror_zone z;

	if (!mirror_zone_status(mirror, slot_origin(slot), &z))
		snprintf(out, CELL, "not mirrored");
	else if (z.standby)
		snprintf(out, CELL, "standby");
	else if (z.state == MIRROR_HELD)
		snprintf(out, CELL, "held%s%s", whole ? ": " : "", whole ? z.why : "");
	else if (!z.met)
		snprintf(out, CELL, "unknown");
	else if (!z.known)
		snprintf(out, CELL, "not there yet");
	else if (z.disabled)
		snprintf(out, CELL, "%" PRIu32 " disabled", z.serial);
	else if (z.drifted && z.state == MIRROR_IN_STEP)
		snprintf(out, CELL, "%" PRIu32 " drifted%s%s%s", z.serial, whole ? ": somebody else has changed the database; "
		    "'mirror repair " : "", whole ? slot_name(slot) : "", whole ? "' mends it" : "");
	else
		snprintf(out, CELL, "%" PRIu32 " %s", z.serial, z.state == MIRROR_IN_STEP ? "in step" :
		    version != NULL && z.serial == zone_serial(version) ? "to be written again" : "behind");
}

/* zone, role, serial, records, age, state, then one column a mirror. */
static void
zone_columns(struct reply *reply)
{
	const char *column[6 + MIRRORS_SHOWN + 1] = { "zone", "role", "serial", "records", "age:age", "state" };
	char name[MIRRORS_SHOWN][CELL];
	size_t mirrors;

	mirrors_all(&mirrors);
	for (size_t i = 0; i < mirrors && i < MIRRORS_SHOWN; i++) {
		snprintf(name[i], CELL, "mirror %s", mirrors_name(i));
		column[6 + i] = name[i];
	}
	reply_columns(reply, column);
}

const char *
command_zone_role(const struct served *zone)
{
	return zone->refresh != NULL ? "slave" : "master";
}

/* Of what is served; false: nobody has to care. */
static bool
signatures_matter(const struct served *zone, struct signatures_state *s)
{
	return zone->conf->rules->checks[CHECK_DNSSEC] != NOTE && signatures_state(zone->signatures, s) &&
	    (s->expired > 0 || s->ending > 0);
}

/* "" when all is well. */
const char *
command_zone_trouble(const struct served *zone)
{
	struct refresh_status s;
	struct signatures_state signatures;
	const char *trouble;

	if (zone->refresh == NULL) {
		trouble = zone_file_trouble(zone->file);
	} else {
		refresh_status(zone->refresh, &s);
		trouble = s.trouble;
	}
	if (trouble[0] == '\0' && signatures_matter(zone, &signatures) && signatures.expired > 0)
		return "signatures have run out: resolvers that validate refuse its answers";
	return trouble;
}

static const char *
served_state(const struct served *zone)
{
	struct signatures_state s;

	if (!signatures_matter(zone, &s))
		return "ok";
	return s.expired > 0 ? "signatures have expired" : "signatures expire within a day";
}

static const char *
master_state(const struct served *zone, bool loaded)
{
	if (zone->frozen)
		return "frozen";
	if (zone_file_trouble(zone->file)[0] != '\0')
		return loaded ? "old version, file has errors" : "not loaded";
	return loaded ? served_state(zone) : "loading";
}

static const char *
slave_state(const struct served *zone)
{
	struct refresh_status s;

	refresh_status(zone->refresh, &s);
	if (s.expired)
		return "expired";
	if (s.busy)
		return s.served ? "refreshing" : "transferring";
	if (s.trouble[0] != '\0')
		return s.served ? "old version, no master answers" : "not transferred";
	return s.served ? served_state(zone) : "no version yet";
}

const char *
command_zone_state(const struct served *zone)
{
	return zone->refresh != NULL ? slave_state(zone) : master_state(zone, slot_since(zone->slot) != 0);
}

static void
zone_row(struct reply *reply, const struct served *zone)
{
	char cell[6 + MIRRORS_SHOWN][CELL];
	const char *cells[6 + MIRRORS_SHOWN];
	struct mirror *const *mirror;
	struct zone *version = slot_zone_ref(zone->slot);
	size_t mirrors;

	mirror = mirrors_all(&mirrors);
	snprintf(cell[0], CELL, "%s", slot_name(zone->slot));
	snprintf(cell[1], CELL, "%s", command_zone_role(zone));
	snprintf(cell[2], CELL, version != NULL ? "%" PRIu32 : "-", version != NULL ? zone_serial(version) : 0);
	snprintf(cell[3], CELL, version != NULL ? "%zu" : "-", version != NULL ? zone_records(version) : 0);
	reply_age_cell(cell[4], (time_t)slot_since(zone->slot));
	snprintf(cell[5], CELL, "%s", command_zone_state(zone));
	for (size_t i = 0; i < mirrors && i < MIRRORS_SHOWN; i++)
		mirror_cell(cell[6 + i], mirror[i], zone->slot, version, false);
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

struct served *
command_zone(struct reply *reply, const char *name)
{
	struct served *zone = zones_find(name);

	if (zone == NULL)
		reply_error(reply, "%s: no such zone in the configuration", name);
	return zone;
}

static void
slave_facts(struct reply *reply, const struct served *zone)
{
	const struct conf_remotes *masters = zone->conf->masters;
	struct refresh_status s;
	char peer[PEER_TEXT];

	refresh_status(zone->refresh, &s);
	for (size_t i = 0; i < masters->count; i++)
		reply_item(reply, "master", "%s%s%s", peer_print(peer, &masters->remote[i].address.any),
		    masters->remote[i].key != NULL ? " key " : "",
		    masters->remote[i].key != NULL ? masters->remote[i].key->name : "");
	if (s.from[0] != '\0')
		reply_fact(reply, "transferred from", "%s", s.from);
	reply_time(reply, "master asked", s.checked);
	reply_time(reply, "next", s.next);
	if (s.expires != 0)
		reply_time(reply, s.expired ? "expired" : "expires", s.expires);
}

static void
signature_facts(struct reply *reply, const struct served *zone)
{
	struct signatures_state s;

	if (!signatures_state(zone->signatures, &s))
		return;
	reply_time(reply, s.expired > 0 ? "signatures expired" : "signatures expire", s.first);
	if (s.expired > 0)
		reply_number(reply, "sets without a signature in time", s.expired);
	else if (s.ending > 0)
		reply_number(reply, "sets signed for less than a day", s.ending);
}

/* Those of the version that is served, and of the file when it was refused. */
static void
file_findings(struct reply *reply, const struct zone_file *file)
{
	const struct findings *errors = zone_file_errors(file), *warnings = zone_file_warnings(file);

	if (errors != NULL) {
		reply_number(reply, "errors in the file", errors->errors);
		command_findings(reply, errors, ERROR, 0, "the log");
	}
	if (warnings != NULL) {
		reply_number(reply, "warnings when it was read", warnings->warnings);
		command_findings(reply, warnings, WARNING, 0, "the log");
	}
}

void
cmd_zonestatus(struct reply *reply, char **word)
{
	struct served *zone = command_zone(reply, word[0]);
	struct mirror *const *mirror;
	struct zone *version;
	char text[CELL], path[PATH_MAX];
	size_t mirrors;

	if (zone == NULL)
		return;
	reply_fact(reply, "zone", "%s", slot_name(zone->slot));
	reply_fact(reply, "role", "%s", command_zone_role(zone));
	if (zone->conf->file != NULL)
		reply_fact(reply, "file", "%s", conf_resolve(path, current_conf(), zone->conf->file));
	if (zone->refresh == NULL)
		reply_flag(reply, "frozen", zone->frozen);
	if ((version = slot_zone_ref(zone->slot)) != NULL) {
		char digest[ZONE_DIGEST_TEXT];

		reply_number(reply, "serial", zone_serial(version));
		reply_number(reply, "records", zone_records(version));
		reply_number(reply, "names", zone_names(version));
		reply_number(reply, "memory", zone_memory(version));
		reply_flag(reply, "signed", zone_signed(version));
		if (zone_signed(version))
			reply_fact(reply, "denial", "%s", zone_nsec3(version) != NULL ? "NSEC3" : "NSEC");
		signature_facts(reply, zone);
		reply_fact(reply, "digest", "%s", zone_digest_print(digest, zone_digest(version)));
		reply_age(reply, "age", (time_t)slot_since(zone->slot));
	}
	if (zone->refresh != NULL)
		slave_facts(reply, zone);
	if (zone->announce != NULL)
		command_told(reply, zone->announce);
	if (command_zone_trouble(zone)[0] != '\0')
		reply_fact(reply, "trouble", "%s", command_zone_trouble(zone));
	if (zone->file != NULL)
		file_findings(reply, zone->file);
	mirror = mirrors_all(&mirrors);
	for (size_t i = 0; i < mirrors; i++) {
		char key[CELL];

		snprintf(key, sizeof(key), "mirror %s", mirrors_name(i));
		mirror_cell(text, mirror[i], zone->slot, version, true);
		reply_fact(reply, key, "%s", text);
	}
	zone_unref(version);
}

void
cmd_zones(struct reply *reply, char **word)
{
	(void)word;
	all_zones(reply);
}

static void
server_facts(struct reply *reply)
{
	const struct setup_refused refused = setup_refused();
	const struct served *zone;
	char more[32] = "", path[PATH_MAX];
	size_t count, failed = 0;

	if (refused.reasons > 1)
		snprintf(more, sizeof(more), " (and %u more)", refused.reasons - 1);
	zone = zones_all(&count);
	for (size_t i = 0; i < count; i++)
		failed += command_zone_trouble(&zone[i])[0] != '\0';
	reply_fact(reply, "version", "tandemd %s", TANDEM_VERSION);
	reply_number(reply, "pid", (uint64_t)getpid());
	reply_fact(reply, "configuration", "%s", realpath(current_conf()->path, path) != NULL ? path : current_conf()->path);
	reply_age(reply, "configuration age", current_since());
	if (refused.at != 0) {
		reply_age(reply, "configuration refused", refused.at);
		reply_fact(reply, "refused for", "%s%s", refused.why, more);
	}
	reply_age(reply, "running for", setup_started());
	reply_number(reply, "zones", count);
	if (failed > 0)
		reply_number(reply, "zones in trouble", failed);
}

void
cmd_status(struct reply *reply, char **word)
{
	if (word[0] != NULL) {
		cmd_zonestatus(reply, word);
		return;
	}
	server_facts(reply);
	all_zones(reply);
}

/* --- the same over HTTP --- */

#define ZONES_A_PIECE 100

struct state {
	struct reply *reply;
	bool begun;
	uint8_t origin[DNAME_MAX];	/* of the zone that was last: others come and go meanwhile */
};

static void *
state_open(void)
{
	struct state *s = xcalloc(1, sizeof(*s));

	s->reply = reply_new(true, NULL, NULL);
	server_facts(s->reply);
	zone_columns(s->reply);
	return s;
}

static bool
state_more(void *ctx, struct text *out)
{
	struct state *s = ctx;
	size_t count, at = s->begun ? zones_after(s->origin) : 0, end;
	const struct served *zone = zones_all(&count);

	end = count - at > ZONES_A_PIECE ? at + ZONES_A_PIECE : count;
	for (; at < end; at++)
		zone_row(s->reply, &zone[at]);
	s->begun = true;
	if (end > 0)
		memcpy(s->origin, slot_origin(zone[end - 1].slot), name_len(slot_origin(zone[end - 1].slot)));
	reply_piece(s->reply, out, end == count);
	return end < count;
}

static void
state_close(void *ctx)
{
	struct state *s = ctx;

	reply_drop(s->reply);
	free(s);
}

const struct page command_state_page = { "/status", "application/json", state_open, state_more, state_close };

/* querylog [on|off] */
void
cmd_querylog(struct reply *reply, char **word)
{
	bool on = word[0] == NULL ? !setup_logs_queries() : strcmp(word[0], "on") == 0;

	if (word[0] != NULL && !on && strcmp(word[0], "off") != 0) {
		reply_usage(reply, "usage: querylog [on|off]");
		return;
	}
	setup_log_queries(on);
	log_note("query log: %s", on ? "on" : "off");
	reply_flag(reply, "query log", on);
}

void
cmd_stats(struct reply *reply, char **word)
{
	struct query_stats s;
	struct server_counts out;
	struct refresh_counts in;
	struct announce_counts announced;

	(void)word;
	workers_stats(setup_workers(), &s);
	server_counts(&out);
	refresh_counts(&in);
	announce_counts(&announced);
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
	reply_number(reply, "transfers to slaves", out.sent);
	reply_number(reply, "transfers to slaves broken off", out.broken_off);
	reply_number(reply, "transfers from masters", in.fetched);
	reply_number(reply, "transfers from masters failed", in.broken_off);
	reply_number(reply, "NOTIFYs taken", s.notifies);
	reply_number(reply, "NOTIFYs sent", announced.sent);
	reply_number(reply, "NOTIFYs acknowledged", announced.acknowledged);
}

static void
stats_facts(struct reply *reply)
{
	char *none[] = { NULL };

	server_facts(reply);
	cmd_stats(reply, none);
}

/* All of the new file or all of the old one. */
static void
write_file(void *ctx, char *text, size_t len, enum reply_status status)
{
	const char *path = ctx;
	char *new = xasprintf("%s.new", path);
	FILE *file = fopen(new, "we");
	bool ok = file != NULL && fwrite(text, 1, len, file) == len && fflush(file) == 0;
	int err = errno;

	(void)status;
	if (file != NULL)
		fclose(file);
	if (ok && rename(new, path) < 0) {
		ok = false;
		err = errno;
	}
	if (ok) {
		log_note("written: %s", path);
	} else {
		log_error("%s: not written: %s", path, strerror(err));
		unlink(new);
	}
	free(new);
	free(text);
}

void
command_write_state(void)
{
	static const struct {
		const char *name;
		void (*fill)(struct reply *);
	} files[] = { { "stats", stats_facts }, { "zones", all_zones }, { "mirrors", command_mirror_state } };
	char journal[PATH_MAX], path[PATH_MAX + 16], *slash;

	conf_resolve(journal, current_conf(), current_conf()->journal);
	if ((slash = strrchr(journal, '/')) != NULL)
		*slash = '\0';
	for (size_t i = 0; i < COUNT(files); i++) {
		struct reply *reply = reply_new(false, write_file, path);

		snprintf(path, sizeof(path), "%s/tandemd.%s", journal, files[i].name);
		files[i].fill(reply);
		reply_end(reply);
	}
}
