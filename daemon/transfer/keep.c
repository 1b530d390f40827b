#include "daemon/transfer/keep.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zonefile/arena.h"
#include "zonefile/dump.h"
#include "zonefile/master.h"
#include "zonefile/name.h"

/* A connection to the journal for each thread that wants one at the same time as others. */
struct reader {
	struct reader *next;
	struct journal *journal;
};

struct load {
	uv_work_t work;
	struct kept kept;
	keep_loaded_fn *done;
	void *ctx;
	char *file;
	uint8_t origin[DNAME_MAX];
};

struct write {
	uv_work_t work;
	struct write *next;
	struct zone *zone;
	bool full_style;
	int err;
	keep_written_fn *done;
	void *ctx;
	char *file;
};

static struct {
	uv_loop_t *loop;
	char *journal;
	report_fn *report;
	void *ctx;
	struct write *first, **last;	/* the first is being written */
	unsigned busy;			/* loadings and writings */
	bool stopping;
	pthread_mutex_t lock;
	struct reader *idle;		/* lock */
} keep = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
keep_start(uv_loop_t *loop, const char *journal, report_fn *report, void *ctx)
{
	keep.loop = loop;
	keep.journal = xstrdup(journal);
	keep.report = report;
	keep.ctx = ctx;
	keep.first = NULL;
	keep.last = &keep.first;
	keep.busy = 0;
	keep.stopping = false;
}

static void
end(void)
{
	struct reader *r;

	while ((r = keep.idle) != NULL) {
		keep.idle = r->next;
		journal_close(r->journal);
		free(r);
	}
	free(keep.journal);
}

void
keep_stop(void)
{
	keep.stopping = true;
	if (keep.busy == 0)
		end();
}

static void
finished(void)
{
	if (--keep.busy == 0 && keep.stopping)
		end();
}

/* --- loading --- */

static struct reader *
reader_take(void)
{
	struct reader *r;

	pthread_mutex_lock(&keep.lock);
	if ((r = keep.idle) != NULL)
		keep.idle = r->next;
	pthread_mutex_unlock(&keep.lock);
	if (r == NULL) {
		r = xcalloc(1, sizeof(*r));
		r->journal = journal_open_reader(keep.journal);
	}
	return r;
}

static void
reader_give(struct reader *r)
{
	pthread_mutex_lock(&keep.lock);
	r->next = keep.idle;
	keep.idle = r;
	pthread_mutex_unlock(&keep.lock);
}

static void
load(uv_work_t *work)
{
	struct load *l = work->data;
	struct sink sink = { .fn = keep.report, .ctx = keep.ctx };
	struct reader *r = reader_take();

	l->kept.has_clock = journal_clock(r->journal, l->origin, &l->kept.clock);
	l->kept.zone = journal_restore(r->journal, l->origin);
	reader_give(r);
	if (l->file == NULL)
		return;
	/* A crash may have come between the journal and the file. */
	if (l->kept.zone != NULL)
		l->kept.file_old = !dump_is_of(l->kept.zone, l->file);
	else if (access(l->file, F_OK) == 0)
		l->kept.zone = master_load(l->file, l->origin, NULL, &sink, NULL);
}

static void
on_loaded(uv_work_t *work, int status)
{
	struct load *l = work->data;

	(void)status;
	l->done(l->ctx, &l->kept);
	free(l->file);
	free(l);
	finished();
}

void
keep_load(const uint8_t *origin, const char *file, keep_loaded_fn *done, void *ctx)
{
	struct load *l = xcalloc(1, sizeof(*l));

	l->work.data = l;
	l->done = done;
	l->ctx = ctx;
	l->file = file != NULL ? xstrdup(file) : NULL;
	memcpy(l->origin, origin, name_len(origin));
	keep.busy++;
	uv_queue_work(keep.loop, &l->work, load, on_loaded);
}

/* --- writing --- */

static void
write_file(uv_work_t *work)
{
	struct write *w = work->data;

	w->err = w->full_style ? dump_zone_full(w->zone, w->file) : dump_zone(w->zone, w->file);
}

static void
on_written(uv_work_t *work, int status)
{
	struct write *w = work->data;

	(void)status;
	if ((keep.first = w->next) == NULL)
		keep.last = &keep.first;
	else
		uv_queue_work(keep.loop, &keep.first->work, write_file, on_written);
	zone_unref(w->zone);
	w->done(w->ctx, w->err);
	free(w->file);
	free(w);
	finished();
}

void
keep_write(struct zone *zone, const char *file, bool full_style, keep_written_fn *done, void *ctx)
{
	struct write *w = xcalloc(1, sizeof(*w));

	w->work.data = w;
	w->zone = zone;
	w->full_style = full_style;
	w->done = done;
	w->ctx = ctx;
	w->file = xstrdup(file);
	keep.busy++;
	*keep.last = w;
	keep.last = &w->next;
	if (keep.first == w)
		uv_queue_work(keep.loop, &w->work, write_file, on_written);
}
