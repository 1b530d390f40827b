#include "daemon/files.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "sync/commit.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"
#include "zonefile/bump.h"
#include "zonefile/master.h"
#include "zonefile/serial.h"

/*
 *	IDLE --load--> READING (pool) --same files--> IDLE
 *	               READING --errors, served-----> IDLE
 *	               READING --errors--> RESTORING (commit thread) --> IDLE
 *	               READING --zone--> COMMITTING (commit thread) --> IDLE
 *
 * Whoever asks while a file is not IDLE waits in next and gets a reading of its own.
 */
struct waiter {
	struct waiter *next;
	load_done_fn *done;
	void *ctx;
};

struct zone_file {
	struct slot *slot;
	char *path;
	struct reading *reading;	/* NULL: IDLE */
	bool freed;			/* by its owner, while not IDLE */
	bool force_next, bump_next, restore_next;
	struct checks checks;
	struct waiter *next;
	struct master_files files;	/* of the last reading; pool thread while READING */
	bool known;			/* files is of a reading that was good */
	char *trouble;			/* why the last reading did not serve, or NULL */
	struct findings *errors;	/* of that reading; NULL: none */
	struct findings *warnings;	/* of the one that served; NULL: none */
};

/* One reading: what the pool thread and the commit thread bring back. */
struct reading {
	struct zone_file *file;
	struct waiter *waiters;
	bool force, bump, unchanged;
	bool restore;			/* the file is not wanted */
	bool served;			/* a version of this serial, when it began */
	uint32_t serial;
	struct checks checks;
	uint64_t started;		/* uv_now() */
	uv_work_t work;
	struct zone *zone;		/* NULL: it had errors; the gate owns it once submitted */
	struct findings found;
	struct commit_outcome outcome;
	char why[512];
	struct reading *next_done;
};

static uv_loop_t *loop;
static uv_async_t wake;
static pthread_mutex_t done_lock = PTHREAD_MUTEX_INITIALIZER;
static struct reading *done_list;	/* under done_lock: committed, to be told */

static void start(struct zone_file *);
static void read_file(uv_work_t *);
static void on_read(uv_work_t *, int);

const char *
zone_file_path(const struct zone_file *file)
{
	return file->path;
}

const char *
zone_file_trouble(const struct zone_file *file)
{
	return file->trouble != NULL ? file->trouble : "";
}

const struct findings *
zone_file_errors(const struct zone_file *file)
{
	return file->errors;
}

const struct findings *
zone_file_warnings(const struct zone_file *file)
{
	return file->warnings;
}

struct zone_file *
zone_file_new(struct slot *slot, const char *path)
{
	struct zone_file *file = xcalloc(1, sizeof(*file));

	file->slot = slot_ref(slot);
	file->path = xstrdup(path);
	return file;
}

void
zone_file_free(struct zone_file *file)
{
	file->freed = true;
	if (file->reading != NULL)
		return;
	master_files_free(&file->files);
	slot_unref(file->slot);
	free(file->path);
	free(file->trouble);
	findings_free(file->errors);
	findings_free(file->warnings);
	free(file);
}

/* --- the end of a reading --- */

static void
keep(struct zone_file *file, const struct load_outcome *o)
{
	free(file->trouble);
	findings_free(file->errors);
	file->trouble = NULL;
	file->errors = NULL;
	if (o->result == LOAD_FAILED) {
		file->trouble = xstrdup(o->text);
		file->errors = findings_keep(o->found, ERROR);
	} else if (o->found != NULL) {
		findings_free(file->warnings);
		file->warnings = findings_keep(o->found, WARNING);
	}
}

static void
finish(struct reading *r, const struct load_outcome *outcome)
{
	struct zone_file *file = r->file;
	struct waiter *w = r->waiters;

	keep(file, outcome);
	/* Not idle yet: a waiter may ask for another reading, or free the file. */
	while (w != NULL) {
		struct waiter *next = w->next;

		w->done(w->ctx, outcome);
		free(w);
		w = next;
	}
	findings_clear(&r->found);
	free(r);
	file->reading = NULL;
	if (file->next != NULL)
		start(file);
	else if (file->freed)
		zone_file_free(file);
}

static struct load_outcome
outcome_of(struct reading *r, enum load_result result)
{
	struct zone_file *file = r->file;
	struct load_outcome o = { .zone = slot_name(file->slot), .result = result, .text = "",
	    .found = r->unchanged ? NULL : &r->found };
	struct zone *zone;

	o.ms = (unsigned)(uv_now(loop) - r->started);
	if ((zone = slot_zone_ref(file->slot)) != NULL) {
		o.was_served = o.served = true;
		o.old_serial = o.new_serial = zone_serial(zone);
		o.records = zone_records(zone);
		zone_unref(zone);
	}
	return o;
}

static void
failed(struct reading *r, struct load_outcome *o, const char *reason)
{
	struct sink log = { .fn = log_report };
	char text[512];

	if (!o->served)
		report_zone(&log, ERROR, o->zone, "%s, not served: queries get SERVFAIL", reason);
	else if (!o->was_served)
		report_zone(&log, ERROR, o->zone, "%s, serving serial %u from the journal", reason, o->new_serial);
	else
		report_zone(&log, ERROR, o->zone, "%s, still serving serial %u", reason, o->old_serial);
	o->text = findings_first(&r->found, text, sizeof(text))[0] != '\0' ? text : reason;
	finish(r, o);
}

/* It was not to be read. */
static void
restored_instead(struct reading *r)
{
	struct load_outcome o = outcome_of(r, LOAD_DONE);

	if (!o.served) {
		log_warning("zone %s: is frozen, but the journal has no version of it: its file is read", o.zone);
		r->restore = false;
		uv_queue_work(loop, &r->work, read_file, on_read);
		return;
	}
	log_note("zone %s: serial %u as it was kept, its file is frozen", o.zone, o.new_serial);
	o.was_served = false;
	finish(r, &o);
}

/* The file has errors and nothing was served: the journal may know the version before. */
static void
restored(struct reading *r)
{
	struct load_outcome o = outcome_of(r, LOAD_FAILED);

	o.was_served = r->outcome.result == COMMIT_SAME;
	failed(r, &o, r->why);
}

static void
committed(struct reading *r)
{
	struct zone_file *file = r->file;
	const struct commit_outcome *c = &r->outcome;
	struct load_outcome o = outcome_of(r, LOAD_DONE);
	struct sink log = { .fn = log_report };

	o.was_served = !c->first;
	o.old_serial = c->old_serial;
	o.new_serial = c->new_serial;
	o.removed = c->first ? 0 : c->removed;
	o.added = c->first ? o.records : c->added;
	o.text = r->why;
	file->known = true;
	switch (c->result) {
	case COMMIT_DONE:
		if (c->first)
			log_note("zone %s: serial %u, %zu records, loaded from %s in %u ms", o.zone,
			    o.new_serial, o.records, file->path, o.ms);
		else
			log_note("zone %s: serial %u -> %u, %zu record%s removed, %zu added, in %u ms", o.zone,
			    o.old_serial, o.new_serial, o.removed, PLURAL(o.removed), o.added, o.ms);
		if (r->why[0] != '\0')
			report_zone(&log, WARNING, o.zone, "%s", r->why);
		break;
	case COMMIT_SAME:
	case COMMIT_GONE:
		o.result = LOAD_SAME;
		break;
	case COMMIT_OLDER:
	case COMMIT_FAILED:
		file->known = false;	/* to be tried again though the file stays as it is */
		o = outcome_of(r, LOAD_FAILED);
		failed(r, &o, r->why);
		return;
	}
	finish(r, &o);
}

static void
on_wake(uv_async_t *async)
{
	struct reading *r;

	(void)async;
	uv_update_time(loop);
	for (;;) {
		pthread_mutex_lock(&done_lock);
		if ((r = done_list) != NULL)
			done_list = r->next_done;
		pthread_mutex_unlock(&done_lock);
		if (r == NULL)
			return;
		if (r->restore)
			restored_instead(r);
		else if (r->zone == NULL)
			restored(r);
		else
			committed(r);
	}
}

/* Commit thread. */
static void
on_committed(void *ctx, struct slot *slot, const struct commit_outcome *outcome)
{
	struct reading *r = ctx;

	(void)slot;
	r->outcome = *outcome;
	if (r->zone != NULL)	/* else why not the file is what counts */
		snprintf(r->why, sizeof(r->why), "%s", outcome->why != NULL ? outcome->why : "");
	pthread_mutex_lock(&done_lock);
	r->next_done = done_list;
	done_list = r;
	pthread_mutex_unlock(&done_lock);
	uv_async_send(&wake);
}

/* --- reading --- */

void
zone_file_checks(struct zone_file *file, const struct checks *checks)
{
	if (memcmp(&file->checks, checks, sizeof(*checks)) != 0)
		file->force_next = true;
	file->checks = *checks;
}

static void
on_report(void *ctx, const struct report *report)
{
	findings_note(ctx, report);
	log_report(NULL, report);
}

static void
on_error(void *ctx, const struct report *report)
{
	if (report->severity == ERROR)
		on_report(ctx, report);
}

/* A serial that is newer than its own and than what is served is put into the file, unless it has errors.  Its warnings are
 * told when it is read with that. */
static void
bump(struct reading *r, struct sink *told, struct master_files *files)
{
	struct sink sink = { .fn = on_error, .ctx = &r->found };
	uint32_t serial;

	if ((r->zone = master_load(r->file->path, slot_origin(r->file->slot), &r->checks, &sink, files)) == NULL) {
		told->errors += sink.errors;
		return;
	}
	serial = zone_serial(r->zone);
	if (r->served && serial_newer(r->serial, serial))
		serial = r->serial;
	zone_unref(r->zone);
	r->zone = NULL;
	if (bump_write(files, bump_serial(serial, BUMP_INCREMENT, time(NULL)), told) < 0)
		return;
	master_files_free(files);
	*files = (struct master_files){ .count = 0 };
	r->zone = master_load(r->file->path, slot_origin(r->file->slot), &r->checks, told, files);
}

/* Pool thread. */
static void
read_file(uv_work_t *work)
{
	struct reading *r = work->data;
	struct zone_file *file = r->file;
	struct sink sink = { .fn = on_report, .ctx = &r->found }, log = { .fn = log_report };
	struct master_files files = { .count = 0 };

	r->unchanged = r->restore || (!r->force && file->known && !master_files_changed(&file->files));
	if (r->unchanged)
		return;
	if (r->bump)
		bump(r, &sink, &files);
	else
		r->zone = master_load(file->path, slot_origin(file->slot), &r->checks, &sink, &files);
	findings_count(&r->found, &sink);
	if (sink.warnings > REPORT_MAX)
		report_zone(&log, WARNING, slot_name(file->slot), "%u warnings in %s, %d are shown", sink.warnings,
		    file->path, REPORT_MAX);
	master_files_free(&file->files);
	file->files = files;
}

static void
on_read(uv_work_t *work, int status)
{
	struct reading *r = work->data;
	struct zone_file *file = r->file;
	struct load_outcome o;

	(void)status;
	uv_update_time(loop);
	if (r->unchanged) {
		o = outcome_of(r, LOAD_UNCHANGED);
		finish(r, &o);
	} else if (r->zone == NULL) {
		file->known = false;
		snprintf(r->why, sizeof(r->why), "%u error%s in %s", r->found.errors, PLURAL(r->found.errors), file->path);
		o = outcome_of(r, LOAD_FAILED);
		if (o.served)
			failed(r, &o, r->why);
		else
			commit_restore(file->slot, on_committed, r);
	} else {
		commit_submit(file->slot, r->zone, COMMIT_FROM_FILE, on_committed, r);
	}
}

static void
start(struct zone_file *file)
{
	struct reading *r = xcalloc(1, sizeof(*r));
	struct zone *zone;

	file->reading = r;
	r->file = file;
	r->waiters = file->next;
	file->next = NULL;
	r->checks = file->checks;
	r->restore = file->restore_next;
	file->restore_next = false;
	if (!r->restore) {
		r->force = file->force_next;
		r->bump = file->bump_next;
		file->force_next = file->bump_next = false;
	}
	if ((zone = slot_zone_ref(file->slot)) != NULL) {
		r->served = true;
		r->serial = zone_serial(zone);
		zone_unref(zone);
	}
	r->started = uv_now(loop);
	r->work.data = r;
	if (r->restore && !r->served)
		commit_restore(file->slot, on_committed, r);
	else
		uv_queue_work(loop, &r->work, read_file, on_read);
}

static void
ask(struct zone_file *file, bool restore, load_done_fn *done, void *ctx)
{
	struct waiter *w = xmalloc(sizeof(*w));

	w->done = done;
	w->ctx = ctx;
	/* What was kept will do as long as nobody asks for the file. */
	file->restore_next = restore && (file->next == NULL || file->restore_next);
	w->next = file->next;
	file->next = w;
	if (file->reading == NULL)
		start(file);
}

void
zone_file_load(struct zone_file *file, bool force, load_done_fn *done, void *ctx)
{
	file->force_next |= force;
	ask(file, false, done, ctx);
}

void
zone_file_restore(struct zone_file *file, load_done_fn *done, void *ctx)
{
	ask(file, true, done, ctx);
}

bool
zone_file_changed(const struct zone_file *file)
{
	return file->reading != NULL || file->force_next || !file->known || master_files_changed(&file->files);
}

void
zone_file_bump(struct zone_file *file, load_done_fn *done, void *ctx)
{
	file->bump_next = true;
	zone_file_load(file, true, done, ctx);
}

void
files_start(uv_loop_t *control_loop)
{
	loop = control_loop;
	uv_async_init(loop, &wake, on_wake);
}

void
files_stop(void)
{
	uv_close((uv_handle_t *)&wake, NULL);
}
