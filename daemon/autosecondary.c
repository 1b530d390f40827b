#include "daemon/autosecondary.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/added.h"
#include "daemon/config/value.h"
#include "daemon/log.h"
#include "daemon/trusted.h"
#include "daemon/current.h"
#include "daemon/transfer/keep.h"
#include "daemon/transfer/probe.h"
#include "zonefile/arena.h"
#include "zonefile/hash.h"
#include "zonefile/name.h"

#define ROOM 4096			/* candidates at a time */
#define NEIGHBOURS 8			/* places that a name may have */
#define AT_ONCE 16			/* that are being asked about */
#define CLEAN_FIRST 1			/* seconds, after the start and between looks for zones that are refused */
#define CLEAN_MOST 60

/*
 *	WAITING --its turn--> SERIAL --SOA--> NAME_SERVERS --NS--> a zone, or not; gone
 */
struct candidate {
	struct candidate *next;		/* while it waits */
	struct candidate **place;
	enum { WAITING, SERIAL, NAME_SERVERS } state;
	union peer_address from;
	const struct tsig_key *key;	/* a reference, or NULL; that the NOTIFY was signed with */
	struct peer peer;		/* key: a reference */
	struct probe *probe;
	uint8_t name[DNAME_MAX];
	char text[DNAME_TEXT_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct candidate *table[ROOM];	/* under lock, and so is the queue */
static struct candidate *queue, **queue_end = &queue;
static uv_async_t wake;
static uv_timer_t cleaning;
static uv_loop_t *loop;
static unsigned asked;			/* under way */
static bool stopped;

/* May he give us zones at all?  Any thread. */
static bool
is_trusted(const struct conf *conf, const struct sockaddr *from, const struct tsig_key *key)
{
	struct trusted trusted = trusted_open(conf);
	bool found = trusted_find(&trusted, from, key, NULL, 0) != NULL;

	trusted_close(&trusted);
	return found;
}

static struct candidate *
candidate_new(const uint8_t *name, const struct sockaddr *from, const struct tsig_key *key)
{
	struct candidate *c = xcalloc(1, sizeof(*c));

	name_lower(c->name, name);
	name_print_plain(c->text, c->name);
	peer_address_set(&c->from, from);
	c->key = tsig_key_ref(key);
	return c;
}

bool
autosecondary_notified(const struct conf *conf, const uint8_t *name, const struct sockaddr *from,
    const struct tsig_key *key)
{
	struct candidate **place = NULL;
	uint8_t lower[DNAME_MAX];
	size_t at, len;
	bool known = false;

	if (!conf->allow_new_zones || !is_trusted(conf, from, key))
		return false;
	len = name_lower(lower, name);
	at = hash_bytes(0, lower, len) % ROOM;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < NEIGHBOURS && !known; i++) {
		struct candidate **p = &table[(at + i) % ROOM];

		if (*p == NULL)
			place = place == NULL ? p : place;
		else
			known = name_equal((*p)->name, lower) && peer_same_host(&(*p)->from.any, from);
	}
	if (!known && place != NULL) {
		*place = candidate_new(lower, from, key);
		(*place)->place = place;
		*queue_end = *place;
		queue_end = &(*place)->next;
		uv_async_send(&wake);
	}
	pthread_mutex_unlock(&lock);
	return known || place != NULL;
}

static void
forget(struct candidate *c)
{
	pthread_mutex_lock(&lock);
	*c->place = NULL;
	pthread_mutex_unlock(&lock);
	tsig_key_unref(c->key);
	tsig_key_unref(c->peer.key);
	free(c);
}

/* --- what the sender says about the zone --- */

static bool
same_but_case(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcasecmp(a, b) == 0);
}

/* key: what the NOTIFY was signed with, for one that names no key; NULL: nothing. */
static void
print_master(FILE *out, const struct conf_autosecondary *item, const char *key)
{
	union peer_address address;
	char host[INET6_ADDRSTRLEN];

	peer_address_set(&address, &item->address.any);
	inet_ntop(address.any.sa_family, address.any.sa_family == AF_INET ?
	    (const void *)&address.v4.sin_addr : &address.v6.sin6_addr, host, sizeof(host));
	fprintf(out, " %s port %u", host, peer_address_port(&address.any));
	if (item->key_name != NULL)
		key = item->key_name;
	if (key != NULL) {
		fputs(" key ", out);
		print_quoted(out, key);
	}
	fputc(';', out);
}

/* Its masters are whoever has told us, and the others of the same name and account. */
static char *
block_of(const struct trusted *trusted, const struct conf_autosecondary *hit, const char *key, const char *file)
{
	const struct conf_autosecondary *item;
	const char *mirror;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	fputs("{ type slave; by-notify yes; file ", out);
	print_quoted(out, file);
	fputs("; masters {", out);
	print_master(out, hit, key);
	for (size_t i = 0; (item = trusted_at(trusted, i, &mirror)) != NULL; i++)
		if (item != hit && hit->nameserver != NULL && same_but_case(item->nameserver, hit->nameserver) &&
		    same_but_case(item->account, hit->account) &&
		    !peer_same_host(&item->address.any, &hit->address.any))
			print_master(out, item, mirror != NULL ? key : NULL);
	fputs(" }; }", out);
	fclose(out);
	return text;
}

static void
create(struct candidate *c, const struct trusted *trusted, const struct conf_autosecondary *hit)
{
	struct sink sink = { .fn = log_report };
	char path[PATH_MAX], address[PEER_TEXT], key[DNAME_TEXT_MAX];
	char *block;

	if (!added_path(path, c->text, ".zone")) {
		report_zone(&sink, ERROR, c->text, "its name is too long for a file");
		return;
	}
	if (c->key != NULL)
		name_print_plain(key, c->key->name);
	block = block_of(trusted, hit, c->key != NULL ? key : NULL, path);
	if (added_add(c->text, block, &sink))
		log_note("zone %s: created from master %s%s%s%s%s", c->text, peer_print(address, &c->peer.address.any),
		    hit->nameserver != NULL ? ", name server " : "", hit->nameserver != NULL ? hit->nameserver : "",
		    hit->account != NULL ? ", account " : "", hit->account != NULL ? hit->account : "");
	free(block);
}

static void start_waiting(void);

static void
end(struct candidate *c)
{
	asked--;
	forget(c);
	start_waiting();
}

static void
not_created(struct candidate *c, const char *what, const char *why)
{
	struct sink sink = { .fn = log_report };
	char address[PEER_TEXT];

	report_zone(&sink, WARNING, c->text, "not created: %s of %s: %s", what, peer_print(address, &c->peer.address.any), why);
	end(c);
}

/* The configuration may be another one than when the NOTIFY came. */
static void
on_name_servers(void *ctx, const struct probe_outcome *outcome)
{
	struct candidate *c = ctx;
	const struct conf_autosecondary *hit;
	struct trusted trusted;

	c->probe = NULL;
	if (!outcome->ok) {
		not_created(c, "name servers", outcome->why);
		return;
	}
	trusted = trusted_open(current_conf());
	hit = trusted_find(&trusted, &c->from.any, c->key, outcome->names, outcome->names_len);
	if (hit == NULL) {
		not_created(c, "name servers", "none is one that autosecondary has for this master");
	} else {
		if (zones_find(c->text) == NULL)
			create(c, &trusted, hit);
		end(c);
	}
	trusted_close(&trusted);
}

static void
on_serial(void *ctx, const struct probe_outcome *outcome)
{
	struct candidate *c = ctx;

	if (!outcome->ok) {
		c->probe = NULL;
		not_created(c, "SOA", outcome->why);
		return;
	}
	c->state = NAME_SERVERS;
	c->probe = probe_name_servers(loop, &c->peer, c->name, on_name_servers, c);
}

/* It is asked at the port that was given, whatever port it sends from. */
static void
set_peer(struct candidate *c, const struct conf_autosecondary *item)
{
	const struct conf_server *server = conf_server_of(current_conf(), &item->address.any);
	const uint8_t *key = item->key != NULL ? item->key->wire : c->key != NULL ? c->key->name :
	    server != NULL && server->key != NULL ? server->key->wire : NULL;

	peer_address_set(&c->peer.address, &item->address.any);
	c->peer.key = key != NULL ? tsig_key_ref(tsig_find(current_keys(), key)) : NULL;
	c->peer.no_edns = server != NULL && server->edns == CONF_NO;
}

static void
start_asking(struct candidate *c)
{
	struct trusted trusted = trusted_open(current_conf());
	const struct conf_autosecondary *item = trusted_find(&trusted, &c->from.any, c->key, NULL, 0);
	char address[PEER_TEXT];

	if (item != NULL)
		set_peer(c, item);
	trusted_close(&trusted);
	if (item == NULL || zones_find(c->text) != NULL) {
		forget(c);
		return;
	}
	log_note("zone %s: NOTIFY received from %s for a zone that we are not authoritative for", c->text,
	    peer_print(address, &c->from.any));
	c->state = SERIAL;
	c->probe = probe_start(loop, &c->peer, c->name, on_serial, c);
	asked++;
}

static struct candidate *
take_waiting(void)
{
	struct candidate *c;

	pthread_mutex_lock(&lock);
	if ((c = queue) != NULL && (queue = c->next) == NULL)
		queue_end = &queue;
	pthread_mutex_unlock(&lock);
	return c;
}

static void
start_waiting(void)
{
	struct candidate *c;

	while (!stopped && asked < AT_ONCE && (c = take_waiting()) != NULL)
		start_asking(c);
}

static void
on_wake(uv_async_t *async)
{
	(void)async;
	start_waiting();
}

/* --- what nobody gives us any more --- */

struct aside {
	char *name, *file, *kept;	/* the zone's file, and the one that has its last version from now on */
};

static void
free_aside(struct aside *a)
{
	free(a->name);
	free(a->file);
	free(a->kept);
	free(a);
}

static void
on_kept(void *ctx, int err)
{
	struct aside *a = ctx;
	struct sink sink = { .fn = log_report };

	if (err < 0) {
		report_zone(&sink, ERROR, a->name, "%s: %s; what was written last is in %s", a->kept, strerror(-err), a->file);
	} else {
		log_note("zone %s: its last version is kept in %s", a->name, a->kept);
		if (zones_find(a->name) == NULL)	/* else it is back */
			unlink(a->file);
	}
	free_aside(a);
}

static void
remove_zone(struct served *zone, uint32_t seconds)
{
	struct sink sink = { .fn = log_report };
	struct zone *version = slot_zone_ref(zone->slot);
	struct aside *a = xcalloc(1, sizeof(*a));
	char file[PATH_MAX];

	a->name = xstrdup(zone->conf->name);
	a->file = xstrdup(conf_resolve(file, current_conf(), zone->conf->file));
	a->kept = xasprintf("%s.removed", file);
	refresh_unwrite(zone->refresh);
	if (added_remove(zone, false, &sink)) {
		report_zone(&sink, WARNING, a->name, "removed: for %" PRIu32 " s its masters have refused it", seconds);
		if (version != NULL) {
			keep_write(version, a->kept, false, on_kept, a);
			return;
		}
		/* It has expired, if it ever was there. */
		if (rename(a->file, a->kept) == 0 || errno != ENOENT)
			log_note("zone %s: its file is %s", a->name, access(a->file, F_OK) == 0 ? a->file : a->kept);
	}
	zone_unref(version);
	free_aside(a);
}

static void
on_cleaning(uv_timer_t *timer)
{
	uint32_t after = current_conf()->autosecondary_remove_after, wait = after / 4;
	size_t i;

	zones_all(&i);
	while (after > 0 && i-- > 0) {
		size_t count;
		struct served zone = zones_all(&count)[i];
		struct refresh_status status;

		if (!zone.conf->by_notify || zone.refresh == NULL || zone.conf->file == NULL)
			continue;
		refresh_status(zone.refresh, &status);
		if (status.refused_since != 0 && time(NULL) - status.refused_since >= (time_t)after)
			remove_zone(zones_find(zone.conf->name), after);
	}
	wait = after == 0 || wait > CLEAN_MOST ? CLEAN_MOST : wait < CLEAN_FIRST ? CLEAN_FIRST : wait;
	uv_timer_start(timer, on_cleaning, wait * UINT64_C(1000), 0);
}

void
autosecondary_start(uv_loop_t *control_loop)
{
	loop = control_loop;
	uv_async_init(loop, &wake, on_wake);
	uv_timer_init(loop, &cleaning);
	uv_timer_start(&cleaning, on_cleaning, CLEAN_FIRST * 1000, 0);
}

void
autosecondary_stop(void)
{
	stopped = true;
	for (size_t i = 0; i < ROOM; i++)
		if (table[i] != NULL) {
			if (table[i]->probe != NULL)
				probe_cancel(table[i]->probe);
			forget(table[i]);
		}
	uv_close((uv_handle_t *)&wake, NULL);
	uv_close((uv_handle_t *)&cleaning, NULL);
}
