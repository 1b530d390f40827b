#include "daemon/files.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "sync/commit.h"
#include "zonefile/arena.h"
#include "zonefile/check.h"
#include "zonefile/master.h"

/*
 *	IDLE --load--> READING (pool) --same files--> IDLE
 *	               READING --errors-------------> IDLE
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
	enum { IDLE, READING, COMMITTING } state;
	bool freed;			/* by its owner, while not IDLE */
	bool force, force_next;
	struct waiter *now, *next;
	struct master_files files;	/* of the last good reading; pool thread while READING */
	bool known;			/* files is of a reading that was good */
	uint64_t started;		/* uv_now() */
	char trouble[512];		/* why the last reading did not serve; "" otherwise */

	/* what the pool thread and the commit thread bring back */
	uv_work_t work;
	struct zone *zone;
	bool unchanged;
	unsigned errors;
	char first_error[512];
	struct zone_file *done_next;
	struct commit_outcome outcome;
	char why[256];
};

static uv_loop_t *loop;
static uv_async_t wake;
static pthread_mutex_t done_lock = PTHREAD_MUTEX_INITIALIZER;
static struct zone_file *done_list;	/* under done_lock: committed, to be told */

static void start(struct zone_file *);

const char *
zone_file_path(const struct zone_file *file)
{
	return file->path;
}

const char *
zone_file_trouble(const struct zone_file *file)
{
	return file->trouble;
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
	if (file->state != IDLE)
		return;
	master_files_free(&file->files);
	slot_unref(file->slot);
	free(file->path);
	free(file);
}

/* --- the end of a reading --- */

static void
finish(struct zone_file *file, const struct load_outcome *outcome)
{
	struct waiter *w = file->now;

	snprintf(file->trouble, sizeof(file->trouble), "%s", outcome->result == LOAD_FAILED ? outcome->text : "");
	file->now = NULL;
	/* Not idle yet: a waiter may ask for another reading, or free the file. */
	while (w != NULL) {
		struct waiter *next = w->next;

		w->done(w->ctx, outcome);
		free(w);
		w = next;
	}
	file->state = IDLE;
	if (file->next != NULL)
		start(file);
	else if (file->freed)
		zone_file_free(file);
}

static struct load_outcome
outcome_of(struct zone_file *file, enum load_result result)
{
	struct load_outcome o = { .zone = slot_name(file->slot), .result = result, .text = "" };
	struct zone *zone;

	o.ms = (unsigned)(uv_now(loop) - file->started);
	if ((zone = slot_zone_ref(file->slot)) != NULL) {
		o.served = true;
		o.old_serial = o.new_serial = zone_serial(zone);
		o.records = zone_records(zone);
		zone_unref(zone);
	}
	return o;
}

static void
failed(struct zone_file *file, const char *reason)
{
	struct load_outcome o = outcome_of(file, LOAD_FAILED);

	if (o.served)
		log_error("zone %s: %s, still serving serial %u", o.zone, reason, o.old_serial);
	else
		log_error("zone %s: %s, not served: queries get SERVFAIL", o.zone, reason);
	o.text = file->first_error[0] != '\0' ? file->first_error : reason;
	finish(file, &o);
}

static void
committed(struct zone_file *file)
{
	const struct commit_outcome *c = &file->outcome;
	struct load_outcome o = outcome_of(file, LOAD_DONE);

	o.old_serial = c->first ? 0 : c->old_serial;
	o.new_serial = c->new_serial;
	o.removed = c->removed;
	o.added = c->added;
	o.text = file->why;
	file->known = true;
	switch (c->result) {
	case COMMIT_DONE:
		if (c->first)
			log_note("zone %s: serial %u, %zu records, loaded from %s in %u ms", o.zone,
			    o.new_serial, o.records, file->path, o.ms);
		else
			log_note("zone %s: serial %u -> %u, %zu records removed, %zu added, in %u ms", o.zone,
			    o.old_serial, o.new_serial, o.removed, o.added, o.ms);
		if (file->why[0] != '\0')
			log_warning("zone %s: %s", o.zone, file->why);
		break;
	case COMMIT_SAME:
	case COMMIT_GONE:
		o.result = LOAD_SAME;
		break;
	case COMMIT_OLDER:
	case COMMIT_FAILED:
		file->known = false;	/* to be tried again though the file stays as it is */
		file->first_error[0] = '\0';
		failed(file, file->why);
		return;
	}
	finish(file, &o);
}

static void
on_wake(uv_async_t *async)
{
	struct zone_file *file;

	(void)async;
	uv_update_time(loop);
	for (;;) {
		pthread_mutex_lock(&done_lock);
		if ((file = done_list) != NULL)
			done_list = file->done_next;
		pthread_mutex_unlock(&done_lock);
		if (file == NULL)
			return;
		committed(file);
	}
}

/* Commit thread. */
static void
on_committed(void *ctx, struct slot *slot, const struct commit_outcome *outcome)
{
	struct zone_file *file = ctx;

	(void)slot;
	file->outcome = *outcome;
	snprintf(file->why, sizeof(file->why), "%s", outcome->why != NULL ? outcome->why : "");
	pthread_mutex_lock(&done_lock);
	file->done_next = done_list;
	done_list = file;
	pthread_mutex_unlock(&done_lock);
	uv_async_send(&wake);
}

/* --- reading --- */

static void
note_error(void *ctx, const struct report *report)
{
	struct zone_file *file = ctx;

	if (report->severity == ERROR && file->first_error[0] == '\0')
		report_format(file->first_error, sizeof(file->first_error), report);
	log_report(NULL, report);
}

/* Pool thread. */
static void
read_file(uv_work_t *work)
{
	struct zone_file *file = work->data;
	struct sink sink = { .fn = note_error, .ctx = file };
	struct master_files files = { .count = 0 };

	file->zone = NULL;
	file->errors = 0;
	file->first_error[0] = '\0';
	file->unchanged = !file->force && file->known && !master_files_changed(&file->files);
	if (file->unchanged)
		return;
	file->zone = master_load(file->path, slot_origin(file->slot), &sink, &files);
	if (file->zone != NULL)
		check_zone(file->zone, &sink);
	file->errors = sink.errors;
	if (sink.warnings > REPORT_MAX)
		log_warning("zone %s: %u warnings in %s, %d are shown", slot_name(file->slot), sink.warnings,
		    file->path, REPORT_MAX);
	master_files_free(&file->files);
	file->files = files;
}

static void
on_read(uv_work_t *work, int status)
{
	struct zone_file *file = work->data;
	struct load_outcome o;
	char reason[512];

	(void)status;
	uv_update_time(loop);
	if (file->unchanged) {
		o = outcome_of(file, LOAD_UNCHANGED);
		finish(file, &o);
	} else if (file->zone == NULL) {
		file->known = false;
		snprintf(reason, sizeof(reason), "%u error%s in %s", file->errors,
		    file->errors == 1 ? "" : "s", file->path);
		failed(file, reason);
	} else {
		file->state = COMMITTING;
		commit_submit(file->slot, file->zone, COMMIT_FROM_FILE, on_committed, file);
		file->zone = NULL;
	}
}

static void
start(struct zone_file *file)
{
	file->state = READING;
	file->now = file->next;
	file->next = NULL;
	file->force = file->force_next;
	file->force_next = false;
	file->started = uv_now(loop);
	file->work.data = file;
	uv_queue_work(loop, &file->work, read_file, on_read);
}

void
zone_file_load(struct zone_file *file, bool force, load_done_fn *done, void *ctx)
{
	struct waiter *w = xmalloc(sizeof(*w));

	w->done = done;
	w->ctx = ctx;
	w->next = file->next;
	file->next = w;
	file->force_next |= force;
	if (file->state == IDLE)
		start(file);
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
