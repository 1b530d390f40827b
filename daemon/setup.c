#include "daemon/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/inbox.h"
#include "daemon/listeners.h"
#include "daemon/log.h"
#include "daemon/mirrors.h"
#include "daemon/transfer/history.h"
#include "daemon/transfer/tsig.h"
#include "daemon/transfer/xfrout.h"
#include "sync/commit.h"
#include "sync/journal.h"
#include "zonefile/arena.h"

static struct {
	uv_loop_t *loop;
	struct conf *conf;
	time_t started;
	struct workers *workers;
	struct query_server *server;
	struct tsig_keys *keys;
	struct journal *journal;
	struct history *history;
} now;

/* Commit thread. */
static void
on_publish(void *ctx, struct slot *slot, struct zone *zone)
{
	(void)ctx;
	(void)zone;
	mirrors_wake(slot);
}

/* Worker's thread. */
static void
on_notified(void *ctx, struct slot *slot, const struct sockaddr *from, const struct tsig_key *key,
    const uint32_t *serial)
{
	(void)ctx;
	(void)key;
	inbox_put(slot, from, serial);
}

/* Does transfer-format of this peer's server block, or of options, say so? */
static bool
wants_one_answer(const void *list, const struct sockaddr *client, const uint8_t *key)
{
	const struct conf *conf = list;
	const struct conf_server *server = conf_server_of(conf, client);

	(void)key;
	return server != NULL && server->one_answer != CONF_UNSAID ? server->one_answer == CONF_YES : conf->one_answer;
}

/* Worker's thread. */
static void
on_transferred(void *ctx, const struct sockaddr *to, const struct xfrout_facts *facts, bool whole,
    uint64_t ms)
{
	char zone[DNAME_TEXT_MAX], client[PEER_TEXT], from[24] = "", key[8 + DNAME_TEXT_MAX] = "";

	(void)ctx;
	name_print_plain(zone, facts->origin);
	if (facts->incremental)
		snprintf(from, sizeof(from), " from %" PRIu32, facts->since);
	if (facts->key != NULL) {
		strcpy(key, ", key ");
		name_print_plain(key + strlen(key), facts->key->name);
	}
	log_note("zone %s: %s%s to serial %" PRIu32 " for %s%s%s: %" PRIu64 " records, %" PRIu64
	    " octets in %" PRIu64 " ms", zone, facts->how, from, facts->serial,
	    peer_print(client, to), key, whole ? "" : " broken off", facts->records,
	    facts->octets, ms);
}

/* Its strings and lists are the configuration's. */
static struct query_server *
server_new(const struct conf *conf, const struct tsig_keys *keys)
{
	struct query_server *server = xcalloc(1, sizeof(*server));

	server->edns_udp_size = conf->edns_udp_size;
	server->version = conf->version;
	server->server_id = conf->server_id;
	server->hostname = conf->hostname;
	server->minimal_responses = conf->minimal_responses;
	server->keys = keys;
	server->transfers = (struct query_transfers){
		.at_once = conf->transfers_out,
		.max_ms = conf->rules.max_time_out * 1000, .idle_ms = conf->rules.max_idle_out * 1000,
		.message_size = conf->transfer_message_size,
	};
	server->one_answer = (struct query_right){ wants_one_answer, conf };
	server->notified = on_notified;
	server->history = now.history;
	server->transferred = on_transferred;
	return server;
}

static void
set_server(const struct conf *conf, const struct tsig_keys *keys)
{
	struct query_server *old = now.server;

	now.server = server_new(conf, keys);
	workers_set_server(now.workers, now.server);
	free(old);
}

/* NULL, and every reason logged, when one is none. */
static struct tsig_keys *
keys_new(const struct conf *conf)
{
	struct tsig_keys *keys = tsig_keys_new();
	bool ok = true;

	for (size_t i = 0; i < conf->key_count; i++) {
		const struct conf_key *key = &conf->keys[i];
		const char *wrong = tsig_keys_add(keys, key->wire, key->algorithm, key->secret);

		if (wrong == NULL)
			continue;
		log_error("key %s: %s", key->name, wrong);
		ok = false;
	}
	if (ok)
		return keys;
	tsig_keys_free(keys);
	return NULL;
}

/* Everything that can fail comes first, so that a configuration holds whole or not at all. */
static bool
apply(struct conf *conf)
{
	struct tsig_keys *keys = keys_new(conf);
	bool ok = keys != NULL && listeners_open(now.workers, conf) && mirrors_apply(conf);

	listeners_settle(now.workers, ok);
	if (!ok) {
		tsig_keys_free(keys);
		return false;
	}
	zones_apply(conf);
	set_server(conf, keys);
	slot_settle();
	tsig_keys_free(now.keys);
	now.keys = keys;
	conf_free(now.conf);
	now.conf = conf;
	return true;
}

/* The last NOTIFY about a zone since the last look. */
static void
on_note(const struct inbox_note *note)
{
	(void)note;
}

bool
setup_start(uv_loop_t *loop, struct conf *conf, unsigned workers)
{
	struct worker_limits limits = {
		.tcp_idle_ms = conf->tcp_idle_timeout_ms, .tcp_initial_ms = conf->tcp_initial_timeout_ms,
	};
	char path[PATH_MAX];

	now.loop = loop;
	now.started = time(NULL);
	if (workers == 0)
		workers = conf->workers;
	if (workers == 0)
		workers = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	limits.tcp_clients = conf->tcp_clients / workers + 1;
	slot_thread_begin();
	now.journal = journal_open(conf_resolve(path, conf, conf->journal), log_report, NULL);
	now.history = history_new(path);
	commit_start(now.journal, on_publish, NULL);
	now.server = server_new(conf, NULL);
	now.workers = workers_new(workers, now.server, &limits);
	files_start(loop);
	inbox_start(loop, on_note);
	return apply(conf);
}

void
setup_stop(void)
{
	workers_stop(now.workers, 2000);
	history_free(now.history);
	inbox_stop();
	commit_stop();
	mirrors_stop();
	journal_close(now.journal);
	files_stop();
	zones_stop();
	slot_settle();
	slot_thread_end();
	listeners_free();
	free(now.server);
	tsig_keys_free(now.keys);
	conf_free(now.conf);
}

const struct conf *
setup_conf(void)
{
	return now.conf;
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

/* --- reloading --- */

struct round {
	struct reload tell;
	size_t left;
	bool failed;
};

/* One file is done, or the last of the list has been asked for. */
static void
count_down(struct round *round)
{
	if (--round->left > 0)
		return;
	if (round->tell.end != NULL)
		round->tell.end(round->tell.ctx, !round->failed);
	free(round);
}

static void
on_loaded(void *ctx, const struct load_outcome *outcome)
{
	struct round *round = ctx;
	struct served *zone = zones_find(outcome->zone);

	if (zone != NULL && outcome->result == LOAD_DONE)
		zone->since = time(NULL);
	round->failed |= outcome->result == LOAD_FAILED;
	if (round->tell.zone != NULL)
		round->tell.zone(round->tell.ctx, outcome);
	count_down(round);
}

static struct round *
round_new(const struct reload *tell)
{
	struct round *round = xcalloc(1, sizeof(*round));

	round->tell = *tell;
	round->left = 1;	/* until all have been asked for */
	return round;
}

static void
load_zones(const struct reload *tell, bool all)
{
	struct round *round = round_new(tell);
	const struct served *zone;
	size_t count;

	zone = zones_all(&count);
	for (size_t i = 0; i < count; i++) {
		if (!all && zone[i].since != 0)
			continue;
		round->left++;
		zone_file_load(zone[i].file, false, on_loaded, round);
	}
	count_down(round);
}

void
setup_load(const struct reload *tell)
{
	load_zones(tell, true);
}

void
setup_reload_zone(struct served *zone, const struct reload *tell)
{
	struct round *round = round_new(tell);

	round->left++;
	zone_file_load(zone->file, true, on_loaded, round);
	count_down(round);
}

void
setup_reload(bool files, const struct reload *tell)
{
	struct sink sink = { .fn = log_report };
	struct conf *conf = conf_read(now.conf->path, &sink);

	if (conf == NULL || !apply(conf)) {
		log_error("%s: not taken over, the configuration read before stays in force", now.conf->path);
		conf_free(conf);
		if (tell->end != NULL)
			tell->end(tell->ctx, false);
		return;
	}
	load_zones(tell, files);
}
