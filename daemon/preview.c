#include "daemon/preview.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/current.h"
#include "daemon/mirrors.h"
#include "daemon/setup.h"
#include "zonefile/arena.h"
#include "zonefile/delta.h"
#include "zonefile/master.h"
#include "zonefile/serial.h"

struct item {
	const struct conf_zone *zone;
	char *path;
	struct zone *current;		/* NULL: none */
	struct load_outcome outcome;
	char text[512];
	struct findings found;
};

struct preview {
	struct reload tell;
	struct conf *conf;		/* its zones are the items'; NULL: of the one in force */
	struct item *item;
	size_t count;
	enum reload_conf result;
	bool failed;
	uv_work_t work;
};

/* --- one file, in the pool --- */

static void
compare(struct item *item, const struct zone *zone)
{
	struct load_outcome *o = &item->outcome;
	struct delta *delta;

	o->new_serial = zone_serial(zone);
	o->records = zone_records(zone);
	if (item->current == NULL) {
		o->result = LOAD_DONE;
		o->added = o->records;
		return;
	}
	delta = delta_between(item->current, zone);
	o->result = delta_empty(delta) ? LOAD_SAME : LOAD_DONE;
	o->removed = delta_removed(delta);
	o->added = delta_added(delta);
	if (o->result == LOAD_DONE && !serial_newer(o->new_serial, o->old_serial))
		snprintf(item->text, sizeof(item->text), "slaves would not see it: serial %u is not newer", o->new_serial);
	delta_free(delta);
}

static void
try_file(struct item *item)
{
	struct sink sink = { .fn = findings_note, .ctx = &item->found };
	struct checks checks = conf_checks(item->zone);
	struct zone *zone = master_load(item->path, item->zone->origin, &checks, &sink, NULL);

	findings_count(&item->found, &sink);
	item->outcome.served = item->current != NULL || zone != NULL;
	if (zone == NULL) {
		item->outcome.result = LOAD_FAILED;
		item->outcome.new_serial = item->outcome.old_serial;
		findings_first(&item->found, item->text, sizeof(item->text));
	} else {
		compare(item, zone);
	}
	zone_unref(zone);
}

static void
work(uv_work_t *request)
{
	struct preview *p = request->data;

	for (size_t i = 0; i < p->count; i++)
		try_file(&p->item[i]);
}

/* --- the whole --- */

static void
on_done(uv_work_t *request, int status)
{
	struct preview *p = request->data;

	(void)status;
	for (size_t i = 0; i < p->count; i++) {
		struct item *item = &p->item[i];

		item->outcome.zone = item->zone->name;
		item->outcome.text = item->text;
		item->outcome.found = &item->found;
		p->failed |= item->outcome.result == LOAD_FAILED;
		p->tell.zone(p->tell.ctx, &item->outcome);
		zone_unref(item->current);
		free(item->path);
		findings_clear(&item->found);
	}
	p->tell.end(p->tell.ctx, !p->failed, p->result);
	free(p->item);
	conf_free(p->conf);
	free(p);
}

static void
add_item(struct preview *p, const struct conf *conf, const struct conf_zone *zone, const struct served *served)
{
	char path[PATH_MAX];
	struct item *item = &p->item[p->count++];

	item->zone = zone;
	item->path = xstrdup(conf_resolve(path, conf, zone->file));
	item->current = served != NULL ? slot_zone_ref(served->slot) : NULL;
	if (item->current == NULL)
		return;
	item->outcome.was_served = true;
	item->outcome.old_serial = zone_serial(item->current);
}

/* Would its file be read? */
static bool
would_load(const struct conf *conf, const struct conf_zone *zone, const struct served *served)
{
	char path[PATH_MAX];

	if (zone->type != CONF_MASTER)
		return false;
	if (served == NULL || served->file == NULL)
		return true;
	return !served->frozen && (zone_file_changed(served->file) ||
	    strcmp(conf_resolve(path, conf, zone->file), zone_file_path(served->file)) != 0);
}

static void
tell_new_slave(struct preview *p, const struct conf_zone *zone)
{
	struct load_outcome o = { .zone = zone->name, .result = LOAD_DONE, .text = "a new slave" };

	p->tell.zone(p->tell.ctx, &o);
}

/* Those that are served and not among the sorted ones. */
static void
tell_removed(struct preview *p, const struct conf_zone *const *sorted, size_t count)
{
	const struct served *served;
	size_t zones;

	served = zones_all(&zones);
	for (size_t i = 0; i < zones; i++) {
		const struct conf_zone *zone = served[i].conf;
		char rows[256];
		struct load_outcome o = { .zone = zone->name, .result = LOAD_REMOVED, .text = rows };
		struct zone *version;

		if (bsearch(&zone, sorted, count, sizeof(*sorted), zones_order) != NULL)
			continue;
		if ((version = slot_zone_ref(served[i].slot)) != NULL) {
			o.was_served = true;
			o.old_serial = zone_serial(version);
			o.removed = zone_records(version);
			zone_unref(version);
		}
		mirrors_on_remove(p->conf, zone, rows, sizeof(rows));
		p->tell.zone(p->tell.ctx, &o);
	}
}

static void
look_at_all(struct preview *p)
{
	const struct conf *conf = p->conf;
	const struct conf_zone **sorted = xcalloc(conf->zone_count + 1, sizeof(*sorted));

	p->item = xcalloc(conf->zone_count + 1, sizeof(*p->item));
	for (size_t i = 0; i < conf->zone_count; i++) {
		const struct conf_zone *zone = &conf->zones[i];
		const struct served *served = zones_find(zone->name);

		sorted[i] = zone;
		if (would_load(conf, zone, served))
			add_item(p, conf, zone, served);
		else if (served == NULL)
			tell_new_slave(p, zone);
	}
	qsort(sorted, conf->zone_count, sizeof(*sorted), zones_order);
	tell_removed(p, sorted, conf->zone_count);
	free(sorted);
}

void
preview_reload(const struct served *only, const struct reload *tell)
{
	struct preview *p = xcalloc(1, sizeof(*p));
	struct sink sink = { .fn = tell->said, .ctx = tell->ctx };

	p->tell = *tell;
	p->work.data = p;
	if (only != NULL) {
		p->item = xcalloc(1, sizeof(*p->item));
		add_item(p, current_conf(), only->conf, only);
	} else if ((p->conf = conf_read(current_conf()->path, &sink)) != NULL) {
		look_at_all(p);
	} else {
		p->result = RELOAD_REFUSED;
		p->failed = true;
	}
	uv_queue_work(setup_loop(), &p->work, work, on_done);
}
