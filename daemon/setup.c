#include "daemon/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/added.h"
#include "daemon/autosecondary.h"
#include "daemon/current.h"
#include "daemon/http.h"
#include "daemon/inbox.h"
#include "daemon/listeners.h"
#include "daemon/lockfile.h"
#include "daemon/log.h"
#include "daemon/mirrors.h"
#include "daemon/noted.h"
#include "daemon/published.h"
#include "daemon/server.h"
#include "daemon/told.h"
#include "daemon/transfer/history.h"
#include "daemon/transfer/tsig.h"
#include "sync/commit.h"
#include "sync/journal.h"
#include "zonefile/arena.h"

#define STOP_MS 30000

static struct {
	uv_loop_t *loop;
	time_t started;
	struct workers *workers;
	struct query_server *server;
	struct journal *journal;
	struct history *history;
	bool loaded;			/* all zones have been, once */
	bool log_queries;
	struct setup_refused refused;
	char *why;			/* of refused */
	struct {
		char *journal, *control_socket, *pid_file;	/* resolved; NULL: none */
		struct conf_access control_access;
		unsigned workers;
		uint32_t tcp_clients, tcp_idle_timeout_ms, tcp_initial_timeout_ms;
	} fixed;			/* from the start to the end */
} now;

/* Commit thread. */
static void
on_publish(void *ctx, struct slot *slot, struct zone *zone)
{
	(void)ctx;
	mirrors_wake(slot);
	published_put(slot, zone != NULL);
}

static void
on_published(struct slot *slot, bool served)
{
	if (served)
		announce_published(slot);
	signatures_published(slot);
}

static void
set_server(const struct conf *conf, const struct tsig_keys *keys)
{
	struct query_server *old = now.server;

	now.server = server_new(conf, keys, now.history, now.log_queries);
	workers_set_server(now.workers, now.server);
	free(old);
}

/* NULL, and every reason reported, when one is none. */
static struct tsig_keys *
keys_new(const struct conf *conf, struct sink *sink)
{
	struct tsig_keys *keys = tsig_keys_new();
	bool ok = true;

	for (size_t i = 0; i < conf->key_count; i++) {
		const struct conf_key *key = &conf->keys[i];
		const char *wrong = tsig_keys_add(keys, key->wire, key->algorithm, key->secret);

		if (wrong == NULL)
			continue;
		report_zone(sink, ERROR, NULL, "key %s: %s", key->name, wrong);
		ok = false;
	}
	if (ok)
		return keys;
	tsig_keys_free(keys);
	return NULL;
}

static char *
resolved(const struct conf *conf, const char *path)
{
	char full[PATH_MAX];

	return path != NULL ? xstrdup(conf_resolve(full, conf, path)) : NULL;
}

static void
later(struct sink *sink, const char *clause)
{
	report_zone(sink, WARNING, NULL, "%s: takes effect at the next start", clause);
}

static void
keep_path(const struct conf *conf, const char **path, const char *fixed, const char *clause, struct sink *sink)
{
	char *wanted = resolved(conf, *path);

	if ((wanted == NULL) != (fixed == NULL) || (wanted != NULL && strcmp(wanted, fixed) != 0))
		later(sink, clause);
	free(wanted);
	*path = fixed;
}

static void
keep_number(uint32_t *number, uint32_t fixed, const char *clause, struct sink *sink)
{
	if (*number != fixed)
		later(sink, clause);
	*number = fixed;
}

/* What cannot change while we run stays what it was in the configuration too, which is what operators are shown. */
static void
keep_fixed(struct conf *conf, struct sink *sink)
{
	keep_path(conf, &conf->journal, now.fixed.journal, "journal", sink);
	keep_path(conf, &conf->control_socket, now.fixed.control_socket, "controls", sink);
	if (memcmp(&conf->control_access, &now.fixed.control_access, sizeof(conf->control_access)) != 0)
		later(sink, "controls");
	conf->control_access = now.fixed.control_access;
	keep_path(conf, &conf->pid_file, now.fixed.pid_file, "pid-file", sink);
	keep_number(&conf->workers, now.fixed.workers, "workers", sink);
	keep_number(&conf->tcp_clients, now.fixed.tcp_clients, "tcp-clients", sink);
	keep_number(&conf->tcp_idle_timeout_ms, now.fixed.tcp_idle_timeout_ms, "tcp-idle-timeout", sink);
	keep_number(&conf->tcp_initial_timeout_ms, now.fixed.tcp_initial_timeout_ms, "tcp-initial-timeout", sink);
}

static void
set_fixed(const struct conf *conf)
{
	now.fixed.journal = resolved(conf, conf->journal);
	now.fixed.control_socket = resolved(conf, conf->control_socket);
	now.fixed.control_access = conf->control_access;
	now.fixed.pid_file = resolved(conf, conf->pid_file);
	now.fixed.workers = conf->workers;
	now.fixed.tcp_clients = conf->tcp_clients;
	now.fixed.tcp_idle_timeout_ms = conf->tcp_idle_timeout_ms;
	now.fixed.tcp_initial_timeout_ms = conf->tcp_initial_timeout_ms;
}

static struct refresh_limits
refresh_limits_of(const struct conf *conf)
{
	return (struct refresh_limits){
		.transfers_in = conf->transfers_in, .transfers_per_master = conf->transfers_per_ns,
		.probes_per_second = conf->serial_query_rate,
	};
}

/* Everything that can fail comes first, so that a configuration holds whole or not at all. */
static bool
apply(struct conf *conf, struct sink *sink, load_done_fn *removed, void *ctx)
{
	struct tsig_keys *keys = keys_new(conf, sink);
	struct refresh_limits limits;
	bool ok = keys != NULL && listeners_open(now.workers, conf, sink);

	ok = http_open(conf, sink) && ok;
	listeners_settle(now.workers, ok);
	http_settle(conf, ok);
	if (!ok) {
		tsig_keys_free(keys);
		return false;
	}
	keep_fixed(conf, sink);
	mirrors_apply(conf, sink);
	limits = refresh_limits_of(conf);
	refresh_set_limits(&limits);
	announce_set_rate(now.loaded ? conf->notify_rate : conf->startup_notify_rate);
	zones_apply(conf, keys, removed, ctx);
	now.log_queries = conf->querylog;
	set_server(conf, keys);
	slot_settle();
	current_set(conf, keys);
	return true;
}

static void
on_note(const struct inbox_note *note)
{
	struct served *zone = zones_of(note->slot);

	if (zone != NULL && zone->refresh != NULL)
		refresh_notified(zone->refresh, &note->from.any, note->has_serial, note->serial);
}

/* Two writers of a journal would each serve what the other does not know. */
static bool
lock_journal(const char *journal)
{
	char *path = xasprintf("%s.lock", journal);
	int fd = lockfile_take(path);

	if (fd == -EWOULDBLOCK)
		log_error("%s: another tandemd has this journal", journal);
	else if (fd < 0)
		log_warning("%s: %s; a second tandemd with this journal would not be noticed", path, strerror(-fd));
	free(path);
	return fd != -EWOULDBLOCK;
}

static struct announce *
announce_of(const struct slot *slot)
{
	struct served *zone = zones_of(slot);

	return zone != NULL ? zone->announce : NULL;
}

static struct signatures **
signatures_of(const struct slot *slot)
{
	struct served *zone = zones_of(slot);

	return zone != NULL ? &zone->signatures : NULL;
}

static bool
signatures_wanted(const struct slot *slot)
{
	const struct served *zone = zones_of(slot);

	return zone != NULL && zone->conf->rules->checks[CHECK_DNSSEC] != NOTE;
}

static void
about_peer(struct peer *peer)
{
	const struct conf_server *server = conf_server_of(current_conf(), &peer->address.any);

	if (server == NULL)
		return;
	peer->key = server->key != NULL ? tsig_find(current_keys(), server->key->wire) : NULL;
	peer->no_edns = server->edns == CONF_NO;
}

/* Clients must leave descriptors to zone files, journal and mirrors: each worker has some, a zone file takes one,
 * and one for each file that it includes. */
static unsigned
tcp_clients(unsigned wanted, unsigned workers)
{
	rlim_t own = 24 + 8 * (rlim_t)workers, left;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
		return wanted;
	if (files.rlim_cur < 2 * (own + wanted) && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max < 2 * (own + wanted) ? files.rlim_max : 2 * (own + wanted);
		if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) < 0)
			return wanted;
	}
	own += files.rlim_cur / 8;
	left = files.rlim_cur > own ? files.rlim_cur - own : 0;
	if (left >= wanted)
		return wanted;
	log_warning("tcp-clients %u: no more than %u, since at most %llu files can be open", wanted, (unsigned)left,
	    (unsigned long long)files.rlim_cur);
	return (unsigned)left;
}

bool
setup_start(uv_loop_t *loop, struct conf *conf, unsigned workers)
{
	struct worker_limits limits = {
		.tcp_idle_ms = conf->tcp_idle_timeout_ms, .tcp_initial_ms = conf->tcp_initial_timeout_ms,
	};
	struct sink sink = { .fn = log_report };
	struct refresh_limits limits_in = refresh_limits_of(conf);

	now.loop = loop;
	now.started = time(NULL);
	noted_read(conf);
	if (workers == 0)
		workers = conf->workers;
	if (workers == 0)
		workers = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	limits.tcp_clients = tcp_clients(conf->tcp_clients, workers) / workers + 1;
	set_fixed(conf);
	if (!lock_journal(now.fixed.journal))
		return false;
	slot_thread_begin();
	now.journal = journal_open(now.fixed.journal, log_report, NULL);
	now.history = history_new(now.fixed.journal);
	commit_start(now.journal, on_publish, NULL);
	now.server = server_new(conf, NULL, now.history, false);
	now.workers = workers_new(workers, now.server, &limits);
	files_start(loop);
	announce_start(loop, &(struct announce_env){ log_report, NULL, announce_of, listeners_ourselves, about_peer });
	signatures_start(loop, &(struct signatures_env){ signatures_of, signatures_wanted });
	published_start(loop, on_published);
	inbox_start(loop, on_note);
	autosecondary_start(loop);
	refresh_start(loop, now.fixed.journal, &limits_in, log_report, NULL);
	return apply(conf, &sink, NULL, NULL);
}

void
setup_loaded(void)
{
	now.loaded = true;
	added_sweep();
	announce_set_rate(current_conf()->notify_rate);
}

static void
on_patience(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* Files are written to their end, and what was closed is let go.  Longer than any of that may take only the
 * look-up of a name. */
static void
finish(void)
{
	uv_timer_t patience;

	uv_timer_init(now.loop, &patience);
	uv_timer_start(&patience, on_patience, STOP_MS, 0);
	uv_unref((uv_handle_t *)&patience);
	uv_run(now.loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&patience, NULL);
	uv_run(now.loop, UV_RUN_NOWAIT);
}

void
setup_stop(void)
{
	commit_stop();
	http_stop();
	mirrors_stop();		/* queries are answered until the databases have what is under way */
	workers_stop(now.workers, 2000);
	history_free(now.history);
	published_stop();
	inbox_stop();
	autosecondary_stop();
	journal_close(now.journal);
	files_stop();
	signatures_stop();
	zones_stop();
	announce_stop();
	refresh_stop();
	finish();
	slot_settle();
	slot_thread_end();
	listeners_free();
	free(now.server);
	current_free();
	noted_free();
	free(now.fixed.journal);
	free(now.fixed.control_socket);
	free(now.fixed.pid_file);
	free(now.why);
	told_free();
}

uv_loop_t *
setup_loop(void)
{
	return now.loop;
}

struct workers *
setup_workers(void)
{
	return now.workers;
}

time_t
setup_started(void)
{
	return now.started;
}

struct setup_refused
setup_refused(void)
{
	return now.refused;
}

struct telling {
	report_fn *said;
	void *ctx;
};

/* Told to the log, to whoever asked, and kept for the state. */
static void
on_said(void *ctx, const struct report *report)
{
	const struct telling *tell = ctx;
	char text[512];

	log_report(NULL, report);
	if (tell->said != NULL)
		tell->said(tell->ctx, report);
	if (report->severity != ERROR || now.refused.at != 0)
		return;
	if (now.refused.reasons++ == 0)
		now.refused.why = now.why = xstrdup(report_format(text, sizeof(text), report));
}

/* Of a clause that has no effect one hears once, not with each edit of a zone. */
static void
on_read(void *ctx, const struct report *report)
{
	if (!told_before(report))
		on_said(ctx, report);
}

static char *
text_of(const struct conf *conf)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	conf_print(out, conf, false);
	fclose(out);
	return text;
}

static void
forget_refused(void)
{
	free(now.why);
	now.why = NULL;
	now.refused = (struct setup_refused){ 0 };
}

enum setup_read
setup_reread(report_fn *said, load_done_fn *removed, void *ctx)
{
	struct telling tell = { said, ctx };
	struct sink read = { .fn = on_read, .ctx = &tell }, sink = { .fn = on_said, .ctx = &tell };
	char *before = text_of(current_conf()), *after;
	enum setup_read result = SETUP_REFUSED;
	struct conf *conf;

	forget_refused();
	told_begin();
	if ((conf = conf_read(current_conf()->path, &read)) != NULL && apply(conf, &sink, removed, ctx)) {
		after = text_of(conf);
		result = strcmp(before, after) == 0 ? SETUP_SAME : SETUP_CHANGED;
		free(after);
	} else {
		now.refused.at = time(NULL);
		report_zone(&sink, ERROR, NULL, "%s: not taken over, the configuration read before stays in force",
		    current_conf()->path);
		conf_free(conf);
	}
	free(before);
	return result;
}

void
setup_log_queries(bool log)
{
	now.log_queries = log;
	set_server(current_conf(), current_keys());
}

bool
setup_logs_queries(void)
{
	return now.log_queries;
}
