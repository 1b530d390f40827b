#include "daemon/setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/acl.h"
#include "daemon/log.h"
#include "sync/commit.h"
#include "sync/journal.h"
#include "zonefile/arena.h"
#include "zonefile/name.h"

struct running_mirror {
	char *name;
	char *text;			/* its clause, to see whether it changed */
	struct mirror *mirror;
};

struct listeners {
	union worker_address *address;
	size_t count;
};

static struct {
	uv_loop_t *loop;
	struct conf *conf;
	time_t started;
	struct workers *workers;
	struct query_server *server;
	struct listeners listeners;
	struct journal *journal;
	struct served *zone;		/* in canonical order of their origins */
	size_t zones;
} now;

/* The commit thread wakes them while the control loop may replace them. */
static pthread_mutex_t mirrors_lock = PTHREAD_MUTEX_INITIALIZER;
static struct running_mirror *running;
static struct mirror **mirrors;		/* the same, for setup_mirrors() */
static size_t mirror_count;

/* Commit thread. */
static void
on_publish(void *ctx, struct slot *slot, struct zone *zone)
{
	(void)ctx;
	(void)zone;
	pthread_mutex_lock(&mirrors_lock);
	for (size_t i = 0; i < mirror_count; i++)
		mirror_wake(mirrors[i], slot);
	pthread_mutex_unlock(&mirrors_lock);
}

/* --- listeners --- */

static bool
same_address(const union worker_address *a, const union worker_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port &&
	    memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

static bool
has_address(const struct listeners *list, const union worker_address *address)
{
	for (size_t i = 0; i < list->count; i++)
		if (same_address(&list->address[i], address))
			return true;
	return false;
}

static void
add_address(struct listeners *list, const union worker_address *address)
{
	if (has_address(list, address))
		return;
	list->address = xrealloc(list->address, (list->count + 1) * sizeof(*address));
	list->address[list->count++] = *address;
}

static void
add_matches(struct listeners *list, const struct conf_listen *listen, const struct conf_match_list *matches)
{
	for (size_t i = 0; i < matches->count; i++) {
		const struct conf_match *m = &matches->match[i];
		union worker_address a = { .any = { .sa_family = listen->v6 ? AF_INET6 : AF_INET } };

		if (m->negate || m->kind == MATCH_NONE)
			continue;
		if (m->kind == MATCH_LIST) {
			add_matches(list, listen, m->list);
			continue;
		}
		if (listen->v6)
			a.v6.sin6_port = htons(listen->port);
		else
			a.v4.sin_port = htons(listen->port);
		if (m->kind == MATCH_PREFIX && m->family != a.any.sa_family)
			continue;
		if (m->kind == MATCH_PREFIX && listen->v6)
			memcpy(&a.v6.sin6_addr, m->address, 16);
		else if (m->kind == MATCH_PREFIX)
			memcpy(&a.v4.sin_addr, m->address, 4);
		else if (m->kind == MATCH_LOCALHOST && listen->v6)
			a.v6.sin6_addr = in6addr_loopback;
		else if (m->kind == MATCH_LOCALHOST)
			a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		add_address(list, &a);
	}
}

static const char *
print_address(char out[80], const union worker_address *a)
{
	char text[INET6_ADDRSTRLEN];

	if (a->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof(text));
		snprintf(out, 80, "%s port %u", text, ntohs(a->v4.sin_port));
	} else {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof(text));
		snprintf(out, 80, "%s port %u", text, ntohs(a->v6.sin6_port));
	}
	return out;
}

/* Listen on what is new, all of it or nothing. */
static bool
listen_new(const struct listeners *wanted)
{
	char text[80];
	bool ok = true;

	for (size_t i = 0; i < wanted->count; i++) {
		const union worker_address *a = &wanted->address[i];
		int err = has_address(&now.listeners, a) ? 0 : workers_listen(now.workers, a);

		if (err < 0) {
			log_error("cannot listen on %s: %s", print_address(text, a), strerror(-err));
			ok = false;
		} else if (!has_address(&now.listeners, a)) {
			log_note("listening on %s", print_address(text, a));
			continue;
		}
	}
	return ok;
}

static void
unlisten_other(const struct listeners *have, const struct listeners *keep)
{
	for (size_t i = 0; i < have->count; i++)
		if (!has_address(keep, &have->address[i]))
			workers_unlisten(now.workers, &have->address[i]);
}

/* --- mirrors --- */

/* The first line of a file that only its owner should read; NULL when it cannot be read. */
static char *
read_secret(const char *path)
{
	char line[1024] = "";
	struct stat st;
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		log_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fileno(file), &st) == 0 && (st.st_mode & S_IROTH) != 0)
		log_warning("%s: everybody on this machine can read this secret; make it mode 600", path);
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	fclose(file);
	line[strcspn(line, "\r\n")] = '\0';
	return xstrdup(line);
}

static const char **
list_of(const char *const *from, size_t count)
{
	const char **list = xcalloc(count + 1, sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i] = from[i];
	return list;
}

/* With what the files hold, so that a new password is seen too. */
static char *
mirror_text(const struct conf_mirror *m, const char *password, const char *key)
{
	struct conf one = { .mirrors = m, .mirror_count = 1 };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	conf_print(out, &one, false);
	fprintf(out, "%s\n%s\n", password != NULL ? password : "", key != NULL ? key : "");
	fclose(out);
	return text;
}

static struct mirror *
start_mirror(const struct conf *conf, const struct conf_mirror *m, const char *password, const char *key)
{
	char file[PATH_MAX], ca[PATH_MAX], journal[PATH_MAX];
	struct mirror_conf c = {
		.name = m->name,
		.type = m->type == CONF_MIRROR_SQLITE ? MIRROR_SQLITE : MIRROR_MYSQL,
		.file = m->file != NULL ? conf_resolve(file, conf, m->file) : NULL,
		.port = m->port, .socket = m->socket,
		.database = m->database, .user = m->user, .password = password,
		.tls = m->tls_require,
		.ca_file = m->ca_file != NULL ? conf_resolve(ca, conf, m->ca_file) : NULL,
		.owner = m->owner, .kind_master = m->kind_master, .adopt = m->adopt,
		.target_version = m->target_version, .skip_unmirrorable = m->skip_unmirrorable,
		.on_remove = m->on_remove == CONF_DELETE ? MIRROR_DELETE :
		    m->on_remove == CONF_DISABLE ? MIRROR_DISABLE : MIRROR_KEEP,
		.api_key = key,
	};
	const char **hosts = list_of(m->hosts, m->host_count);
	const char **control = list_of(m->pdns_control, m->pdns_control_count);
	const char **api = list_of(m->pdns_api, m->pdns_api_count);
	struct mirror *mirror;

	c.hosts = hosts;
	c.pdns_control = control;
	c.pdns_api = api;
	mirror = mirror_start(&c, conf_resolve(journal, conf, conf->journal), log_report, NULL);
	free(hosts);
	free(control);
	free(api);
	return mirror;
}

static void
mirror_free(struct running_mirror *m)
{
	if (m->mirror != NULL)
		mirror_stop(m->mirror);
	free(m->name);
	free(m->text);
}

/* The mirrors of the new configuration, those that did not change still running.  false, with nothing changed, when a secret
 * cannot be read. */
static bool
apply_mirrors(const struct conf *conf)
{
	struct running_mirror *fresh = xcalloc(conf->mirror_count, sizeof(*fresh));
	char **password = xcalloc(conf->mirror_count, sizeof(*password));
	char **key = xcalloc(conf->mirror_count, sizeof(*key));
	struct running_mirror *old = running;
	struct mirror **list;
	size_t old_count = mirror_count;
	char path[PATH_MAX];
	bool ok = true;

	for (size_t i = 0; i < conf->mirror_count; i++) {
		const struct conf_mirror *m = &conf->mirrors[i];

		if (m->password_file != NULL)
			ok &= (password[i] = read_secret(conf_resolve(path, conf, m->password_file))) != NULL;
		else if (m->password != NULL)
			password[i] = xstrdup(m->password);
		if (m->key_file != NULL)
			ok &= (key[i] = read_secret(conf_resolve(path, conf, m->key_file))) != NULL;
	}
	if (!ok)
		goto done;
	list = xcalloc(conf->mirror_count, sizeof(*list));
	for (size_t i = 0; i < conf->mirror_count; i++) {
		const struct conf_mirror *m = &conf->mirrors[i];

		fresh[i].name = xstrdup(m->name);
		fresh[i].text = mirror_text(m, password[i], key[i]);
		for (size_t k = 0; k < old_count; k++)
			if (old[k].mirror != NULL && strcmp(old[k].text, fresh[i].text) == 0) {
				fresh[i].mirror = old[k].mirror;
				old[k].mirror = NULL;
			}
	}
	/* First take the old ones out of sight, so that nobody wakes one that has stopped. */
	pthread_mutex_lock(&mirrors_lock);
	running = fresh;
	free(mirrors);
	mirrors = list;
	mirror_count = 0;
	pthread_mutex_unlock(&mirrors_lock);
	for (size_t k = 0; k < old_count; k++)
		mirror_free(&old[k]);
	free(old);
	for (size_t i = 0; i < conf->mirror_count; i++) {
		if (fresh[i].mirror == NULL)
			fresh[i].mirror = start_mirror(conf, &conf->mirrors[i], password[i], key[i]);
		list[i] = fresh[i].mirror;
	}
	pthread_mutex_lock(&mirrors_lock);
	mirror_count = conf->mirror_count;
	pthread_mutex_unlock(&mirrors_lock);
	fresh = NULL;
done:
	for (size_t i = 0; i < conf->mirror_count; i++) {
		free(password[i]);
		free(key[i]);
	}
	free(password);
	free(key);
	free(fresh);
	return ok;
}

static bool
mirrored(const struct conf_zone *zone, const struct conf_mirror *mirror)
{
	if (!zone->mirror_given)
		return mirror->zones_all;
	for (size_t i = 0; i < zone->mirror_count; i++)
		if (strcmp(zone->mirrors[i], mirror->name) == 0)
			return true;
	return false;
}

/* --- zones --- */

static bool
may_ask(const void *list, const struct sockaddr *from, const uint8_t *key)
{
	return acl_allows(list, from, key);
}

/* The list is the configuration's, which stays until no reader can have the policy. */
static void
set_policy(struct slot *slot, const struct conf_match_list *allow)
{
	struct query_policy *policy;

	if (allow->count == 1 && allow->match[0].kind == MATCH_ANY && !allow->match[0].negate) {
		slot_set_policy(slot, NULL, NULL);
		return;
	}
	policy = xcalloc(1, sizeof(*policy));
	policy->ask = (struct query_right){ may_ask, allow };
	slot_set_policy(slot, policy, free);
}

static int
zone_order(const void *a, const void *b)
{
	const struct conf_zone *const *x = a, *const *y = b;

	return name_cmp((*x)->origin, (*y)->origin);
}

static void
drop_zone(struct served *zone)
{
	for (size_t i = 0; i < mirror_count; i++)
		mirror_exclude(mirrors[i], slot_origin(zone->slot));
	log_note("zone %s: no longer in the configuration", slot_name(zone->slot));
	zone_file_free(zone->file);
	slot_remove(zone->slot);
}

static void
set_zone(struct served *zone, const struct conf *conf, const struct conf_zone *want)
{
	char path[PATH_MAX];

	conf_resolve(path, conf, want->file);
	if (zone->file != NULL && strcmp(zone_file_path(zone->file), path) != 0) {
		zone_file_free(zone->file);
		zone->file = NULL;
	}
	if (zone->file == NULL)
		zone->file = zone_file_new(zone->slot, path);
	set_policy(zone->slot, want->rules->allow_query);
}

/* Walk the old and the new zones side by side. */
static void
apply_zones(const struct conf *conf)
{
	const struct conf_zone **want = xcalloc(conf->zone_count, sizeof(*want));
	struct served *zones = xcalloc(conf->zone_count, sizeof(*zones));
	size_t i = 0, k = 0;

	for (size_t n = 0; n < conf->zone_count; n++)
		want[n] = &conf->zones[n];
	qsort(want, conf->zone_count, sizeof(*want), zone_order);
	while (i < now.zones || k < conf->zone_count) {
		int d = i == now.zones ? 1 : k == conf->zone_count ? -1 :
		    name_cmp(slot_origin(now.zone[i].slot), want[k]->origin);

		if (d < 0) {
			drop_zone(&now.zone[i++]);
			continue;
		}
		if (d > 0)
			zones[k].slot = slot_add(want[k]->origin);
		else
			zones[k] = now.zone[i++];
		set_zone(&zones[k], conf, want[k]);
		for (size_t m = 0; m < conf->mirror_count; m++) {
			if (mirrored(want[k], &conf->mirrors[m]))
				mirror_include(mirrors[m], zones[k].slot);
			else
				mirror_exclude(mirrors[m], want[k]->origin);
		}
		k++;
	}
	slot_apply();
	free(want);
	free(now.zone);
	now.zone = zones;
	now.zones = conf->zone_count;
}

/* --- the whole --- */

static struct query_server *
server_new(const struct conf *conf)
{
	struct query_server *server = xcalloc(1, sizeof(*server));

	server->edns_udp_size = conf->edns_udp_size;
	server->version = conf->version;
	server->server_id = conf->server_id;
	server->hostname = conf->hostname;
	server->minimal_responses = conf->minimal_responses;
	return server;
}

/* Its strings are the configuration's. */
static void
set_server(const struct conf *conf)
{
	struct query_server *old = now.server;

	now.server = server_new(conf);
	workers_set_server(now.workers, now.server);
	free(old);
}

/* Everything that can fail comes first, so that a configuration holds whole or not at all. */
static bool
apply(struct conf *conf)
{
	struct listeners wanted = { NULL, 0 }, old = now.listeners;

	for (size_t i = 0; i < conf->listen_count; i++)
		add_matches(&wanted, &conf->listens[i], conf->listens[i].addresses);
	if (!listen_new(&wanted) || !apply_mirrors(conf)) {
		unlisten_other(&wanted, &old);
		free(wanted.address);
		return false;
	}
	unlisten_other(&old, &wanted);
	free(old.address);
	now.listeners = wanted;
	apply_zones(conf);
	set_server(conf);
	slot_settle();
	conf_free(now.conf);
	now.conf = conf;
	return true;
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
	commit_start(now.journal, on_publish, NULL);
	now.server = server_new(conf);
	now.workers = workers_new(workers, now.server, &limits);
	files_start(loop);
	return apply(conf);
}

void
setup_stop(void)
{
	workers_stop(now.workers, 2000);
	commit_stop();
	for (size_t i = 0; i < mirror_count; i++)
		mirror_free(&running[i]);
	mirror_count = 0;
	journal_close(now.journal);
	files_stop();
	for (size_t i = 0; i < now.zones; i++) {
		zone_file_free(now.zone[i].file);
		slot_remove(now.zone[i].slot);
	}
	slot_apply();
	slot_settle();
	slot_thread_end();
	free(now.zone);
	free(now.listeners.address);
	free(running);
	free(mirrors);
	free(now.server);
	conf_free(now.conf);
}

const struct served *
setup_zones(size_t *count)
{
	*count = now.zones;
	return now.zone;
}

static int
find_order(const void *key, const void *entry)
{
	return name_cmp(key, slot_origin(((const struct served *)entry)->slot));
}

struct served *
setup_zone(const char *name)
{
	static const uint8_t root[1];
	uint8_t wire[DNAME_MAX];

	if (name_parse(wire, name, strlen(name), root) < 0)
		return NULL;
	return bsearch(wire, now.zone, now.zones, sizeof(now.zone[0]), find_order);
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

struct mirror *const *
setup_mirrors(size_t *count)
{
	*count = mirror_count;
	return mirrors;
}

const char *
setup_mirror_name(size_t i)
{
	return running[i].name;
}

struct mirror *
setup_mirror(const char *name)
{
	for (size_t i = 0; i < mirror_count; i++)
		if (strcmp(running[i].name, name) == 0)
			return mirrors[i];
	return NULL;
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
	struct served *zone = setup_zone(outcome->zone);

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

	for (size_t i = 0; i < now.zones; i++) {
		if (!all && now.zone[i].since != 0)
			continue;
		round->left++;
		zone_file_load(now.zone[i].file, false, on_loaded, round);
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
