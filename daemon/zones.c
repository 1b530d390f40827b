#include "daemon/zones.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/acl.h"
#include "daemon/log.h"
#include "daemon/mirrors.h"
#include "daemon/noted.h"
#include "daemon/serve/query.h"
#include "daemon/transfer/peer.h"
#include "zonefile/arena.h"
#include "zonefile/name.h"

/* A master that does not answer a connection by then is tried later. */
#define CONNECT_MS 15000

static struct served *served;		/* in canonical order of their origins */
static size_t count;

static bool
is_allowed(const void *list, const struct sockaddr *from, const uint8_t *key)
{
	return acl_allows(list, from, key);
}

/* By NOTIFY a master of the zone, or another that is named, says that there is a new version. */
static bool
may_notify(const void *zone, const struct sockaddr *from, const uint8_t *key)
{
	const struct conf_zone *conf = zone;

	for (size_t i = 0; i < conf->masters->count; i++)
		if (peer_same_host(&conf->masters->remote[i].address.any, from))
			return true;
	return acl_allows(conf->rules->allow_notify, from, key);
}

/* What is said about this peer alone comes before what is said about the zone. */
static void
peer_of(struct peer *peer, const struct conf *conf, const struct conf_remote *remote,
    const union conf_address *source, const union conf_address *source_v6, const struct conf_rules *rules, const struct tsig_keys *keys)
{
	const struct conf_server *server = conf_server_of(conf, &remote->address.any);
	bool ixfr = rules->request_ixfr;

	*peer = (struct peer){ .key = remote->key != NULL ? tsig_find(keys, remote->key->wire) : NULL };
	memcpy(&peer->address, &remote->address, sizeof(peer->address));
	memcpy(&peer->source, remote->address.any.sa_family == AF_INET ? source : source_v6, sizeof(peer->source));
	if (server != NULL && server->request_ixfr != CONF_UNSAID)
		ixfr = server->request_ixfr == CONF_YES;
	peer->no_ixfr = !ixfr;
	peer->no_expire = server != NULL && server->request_expire != CONF_UNSAID ?
	    server->request_expire == CONF_NO : !rules->request_expire;
	peer->transfers = server != NULL ? server->transfers : 0;
	peer->no_edns = server != NULL && server->edns == CONF_NO;
}

static bool
is_word(const struct conf_match_list *list, unsigned kind)
{
	return list->count == 1 && list->match[0].kind == kind && !list->match[0].negate;
}

/* What the zone's readers may ask about; all of it is the configuration's, which stays until no reader can have it. */
struct rights {
	struct query_policy policy;
	const struct conf *conf;
	const struct conf_zone *zone;
};

/* Differences are for those whose server block, or else the zone, says so. */
static bool
is_given_whole(const void *list, const struct sockaddr *client, const uint8_t *key)
{
	const struct rights *rights = list;
	const struct conf_rules *rules = rights->zone->rules;
	const struct conf_server *server = conf_server_of(rights->conf, client);

	(void)key;
	if (rights->zone->type == CONF_MASTER && !(rules->ixfr_from_differences & CONF_IXFR_OF_MASTERS))
		return true;
	if (server != NULL && server->provide_ixfr != CONF_UNSAID)
		return server->provide_ixfr == CONF_NO;
	return !rules->provide_ixfr;
}

static void
set_policy(struct slot *slot, const struct conf *conf, const struct conf_zone *zone)
{
	const struct conf_rules *rules = zone->rules;
	struct rights *rights = xcalloc(1, sizeof(*rights));
	struct query_policy *policy = &rights->policy;

	rights->conf = conf;
	rights->zone = zone;

	if (!is_word(rules->allow_query, MATCH_ANY))
		policy->ask = (struct query_right){ is_allowed, rules->allow_query };
	if (!is_word(rules->allow_transfer, MATCH_NONE))
		policy->transfer = (struct query_right){ is_allowed, rules->allow_transfer };
	if (zone->type == CONF_SLAVE)
		policy->notify = (struct query_right){ may_notify, zone };
	policy->whole_only = (struct query_right){ is_given_whole, rights };
	policy->transfer_port = rules->allow_transfer->port;
	policy->max_ms = rules->max_time_out * 1000;
	policy->idle_ms = rules->max_idle_out * 1000;
	policy->max_ixfr_ratio = rules->max_ixfr_ratio == CONF_UNLIMITED ? 0 : (unsigned)rules->max_ixfr_ratio;
	slot_set_policy(slot, rights, free);
	slot_set_room(slot, rules->max_journal_size);
}

int
zones_order(const void *a, const void *b)
{
	const struct conf_zone *const *x = a, *const *y = b;

	return name_cmp((*x)->origin, (*y)->origin);
}

static void
stop_zone(struct served *zone)
{
	if (zone->file != NULL)
		zone_file_free(zone->file);
	if (zone->refresh != NULL)
		refresh_free(zone->refresh);
	zone->file = NULL;
	zone->refresh = NULL;
}

static void
stop_announce(struct served *zone)
{
	announce_free(zone->announce);
	zone->announce = NULL;
}

static void
drop_zone(struct served *zone, const struct conf *conf, load_done_fn *removed, void *ctx)
{
	char rows[256];
	struct load_outcome o = { .zone = slot_name(zone->slot), .result = LOAD_REMOVED, .text = rows };
	struct zone *version = slot_zone_ref(zone->slot);
	int err;

	if (version != NULL) {
		o.was_served = true;
		o.old_serial = zone_serial(version);
		o.removed = zone_records(version);
		zone_unref(version);
	}
	mirrors_on_remove(conf, zone->conf, rows, sizeof(rows));
	mirrors_drop_zone(conf, zone->conf);
	log_note("zone %s: no longer in the configuration%s%s", o.zone, rows[0] != '\0' ? "; " : "", rows);
	if (removed != NULL)
		removed(ctx, &o);
	stop_zone(zone);
	stop_announce(zone);
	signatures_free(zone->signatures);
	slot_remove(zone->slot);
	if (zone->frozen && (err = noted_set(NOTED_FROZEN, conf, zone->conf->name, false)) < 0)
		log_warning("zone %s: is still among those that are frozen: %s", o.zone, strerror(-err));
}

/* A zone that the operator has frozen is so again after a restart. */
static struct served
served_new(const struct conf_zone *want)
{
	return (struct served){ .slot = slot_add(want->origin),
	    .frozen = want->type == CONF_MASTER && noted_is(NOTED_FROZEN, want->name) };
}

static void
set_file(struct served *zone, const struct conf *conf, const struct conf_zone *want)
{
	struct checks checks = conf_checks(want);
	char path[PATH_MAX];

	conf_resolve(path, conf, want->file);
	if (zone->file == NULL || strcmp(zone_file_path(zone->file), path) != 0) {
		stop_zone(zone);
		zone->file = zone_file_new(zone->slot, path);
	}
	zone_file_checks(zone->file, &checks);
}

static void
set_refresh(struct served *zone, const struct conf *conf, const struct conf_zone *want,
    const struct tsig_keys *keys)
{
	const struct conf_rules *rules = want->rules;
	struct peer *masters = xcalloc(want->masters->count, sizeof(*masters));
	char path[PATH_MAX];
	struct refresh_conf c = {
		.master = masters, .masters = want->masters->count,
		.file = want->file != NULL ? conf_resolve(path, conf, want->file) : NULL,
		.full_style = rules->full_style,
		.min_refresh = rules->min_refresh, .max_refresh = rules->max_refresh,
		.min_retry = rules->min_retry, .max_retry = rules->max_retry,
		.cycle = rules->slave_cycle_interval, .multi_master = rules->multi_master,
		.limits = {
			.connect_ms = CONNECT_MS,
			.idle_ms = rules->max_idle_in * 1000, .total_ms = rules->max_time_in * 1000,
			.rate_octets = rules->min_rate_in.octets, .rate_ms = rules->min_rate_in.seconds * 1000,
			.max_octets = rules->max_size_in, .max_records = rules->max_records, .max_diffs = rules->request_ixfr_max_diffs,
			.checks = conf_checks(want), .report = log_report,
		},
	};

	for (size_t i = 0; i < want->masters->count; i++)
		peer_of(&masters[i], conf, &want->masters->remote[i], &rules->transfer_source,
		    &rules->transfer_source_v6, rules, keys);
	if (zone->refresh != NULL) {
		refresh_change(zone->refresh, &c);
	} else {
		stop_zone(zone);
		zone->refresh = refresh_new(zone->slot, &c);
	}
	free(masters);
}

/* NOTIFY goes to whom also-notify names and, unless explicit, to the zone's own name servers. */
static void
set_announce(struct served *zone, const struct conf *conf, const struct conf_zone *want, const struct tsig_keys *keys)
{
	const struct conf_rules *rules = want->rules;
	bool wanted = rules->notify != CONF_NOTIFY_NO &&
	    (rules->notify != CONF_NOTIFY_PRIMARY_ONLY || want->type == CONF_MASTER);
	size_t master_count = want->type == CONF_SLAVE ? want->masters->count : 0;
	struct peer *also = xcalloc(rules->also_notify->count, sizeof(*also));
	struct peer *masters = xcalloc(master_count, sizeof(*masters));
	struct announce_conf c = {
		.masters = masters, .master_count = master_count,
		.also = also, .also_count = rules->also_notify->count,
		.name_servers = rules->notify != CONF_NOTIFY_EXPLICIT,
		.primary_too = rules->notify_to_soa, .delay = rules->notify_delay,
	};

	for (size_t i = 0; i < rules->also_notify->count; i++)
		peer_of(&also[i], conf, &rules->also_notify->remote[i], &rules->notify_source,
		    &rules->notify_source_v6, rules, keys);
	for (size_t i = 0; i < master_count; i++)
		memcpy(&masters[i].address, &want->masters->remote[i].address, sizeof(masters[i].address));
	memcpy(&c.like.source, &rules->notify_source, sizeof(c.like.source));
	memcpy(&c.source_v6, &rules->notify_source_v6, sizeof(c.source_v6));
	if (!wanted) {
		announce_free(zone->announce);
		zone->announce = NULL;
	} else if (zone->announce != NULL) {
		announce_change(zone->announce, &c);
	} else {
		zone->announce = announce_new(zone->slot, &c);
	}
	free(also);
	free(masters);
}

static void
set_zone(struct served *zone, const struct conf *conf, const struct conf_zone *want, const struct tsig_keys *keys)
{
	set_announce(zone, conf, want, keys);
	if (want->type == CONF_MASTER)
		set_file(zone, conf, want);
	else
		set_refresh(zone, conf, want, keys);
	zone->conf = want;
	set_policy(zone->slot, conf, want);
}

/* Walk the old and the new zones side by side. */
void
zones_apply(const struct conf *conf, const struct tsig_keys *keys, load_done_fn *removed, void *ctx)
{
	const struct conf_zone **want = xcalloc(conf->zone_count, sizeof(*want));
	struct served *zones = xcalloc(conf->zone_count, sizeof(*zones));
	size_t i = 0, k = 0;

	for (size_t n = 0; n < conf->zone_count; n++)
		want[n] = &conf->zones[n];
	qsort(want, conf->zone_count, sizeof(*want), zones_order);
	while (i < count || k < conf->zone_count) {
		int d = i == count ? 1 : k == conf->zone_count ? -1 :
		    name_cmp(slot_origin(served[i].slot), want[k]->origin);

		if (d < 0) {
			drop_zone(&served[i++], conf, removed, ctx);
			continue;
		}
		if (d > 0)
			zones[k] = served_new(want[k]);
		else
			zones[k] = served[i++];
		set_zone(&zones[k], conf, want[k], keys);
		mirrors_set_zone(conf, want[k], zones[k].slot);
		k++;
	}
	mirrors_settled();
	slot_apply();
	free(want);
	free(served);
	served = zones;
	count = conf->zone_count;
}

size_t
zones_after(const uint8_t *origin)
{
	size_t at = 0, end = count;

	while (at < end) {
		size_t middle = (at + end) / 2;

		if (name_cmp(slot_origin(served[middle].slot), origin) <= 0)
			at = middle + 1;
		else
			end = middle;
	}
	return at;
}

void
zones_add(const struct conf *conf, const struct conf_zone *want, const struct tsig_keys *keys)
{
	size_t at = zones_after(want->origin);
	struct served fresh = served_new(want);

	served = xrealloc(served, (count + 1) * sizeof(*served));
	memmove(&served[at + 1], &served[at], (count - at) * sizeof(*served));
	served[at] = fresh;
	count++;
	set_zone(&served[at], conf, want, keys);
	mirrors_set_zone(conf, want, fresh.slot);
	slot_apply();
}

void
zones_change(struct served *zone, const struct conf *conf, const struct conf_zone *want, const struct tsig_keys *keys)
{
	set_zone(zone, conf, want, keys);
	mirrors_set_zone(conf, want, zone->slot);
	slot_apply();
}

void
zones_remove(struct served *zone, const struct conf *conf)
{
	size_t at = (size_t)(zone - served);

	drop_zone(zone, conf, NULL, NULL);
	memmove(zone, zone + 1, (count - at - 1) * sizeof(*zone));
	count--;
	slot_apply();
}

void
zones_stop(void)
{
	for (size_t i = 0; i < count; i++) {
		stop_zone(&served[i]);
		stop_announce(&served[i]);
		signatures_free(served[i].signatures);
		slot_remove(served[i].slot);
	}
	slot_apply();
	free(served);
}

const struct served *
zones_all(size_t *out)
{
	*out = count;
	return served;
}

static int
find_order(const void *key, const void *entry)
{
	return name_cmp(key, slot_origin(((const struct served *)entry)->slot));
}

struct served *
zones_find(const char *name)
{
	static const uint8_t root[1];
	uint8_t wire[DNAME_MAX];

	if (name_parse(wire, name, strlen(name), root) < 0)
		return NULL;
	return bsearch(wire, served, count, sizeof(served[0]), find_order);
}

struct served *
zones_of(const struct slot *slot)
{
	struct served *zone = slot_removed(slot) || count == 0 ? NULL :
	    bsearch(slot_origin(slot), served, count, sizeof(served[0]), find_order);

	return zone != NULL && zone->slot == slot ? zone : NULL;
}
