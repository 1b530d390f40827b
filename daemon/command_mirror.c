/* command_mirror.c - the operator and the mirrored databases. */
#include "daemon/command_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/mirrors.h"
#include "zonefile/count.h"

static const char *
connection(const struct mirror_status *s)
{
	return s->paused ? "paused" : s->standby ? "standby" : s->connected ? "yes" : "no";
}

static const char *
time_left(char out[24], int64_t seconds)
{
	if (seconds < 0)
		return "?";
	if (seconds == 0)
		return "-";
	snprintf(out, 24, seconds < 120 ? "%" PRId64 "s" : "%" PRId64 "m", seconds < 120 ? seconds : seconds / 60);
	return out;
}

static const char *
trouble(char out[400], const struct mirror_status *s)
{
	if (s->standby)
		snprintf(out, 400, "written by %s", s->holder);
	else
		snprintf(out, 400, "%s", s->error[0] != '\0' ? s->error : "-");
	return out;
}

static void
mirror_row(struct reply *reply, const char *name, struct mirror *mirror)
{
	struct mirror_status s;
	char n[9][24], left[24], why[400];

	mirror_status(mirror, &s);
	snprintf(n[0], 24, "%zu", s.in_step);
	snprintf(n[1], 24, "%zu", s.behind);
	snprintf(n[2], 24, "%zu", s.held);
	snprintf(n[3], 24, "%" PRIu64, s.rows_deleted);
	snprintf(n[4], 24, "%" PRIu64, s.rows_inserted);
	snprintf(n[5], 24, "%" PRIu64, s.rows_updated);
	snprintf(n[6], 24, "%" PRIu64, s.transactions);
	snprintf(n[7], 24, "%" PRIu64, s.purges);
	snprintf(n[8], 24, "%" PRIu64, s.rows_a_second);
	reply_row(reply, (const char *const[]){ name, connection(&s), n[0], n[1], n[2], n[8],
	    time_left(left, s.seconds_left), n[3], n[4], n[5], n[6], n[7], trouble(why, &s) });
}

static void
mirror_state(struct reply *reply)
{
	static const char *const column[] = { "mirror", "connected", "in step", "behind", "held", "rows/s", "left",
		"deleted", "inserted", "updated", "transactions", "purges", "last error", NULL };
	struct mirror *const *mirror;
	const struct served *zone;
	size_t count, zones;

	mirror = mirrors_all(&count);
	reply_columns(reply, column);
	for (size_t i = 0; i < count; i++)
		mirror_row(reply, mirrors_name(i), mirror[i]);
	if (count == 0)
		reply_fact(reply, "mirrors", "none configured");
	zone = zones_all(&zones);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < zones; k++) {
			struct mirror_zone z;
			char key[512];

			if (!mirror_zone_status(mirror[i], slot_origin(zone[k].slot), &z) || z.state != MIRROR_HELD)
				continue;
			snprintf(key, sizeof(key), "held in %s: %.300s", mirrors_name(i), slot_name(zone[k].slot));
			reply_fact(reply, key, "%s", z.why);
		}
}

/* mirror status|pause|resume [MIRROR], mirror resync ZONE */
void
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
		reply_usage(reply, "mirror %s: there are mirror status, pause, resume and resync ZONE", word[0]);
		return;
	}
	if (resync && word[1] == NULL) {
		reply_usage(reply, "usage: mirror resync ZONE");
		return;
	}
	if (resync && (zone = command_zone(reply, word[1])) == NULL)
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

