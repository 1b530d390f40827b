#include "daemon/mirrors.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/current.h"
#include "daemon/ending.h"
#include "daemon/log.h"
#include "daemon/export.h"
#include "daemon/noted.h"
#include "daemon/place.h"
#include "daemon/trusted.h"
#include "zonefile/arena.h"

struct running_mirror {
	char *name;
	char *text;			/* its clause, to see whether it changed */
	struct mirror *mirror;
};

/* The commit thread wakes them while the control loop may replace them. */
static pthread_mutex_t mirrors_lock = PTHREAD_MUTEX_INITIALIZER;
static struct running_mirror *running;
static struct mirror **mirrors;		/* the same, for mirrors_all() */
static size_t mirror_count;

static const char **
list_of(const char *const *from, size_t count)
{
	const char **list = xcalloc(count + 1, sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i] = from[i];
	return list;
}

static char *
mirror_text(const struct conf *conf, const struct conf_mirror *m)
{
	struct conf one = { .mirrors = m, .mirror_count = 1 };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	if (m->export_metadata) {
		one.keys = conf->keys;
		one.key_count = conf->key_count;
		one.autosecondaries = conf->autosecondaries;
		one.autosecondary_count = conf->autosecondary_count;
	}
	conf_print(out, &one, false);
	fclose(out);
	return text;
}

static struct mirror *
start_mirror(const struct conf *conf, const struct conf_mirror *m)
{
	char file[PATH_MAX], ca[PATH_MAX], journal[PATH_MAX], password[PATH_MAX], key[PATH_MAX];
	struct mirror_conf c = {
		.name = m->name,
		.type = m->type == CONF_MIRROR_SQLITE ? MIRROR_SQLITE : MIRROR_MYSQL,
		.file = m->file != NULL ? conf_resolve(file, conf, m->file) : NULL,
		.port = m->port, .socket = m->socket,
		.database = m->database, .user = m->user, .password = m->password,
		.password_file = m->password_file != NULL ? conf_resolve(password, conf, m->password_file) : NULL,
		.tls = m->tls_require,
		.ca_file = m->ca_file != NULL ? conf_resolve(ca, conf, m->ca_file) : NULL,
		.owner = m->owner, .kind_master = m->kind_master, .adopt = m->adopt,
		.target_version = m->target_version, .skip_unmirrorable = m->skip_unmirrorable,
		.on_remove = m->on_remove == CONF_DELETE ? MIRROR_DELETE :
		    m->on_remove == CONF_DISABLE ? MIRROR_DISABLE : MIRROR_KEEP,
		.key_file = m->key_file != NULL ? conf_resolve(key, conf, m->key_file) : NULL,
		.connections = m->connections,
		.verify_interval = m->verify_interval, .repair_drift = m->repair_drift,
		.export_metadata = m->export_metadata, .paused = noted_is(NOTED_PAUSED, m->name),
		.masters = m->supermasters ? trusted_learn : NULL,
	};
	const char **hosts = list_of(m->hosts, m->host_count);
	const char **control = list_of(m->pdns_control, m->pdns_control_count);
	const char **api = list_of(m->pdns_api, m->pdns_api_count);
	struct arena *exports;
	struct mirror *mirror;

	if (c.file != NULL)
		place_above(c.file);
	c.hosts = hosts;
	c.pdns_control = control;
	c.pdns_api = api;
	exports = export_conf(&c, conf);
	mirror = mirror_start(&c, conf_resolve(journal, conf, conf->journal), log_report, NULL);
	free(hosts);
	free(control);
	free(api);
	arena_free(exports);
	return mirror;
}

static void
mirror_free(struct running_mirror *m)
{
	if (m->mirror != NULL) {
		ending_add(m->mirror, m->name);
		trusted_learn(NULL, m->name, NULL, 0);
	}
	free(m->name);
	free(m->text);
}

void
mirrors_apply(const struct conf *conf, struct sink *sink)
{
	struct running_mirror *fresh = xcalloc(conf->mirror_count, sizeof(*fresh));
	struct running_mirror *old = running;
	struct mirror **list;
	size_t old_count = mirror_count;

	list = xcalloc(conf->mirror_count, sizeof(*list));
	for (size_t i = 0; i < conf->mirror_count; i++) {
		const struct conf_mirror *m = &conf->mirrors[i];

		fresh[i].name = xstrdup(m->name);
		fresh[i].text = mirror_text(conf, m);
		for (size_t k = 0; k < old_count; k++)
			if (old[k].mirror != NULL && strcmp(old[k].text, fresh[i].text) == 0) {
				fresh[i].mirror = old[k].mirror;
				old[k].mirror = NULL;
			}
	}
	for (size_t i = 0; i < conf->mirror_count; i++)
		list[i] = fresh[i].mirror;
	/* First take the old ones out of sight, so that nobody wakes one that has stopped.  Those that stay hear of
	 * each version meanwhile. */
	pthread_mutex_lock(&mirrors_lock);
	running = fresh;
	free(mirrors);
	mirrors = list;
	mirror_count = conf->mirror_count;
	pthread_mutex_unlock(&mirrors_lock);
	for (size_t k = 0; k < old_count; k++)
		mirror_free(&old[k]);
	free(old);
	for (size_t i = 0; i < conf->mirror_count; i++) {
		if (fresh[i].mirror != NULL)
			continue;
		conf_check_secrets(conf, &conf->mirrors[i], WARNING, sink);
		fresh[i].mirror = start_mirror(conf, &conf->mirrors[i]);
		pthread_mutex_lock(&mirrors_lock);
		list[i] = fresh[i].mirror;
		pthread_mutex_unlock(&mirrors_lock);
	}
}

void
mirrors_stop(void)
{
	for (size_t i = 0; i < mirror_count; i++)
		mirror_free(&running[i]);
	mirror_count = 0;
	free(running);
	free(mirrors);
	ending_wait();
}

void
mirrors_wake(struct slot *slot)
{
	pthread_mutex_lock(&mirrors_lock);
	for (size_t i = 0; i < mirror_count; i++)
		if (mirrors[i] != NULL)
			mirror_wake(mirrors[i], slot);
	pthread_mutex_unlock(&mirrors_lock);
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

void
mirrors_set_zone(const struct conf *conf, const struct conf_zone *zone, struct slot *slot)
{
	for (size_t i = 0; i < conf->mirror_count; i++) {
		if (mirrored(zone, &conf->mirrors[i])) {
			mirror_include(mirrors[i], slot);
			if (conf->mirrors[i].export_metadata)
				export_zone(mirrors[i], slot, zone->rules, conf->mirrors[i].kind_master);
		} else
			mirror_exclude(mirrors[i], zone->origin);
	}
}

void
mirrors_drop_zone(const struct conf *conf, const struct conf_zone *zone)
{
	for (size_t i = 0; i < conf->mirror_count; i++)
		mirror_exclude(mirrors[i], zone->origin);
}

void
mirrors_on_remove(const struct conf *conf, const struct conf_zone *zone, char *text, size_t size)
{
	static const char *const word[] = {
		[CONF_KEEP] = "kept", [CONF_DISABLE] = "disabled", [CONF_DELETE] = "deleted",
	};
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < conf->mirror_count; i++) {
		const struct conf_mirror *m = &conf->mirrors[i];
		struct mirror *running_one = mirrors_find(m->name);
		struct mirror_zone z;
		const char *before = used > 0 ? ", " : "";

		if (!mirrored(zone, m) || used >= size)
			continue;
		/* Nothing was ever written. */
		if (running_one != NULL && mirror_zone_status(running_one, zone->origin, &z) && z.state == MIRROR_HELD && !z.known)
			used += (size_t)snprintf(text + used, size - used, z.foreign ? "%srows of another owner untouched in %s" :
			    "%snothing of it in %s", before, m->name);
		else
			used += (size_t)snprintf(text + used, size - used, "%srows %s in %s", before, word[m->on_remove], m->name);
	}
}

struct mirror *const *
mirrors_all(size_t *count)
{
	*count = mirror_count;
	return mirrors;
}

const char *
mirrors_name(size_t i)
{
	return running[i].name;
}

struct mirror *
mirrors_find(const char *name)
{
	for (size_t i = 0; i < mirror_count; i++)
		if (strcmp(running[i].name, name) == 0)
			return mirrors[i];
	return NULL;
}

int
mirrors_pause(const char *name, bool pause)
{
	int err = 0, result;

	for (size_t i = 0; i < mirror_count; i++) {
		if (name != NULL && strcmp(running[i].name, name) != 0)
			continue;
		mirror_pause(mirrors[i], pause);
		if ((result = noted_set(NOTED_PAUSED, current_conf(), running[i].name, pause)) < 0)
			err = result;
	}
	return err;
}

void
mirrors_look(void)
{
	for (size_t i = 0; i < mirror_count; i++)
		mirror_look(mirrors[i]);
}

void
mirrors_settled(void)
{
	for (size_t i = 0; i < mirror_count; i++)
		mirror_settled(mirrors[i]);
}
