/* command_mirror.c - the operator and the mirrored databases. */
#include "daemon/command_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/mirrors.h"
#include "daemon/current.h"
#include "daemon/setup.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"
#include "zonefile/name.h"

static const char *
activity(const struct mirror_status *s)
{
	return s->paused ? "paused" : s->standby ? "standby" : "active";
}

#define TROUBLE 800

static const char *
trouble(char out[TROUBLE], const struct mirror_status *s)
{
	int len = snprintf(out, TROUBLE, "%s%s%s%s", s->standby ? "written by " : "", s->standby ? s->holder : "",
	    s->standby && s->error[0] != '\0' ? "; " : "", s->error);

	if (s->purge_error[0] != '\0')
		snprintf(out + len, TROUBLE - (size_t)len, "%snot forgotten: %s", len > 0 ? "; " : "", s->purge_error);
	else if (len == 0)
		snprintf(out, TROUBLE, "-");
	return out;
}

/* How many zones are to be named. */
static size_t
mirror_row(struct reply *reply, const char *name, const struct mirror_status *s)
{
	char n[12][24], left[24] = "-", why[TROUBLE];

	snprintf(n[0], 24, "%zu", s->in_step);
	snprintf(n[1], 24, "%zu", s->behind);
	snprintf(n[2], 24, "%zu", s->held);
	snprintf(n[3], 24, "%" PRIu64, s->rows_deleted);
	snprintf(n[4], 24, "%" PRIu64, s->rows_inserted);
	snprintf(n[5], 24, "%" PRIu64, s->rows_updated);
	snprintf(n[6], 24, "%" PRIu64, s->transactions);
	snprintf(n[7], 24, "%" PRIu64, s->purges);
	snprintf(n[8], 24, "%" PRIu64, s->rows_a_second);
	snprintf(n[9], 24, "%zu", s->drifted);
	snprintf(n[10], 24, "%zu", s->purges_waiting);
	snprintf(n[11], 24, "%zu", s->left);
	if (s->seconds_left >= 0)
		snprintf(left, sizeof(left), "%" PRId64, s->seconds_left);
	reply_row(reply, (const char *const[]){ name, activity(s), s->connected ? "yes" : "no", n[0], n[1], n[2], n[9], n[8],
	    left, n[3], n[4], n[5], n[6], n[7], n[10], n[11], trouble(why, s) });
	return s->held + s->drifted;
}

void
command_mirror_state(struct reply *reply)
{
	static const char *const column[] = { "mirror", "state", "connected:flag", "in step", "behind", "held", "drifted", "rows/s",
		"left:age", "deleted", "inserted", "updated", "transactions", "purges", "to purge", "left behind", "last error", NULL };
	struct mirror *const *mirror;
	const struct served *zone;
	struct mirror_status *status;
	size_t count, zones, named = 0;

	mirror = mirrors_all(&count);
	status = xcalloc(count, sizeof(*status));
	reply_columns(reply, column);
	for (size_t i = 0; i < count; i++) {
		mirror_status(mirror[i], &status[i]);
		named += mirror_row(reply, mirrors_name(i), &status[i]);
	}
	if (count == 0)
		reply_fact(reply, "mirrors", "none configured");
	for (size_t i = 0; i < count; i++)
		if (status[i].left > 0)
			reply_item(reply, "left behind", "%s in %s, of no zone any more; 'mirror remove DOMAIN' takes one away",
			    status[i].left_names, mirrors_name(i));
	free(status);
	/* Asking for each of 100,000 takes the loop 25 ms. */
	if (named == 0)
		return;
	zone = zones_all(&zones);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < zones; k++) {
			struct mirror_zone z;

			if (!mirror_zone_status(mirror[i], slot_origin(zone[k].slot), &z) || z.standby)
				continue;
			if (z.state == MIRROR_HELD)
				reply_item(reply, "held back", "%s in %s: %s", slot_name(zone[k].slot), mirrors_name(i), z.why);
			else if (z.drifted)
				reply_item(reply, "drifted", "%s in %s", slot_name(zone[k].slot), mirrors_name(i));
		}
}

/* --- what takes long --------------------------------------------------- */

#define SHOWN 1000			/* differences */

/* Zones to compare in each mirror, or a domain to import from one; on a thread of the pool. */
struct job {
	uv_work_t work;
	struct reply *reply;
	struct mirror **mirror;
	char (*name)[64];
	size_t mirrors;
	struct zone **zone;
	size_t zones;
	bool whole;			/* all zones: also what no zone has */
	size_t left;
	char *domain, *path;
	struct found {
		char *cell[3];
	} *found;
	size_t count, room, left_out;
	char **error;
	size_t errors;
	uint64_t rows, same, differ, held;
	const char *mirror_now, *zone_now;
};

static struct job *
job_new(struct reply *reply, const char *only)
{
	struct job *job = xcalloc(1, sizeof(*job));
	struct mirror *const *mirror;
	size_t count;

	mirror = mirrors_all(&count);
	job->reply = reply;
	job->work.data = job;
	job->mirror = xcalloc(count, sizeof(*job->mirror));
	job->name = xcalloc(count, sizeof(*job->name));
	for (size_t i = 0; i < count; i++) {
		if (only != NULL && strcmp(mirrors_name(i), only) != 0)
			continue;
		mirror_visit(mirror[i]);
		snprintf(job->name[job->mirrors], sizeof(*job->name), "%s", mirrors_name(i));
		job->mirror[job->mirrors++] = mirror[i];
	}
	return job;
}

static void
job_free(struct job *job)
{
	for (size_t i = 0; i < job->zones; i++)
		zone_unref(job->zone[i]);
	for (size_t i = 0; i < job->count; i++)
		for (size_t k = 0; k < COUNT(job->found[i].cell); k++)
			free(job->found[i].cell[k]);
	for (size_t i = 0; i < job->errors; i++)
		free(job->error[i]);
	free(job->mirror);
	free(job->name);
	free(job->zone);
	free(job->found);
	free(job->error);
	free(job->domain);
	free(job->path);
	free(job);
}

static void
job_error(struct job *job, const char *text)
{
	if (job->errors >= SHOWN)
		return;
	job->error = xrealloc(job->error, (job->errors + 1) * sizeof(*job->error));
	job->error[job->errors++] = xstrdup(text);
}

static void
job_run(struct job *job, uv_work_cb run, uv_after_work_cb done)
{
	if (uv_queue_work(setup_loop(), &job->work, run, done) != 0)
		abort();
}

static void
leave_all(struct job *job)
{
	for (size_t i = 0; i < job->mirrors; i++)
		mirror_leave(job->mirror[i]);
}

/* Takes row. */
static void
add_found(struct job *job, const char *mirror, const char *what, char *row)
{
	struct found *f;

	if (job->count == SHOWN) {
		job->left_out++;
		free(row);
		return;
	}
	if (job->count == job->room)
		job->found = xrealloc(job->found, (job->room = job->room * 2 + 8) * sizeof(*job->found));
	f = &job->found[job->count++];
	f->cell[0] = xstrdup(mirror);
	f->cell[1] = xstrdup(what);
	f->cell[2] = row;
}

static void
on_difference(void *ctx, const char *what, const char *row)
{
	struct job *job = ctx;

	add_found(job, job->mirror_now, what, xasprintf("%s: %s", job->zone_now, row));
}

static void
on_left(void *ctx, const char *name, bool disabled)
{
	struct job *job = ctx;

	job->left++;
	add_found(job, job->mirror_now, "left behind", xasprintf("%s%s: of no zone any more", name, disabled ? " (disabled)" : ""));
}

static void
find_left(struct job *job, size_t mirror)
{
	char text[600], why[512];

	job->mirror_now = job->name[mirror];
	if (mirror_left(job->mirror[mirror], on_left, job, why, sizeof(why)) == 0)
		return;
	snprintf(text, sizeof(text), "%s: %s", job->name[mirror], why);
	job_error(job, text);
}

static void
verify_zone(struct job *job, size_t mirror, const struct zone *zone)
{
	char name[DNAME_TEXT_MAX], text[2048];
	struct mirror_verdict v;
	struct mirror_zone z;

	if (!mirror_zone_status(job->mirror[mirror], zone_origin(zone), &z))
		return;
	name_print(name, zone_origin(zone));
	if (z.state == MIRROR_HELD && !z.standby && !z.foreign) {
		snprintf(text, sizeof(text), "%s in %s: not compared, it is held back: %s", name, job->name[mirror], z.why);
		job_error(job, text);
		return;
	}
	job->mirror_now = job->name[mirror];
	job->zone_now = name;
	if (mirror_verify(job->mirror[mirror], zone, on_difference, job, &v) < 0) {
		snprintf(text, sizeof(text), "%s in %s: %s", name, job->name[mirror], v.why);
		job_error(job, text);
		return;
	}
	job->rows += v.rows;
	if (v.foreign) {
		job->held++;
		snprintf(text, sizeof(text), "%s in %s: it is held back: %s; %s", name, job->name[mirror], z.why, v.ok ?
		    "its rows are right" : "what taking it over would change is shown");
		job_error(job, text);
		return;
	}
	job->same += v.ok;
	job->differ += !v.ok;
}

static void
verify_work(uv_work_t *work)
{
	struct job *job = work->data;

	for (size_t i = 0; i < job->zones; i++)
		for (size_t k = 0; k < job->mirrors; k++)
			verify_zone(job, k, job->zone[i]);
	for (size_t k = 0; k < job->mirrors && job->whole; k++)
		find_left(job, k);
	leave_all(job);
}

static void
verify_done(uv_work_t *work, int status)
{
	static const char *const column[] = { "mirror", "row is", "which", NULL };
	struct job *job = work->data;

	(void)status;
	reply_number(job->reply, "zones as they should be", job->same);
	reply_number(job->reply, "zones that differ", job->differ);
	if (job->held > 0)
		reply_number(job->reply, "zones held back, compared", job->held);
	reply_number(job->reply, "rows compared", job->rows);
	if (job->whole)
		reply_number(job->reply, "domains left behind", job->left);
	if (job->left_out > 0)
		reply_number(job->reply, "differences not shown", job->left_out);
	if (job->count > 0)
		reply_columns(job->reply, column);
	for (size_t i = 0; i < job->count; i++)
		reply_row(job->reply, (const char *const *)job->found[i].cell);
	for (size_t i = 0; i < job->errors; i++)
		reply_error(job->reply, "%s", job->error[i]);
	if (job->differ > 0)
		reply_error(job->reply, "the database has other rows than it should have; 'mirror repair ZONE' mends them");
	reply_end(job->reply);
	job_free(job);
}

static bool
verify(struct reply *reply, char **word)
{
	struct served *one = NULL;
	const struct served *zone;
	struct job *job;
	size_t count;

	if (word[0] != NULL && (one = command_zone(reply, word[0])) == NULL)
		return false;
	zone = zones_all(&count);
	job = job_new(reply, NULL);
	job->whole = one == NULL;
	job->zone = xcalloc(count, sizeof(*job->zone));
	for (size_t i = 0; i < count; i++)
		if ((one == NULL || one == &zone[i]) &&
		    (job->zone[job->zones] = slot_zone_ref(zone[i].slot)) != NULL)
			job->zones++;
	job_run(job, verify_work, verify_done);
	return true;
}

/* --- what no zone has any more ------------------------------------------ */

static void
remove_work(uv_work_t *work)
{
	struct job *job = work->data;
	size_t absent = 0;

	for (size_t k = 0; k < job->mirrors; k++) {
		char text[600], why[512], rows[24];
		uint64_t count = 0;
		int err = mirror_remove(job->mirror[k], job->domain, &count, why, sizeof(why));

		snprintf(rows, sizeof(rows), "%" PRIu64, count);
		if (err == 0)
			add_found(job, job->name[k], job->domain, xstrdup(rows));
		absent += err == -ENOENT;
		/* One that some mirror does not have is no error while another has it. */
		if (err == 0 || (err == -ENOENT && (absent < job->mirrors || job->count > 0)))
			continue;
		snprintf(text, sizeof(text), "%s: %s", job->name[k], why);
		job_error(job, text);
	}
	leave_all(job);
}

static void
remove_done(uv_work_t *work, int status)
{
	static const char *const column[] = { "mirror", "removed", "rows", NULL };
	struct job *job = work->data;

	(void)status;
	if (job->count > 0)
		reply_columns(job->reply, column);
	for (size_t i = 0; i < job->count; i++)
		reply_row(job->reply, (const char *const *)job->found[i].cell);
	for (size_t i = 0; i < job->errors; i++)
		reply_error(job->reply, "%s in %s", job->domain, job->error[i]);
	reply_end(job->reply);
	job_free(job);
}

static bool
remove_left(struct reply *reply, char **word)
{
	struct job *job = job_new(reply, word[1]);

	if (job->mirrors == 0) {
		reply_error(reply, "there is no such mirror in the configuration");
		job_free(job);
		return false;
	}
	job->domain = xstrdup(word[0]);
	job_run(job, remove_work, remove_done);
	return true;
}

/* --- from PowerDNS ------------------------------------------------------ */

static void
on_import_report(void *ctx, const struct report *report)
{
	char text[1024];

	if (report->severity == ERROR)
		job_error(ctx, report_format(text, sizeof(text), report));
}

static void
import_work(uv_work_t *work)
{
	struct job *job = work->data;
	struct sink sink = { .fn = on_import_report, .ctx = job };
	char why[512];

	if (mirror_import(job->mirror[0], job->domain, job->path, &sink, why, sizeof(why)) < 0)
		job_error(job, why);
	leave_all(job);
}

static void
import_done(uv_work_t *work, int status)
{
	struct job *job = work->data;

	(void)status;
	for (size_t i = 0; i < job->errors; i++)
		reply_error(job->reply, "%s: %s", job->domain, job->error[i]);
	if (job->errors == 0) {
		reply_fact(job->reply, "zone", "%s", job->domain);
		reply_fact(job->reply, "written to", "%s", job->path);
	}
	reply_end(job->reply);
	job_free(job);
}

static bool
import(struct reply *reply, char **word)
{
	char path[PATH_MAX], file[PATH_MAX];
	struct job *job;

	snprintf(file, sizeof(file), "%s.zone", word[0]);
	if (word[1] == NULL && strchr(word[0], '/') != NULL) {
		reply_error(reply, "%s: a file name must be given for this domain", word[0]);
		return false;
	}
	conf_resolve(path, current_conf(), word[1] != NULL ? word[1] : file);
	if (access(path, F_OK) == 0) {
		reply_error(reply, "%s: there is a file of this name already", path);
		return false;
	}
	job = job_new(reply, word[1] != NULL ? word[2] : NULL);
	if (job->mirrors == 0) {
		reply_error(reply, "there is no such mirror in the configuration");
		job_free(job);
		return false;
	}
	job->domain = xstrdup(word[0]);
	job->path = xstrdup(path);
	job_run(job, import_work, import_done);
	return true;
}

/* --- what is done at once ---------------------------------------------- */

static bool
status(struct reply *reply, char **word)
{
	(void)word;
	command_mirror_state(reply);
	return false;
}

static bool
each_mirror(struct reply *reply, const char *name, bool pause)
{
	int err;

	if (name != NULL && mirrors_find(name) == NULL) {
		reply_error(reply, "%s: no such mirror in the configuration", name);
		return false;
	}
	if ((err = mirrors_pause(name, pause)) < 0)
		reply_error(reply, "done, but a restart will not know of it: %s", strerror(-err));
	command_mirror_state(reply);
	return false;
}

static bool
pause_mirror(struct reply *reply, char **word)
{
	return each_mirror(reply, word[0], true);
}

static bool
resume_mirror(struct reply *reply, char **word)
{
	return each_mirror(reply, word[0], false);
}

static bool
resync(struct reply *reply, char **word)
{
	return command_compare(reply, word[0], false);
}

static bool
adopt(struct reply *reply, char **word)
{
	return command_compare(reply, word[0], true);
}

void
cmd_mirror(struct reply *reply, char **word)
{
	static const struct {
		const char *name;
		int min, max;
		bool (*run)(struct reply *, char **words);	/* true: the reply is ended later */
		const char *usage;
	} verbs[] = {
		{ "status", 0, 0, status, "" },
		{ "pause", 0, 1, pause_mirror, " [MIRROR]" },
		{ "resume", 0, 1, resume_mirror, " [MIRROR]" },
		{ "verify", 0, 1, verify, " [ZONE]" },
		{ "repair", 1, 1, resync, " ZONE" },
		{ "resync", 0, 1, resync, " [ZONE]" },
		{ "adopt", 1, 1, adopt, " ZONE" },
		{ "remove", 1, 2, remove_left, " DOMAIN [MIRROR]" },
		{ "import", 1, 3, import, " DOMAIN [FILE [MIRROR]]" },
	};
	int words = 0;

	while (word[words] != NULL)
		words++;
	for (size_t i = 0; i < COUNT(verbs); i++) {
		if (strcmp(word[0], verbs[i].name) != 0)
			continue;
		if (words - 1 < verbs[i].min || words - 1 > verbs[i].max)
			reply_usage(reply, "usage: mirror %s%s", verbs[i].name, verbs[i].usage);
		else if (verbs[i].run(reply, word + 1))
			return;
		reply_end(reply);
		return;
	}
	reply_usage(reply, "mirror %s: there are mirror status, pause, resume, verify, repair, resync, adopt, remove and import", word[0]);
	reply_end(reply);
}
