#include "daemon/config/whole.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/acl.h"
#include "daemon/config/clause.h"
#include "daemon/config/remote.h"
#include "zonefile/nearest.h"

static void
check_defined(struct parser *p, const struct vec *vec, const char *what)
{
	struct named *const *items = vec->items;
	struct nearest guess;

	for (size_t i = 0; i < vec->count; i++) {
		if (items[i]->defined.file != NULL)
			continue;
		nearest_start(&guess, items[i]->name, strlen(items[i]->name));
		for (size_t j = 0; j < vec->count; j++)
			if (items[j]->defined.file != NULL)
				nearest_offer(&guess, items[j]->name);
		refuse_at(p, &items[i]->used, "%s '%s' is not defined%s%s%s", what, items[i]->name,
		    guess.best != NULL ? "; did you mean '" : "", guess.best != NULL ? guess.best : "",
		    guess.best != NULL ? "'?" : "");
	}
}

/* Does the list lead back to an acl that is being visited?  A list of MATCH_LIST points at
 * the start of its struct named when it is an acl's. */
static bool
leads_round(struct parser *p, const struct conf_match_list *list)
{
	struct named *const *acls = p->acls.items;
	struct named *acl = NULL;
	bool round = false;

	for (size_t i = 0; i < p->acls.count && acl == NULL; i++)
		if (&acls[i]->list == list)
			acl = acls[i];
	if (acl != NULL && acl->visited != 0)
		return acl->visited == 1;
	if (acl != NULL)
		acl->visited = 1;
	for (size_t i = 0; i < list->count && !round; i++)
		if (list->match[i].kind == MATCH_LIST)
			round = leads_round(p, list->match[i].list);
	if (acl != NULL)
		acl->visited = 2;
	return round;
}

static void
check_acls(struct parser *p)
{
	struct named *const *acls = p->acls.items;

	check_defined(p, &p->acls, "acl");
	for (size_t i = 0; i < p->acls.count; i++)
		if (acls[i]->visited == 0 && leads_round(p, &acls[i]->list))
			refuse_at(p, &acls[i]->defined, "acl '%s' contains itself", acls[i]->name);
}

/* Sockets are opened on addresses, so an acl must come down to some. */
static int
add_addresses(struct parser *p, const struct spot *spot, struct vec *out,
    const struct conf_match_list *list, bool v6)
{
	int err = 0;

	for (size_t i = 0; i < list->count && err == 0; i++) {
		const struct conf_match *match = &list->match[i];

		if (match->negate)
			err = refuse_at(p, spot, "'!' is not supported here; name the addresses to listen on");
		else if (match->kind == MATCH_LIST)
			err = add_addresses(p, spot, out, match->list, v6);
		else if (match->kind != MATCH_PREFIX && match->kind != MATCH_ANY && match->kind != MATCH_NONE)
			err = refuse_at(p, spot, "listening takes addresses, any or none");
		else if (match->kind == MATCH_PREFIX && match->family != (v6 ? AF_INET6 : AF_INET))
			err = refuse_at(p, spot, "an IPv%c address belongs in 'listen-on%s'", v6 ? '4' : '6',
			    v6 ? "" : "-v6");
		else if (match->kind == MATCH_PREFIX && match->bits != (v6 ? 128 : 32))
			err = refuse_at(p, spot, "listening takes whole addresses, not prefixes");
		else
			*(struct conf_match *)vec_add(out, sizeof(*match)) = *match;
	}
	return err;
}

/* A family that is not named is listened on everywhere, as BIND does it; but who names addresses of
 * the other means these, and may have no right to any more. */
static const struct conf_match_list *
listens_unsaid(const struct conf_listen *listens, size_t count)
{
	static const struct conf_match any[] = { { .kind = MATCH_ANY } }, none[] = { { .kind = MATCH_NONE } };
	static const struct conf_match_list everywhere = { any, 1, NULL, 0 }, nowhere = { none, 1, NULL, 0 };

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < listens[i].addresses->count; j++)
			if (listens[i].addresses->match[j].kind == MATCH_PREFIX)
				return &nowhere;
	return &everywhere;
}

static void
finish_listens(struct parser *p)
{
	const struct spot *spots = p->listen_spots.items;
	struct conf_listen *listens = p->listens.items;
	const struct conf_match_list *unsaid;
	size_t given = p->listens.count;
	bool have[2] = { false, false };

	for (size_t i = 0; i < given; i++) {
		struct conf_match_list *list = memset(arena_alloc(p->arena, sizeof(*list)), 0, sizeof(*list));
		struct vec addresses = { 0 };

		add_addresses(p, &spots[i], &addresses, listens[i].addresses, listens[i].v6);
		list->match = vec_keep(&addresses, p->arena, &list->count);
		listens[i].addresses = list;
		have[listens[i].v6] = true;
	}
	unsaid = listens_unsaid(listens, given);
	for (int v6 = 0; v6 < 2; v6++)
		if (!have[v6])
			*(struct conf_listen *)vec_add(&p->listens, sizeof(*listens)) =
			    (struct conf_listen){ .addresses = unsaid, .v6 = v6 };
	listens = p->listens.items;
	for (size_t i = 0; i < p->listens.count; i++)
		if (listens[i].port == 0)
			listens[i].port = p->conf->port;
}

struct zone_at {
	const struct conf_zone *zone;
	const struct spot *spot;
	size_t index;
};

static int
by_name(const void *a, const void *b)
{
	const struct zone_at *x = a, *y = b;
	int order = strcmp(x->zone->name, y->zone->name);

	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static int
by_file(const void *a, const void *b)
{
	const struct zone_at *x = a, *y = b;
	int order = strcmp(x->zone->file, y->zone->file);

	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static void
check_zones(struct parser *p)
{
	const struct conf_zone *zones = p->zones.items;
	const struct spot *spots = p->zone_spots.items;
	struct zone_at *at = xcalloc(p->zones.count + 1, sizeof(*at));
	size_t count = 0;

	for (size_t i = 0; i < p->zones.count; i++)
		at[i] = (struct zone_at){ &zones[i], &spots[i], i };
	qsort(at, p->zones.count, sizeof(*at), by_name);
	for (size_t i = 1; i < p->zones.count; i++)
		if (strcmp(at[i - 1].zone->name, at[i].zone->name) == 0)
			refuse_at(p, at[i].spot, "zone \"%s\" is there twice, first in %s line %u", at[i].zone->name,
			    at[i - 1].spot->file->path, at[i - 1].spot->line);
	for (size_t i = 0; i < p->zones.count; i++)
		if (zones[i].file != NULL)
			at[count++] = (struct zone_at){ &zones[i], &spots[i], i };
	qsort(at, count, sizeof(*at), by_file);
	for (size_t i = 1; i < count; i++)
		if (strcmp(at[i - 1].zone->file, at[i].zone->file) != 0 ||
		    strcmp(at[i - 1].zone->name, at[i].zone->name) == 0)
			continue;
		else if (at[i - 1].zone->type == CONF_SLAVE || at[i].zone->type == CONF_SLAVE)
			refuse_at(p, at[i].spot, "zone \"%s\" shares its file with zone \"%s\", and a slave's file is written",
			    at[i].zone->name, at[i - 1].zone->name);
		else
			warn_at(p, at[i].spot, "zone \"%s\" shares its file with zone \"%s\"", at[i].zone->name,
			    at[i - 1].zone->name);
	free(at);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Two names of one server are not seen through; the mirror itself finds that out. */
static bool
same_server(const struct conf_mirror *a, const struct conf_mirror *b)
{
	unsigned port = a->port != 0 ? a->port : 3306;

	if (a->host_count == 0 || b->host_count == 0)
		return a->host_count == b->host_count && same_text(a->socket, b->socket);
	if (port != (b->port != 0 ? b->port : 3306))
		return false;
	for (size_t i = 0; i < a->host_count; i++)
		for (size_t j = 0; j < b->host_count; j++)
			if (strcasecmp(a->hosts[i], b->hosts[j]) == 0)
				return true;
	return false;
}

static bool
same_database(const struct conf_mirror *a, const struct conf_mirror *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == CONF_MIRROR_SQLITE)
		return same_text(a->file, b->file);
	return same_server(a, b) && same_text(a->database, b->database);
}

/* One owner of a database writes at a time: the second of them would wait for ever. */
static void
check_owners(struct parser *p)
{
	const struct conf_mirror *mirrors = p->mirrors.items;
	const struct spot *spots = p->mirror_spots.items;

	for (size_t i = 0; i < p->mirrors.count; i++)
		for (size_t j = 0; j < i; j++)
			if (same_database(&mirrors[i], &mirrors[j]) && same_text(mirrors[i].owner, mirrors[j].owner) &&
			    strcmp(mirrors[i].name, mirrors[j].name) != 0)
				refuse_at(p, &spots[i], "mirror \"%s\" has the database and the owner \"%s\" of mirror \"%s\", %s line %u: "
				    "only one of them would ever write; give it an owner of its own", mirrors[i].name,
				    mirrors[i].owner, mirrors[j].name, spots[j].file->path, spots[j].line);
}

static void
check_mirrors(struct parser *p)
{
	const struct conf_mirror *mirrors = p->mirrors.items;
	const struct spot *spots = p->mirror_spots.items;

	for (size_t i = 0; i < p->mirrors.count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(mirrors[i].name, mirrors[j].name) == 0) {
				refuse_at(p, &spots[i], "mirror \"%s\" is there twice, first in %s line %u", mirrors[i].name,
				    spots[j].file->path, spots[j].line);
				break;
			}
}

static void
check_mirror_uses(struct parser *p, const struct conf_mirror *mirrors, size_t count)
{
	const struct mirror_use *uses = p->mirror_uses.items;

	for (size_t i = 0; i < p->mirror_uses.count; i++) {
		struct nearest guess;
		bool there = false;

		nearest_start(&guess, uses[i].name, strlen(uses[i].name));
		for (size_t j = 0; j < count && !there; j++) {
			there = strcmp(mirrors[j].name, uses[i].name) == 0;
			nearest_offer(&guess, mirrors[j].name);
		}
		if (!there)
			refuse_at(p, &uses[i].spot, "mirror '%s' is not defined%s%s%s", uses[i].name,
			    guess.best != NULL ? "; did you mean '" : "", guess.best != NULL ? guess.best : "",
			    guess.best != NULL ? "'?" : "");
	}
}

static void
check_masters(struct parser *p)
{
	const struct conf_zone *zones = p->zones.items;
	const struct spot *spots = p->zone_spots.items;

	for (size_t i = 0; i < p->zones.count; i++)
		if (zones[i].masters != NULL && zones[i].masters->count == 0)
			refuse_at(p, &spots[i], "zone \"%s\" has no masters that are not bogus", zones[i].name);
}

/* The port of a transfer is one that is listened on. */
static void
check_transfer_ports(struct parser *p, const struct conf_listen *listens, size_t count)
{
	const struct port_use *uses = p->transfer_ports.items;

	for (size_t i = 0; i < p->transfer_ports.count; i++) {
		bool there = false;

		for (size_t k = 0; k < count; k++)
			there |= listens[k].port == uses[i].port;
		if (!there)
			refuse_at(p, &uses[i].spot, "nobody could transfer on port %u: no listen-on has it", uses[i].port);
	}
}

static void
compile(const struct conf_match_list **list, const struct acl_local *local, struct arena *arena)
{
	if (*list != NULL)
		*list = acl_compile(*list, local, arena);
}

static void
compile_rules(struct conf_rules *rules, const struct acl_local *local, struct arena *arena)
{
	compile(&rules->allow_query, local, arena);
	compile(&rules->allow_transfer, local, arena);
	compile(&rules->allow_notify, local, arena);
}

/* What a zone with rules of its own does not say is as in options. */
static void
inherit(struct parser *p, const struct own_rules *own)
{
	const struct clause *const *given = own->given.items, *c;

	for (size_t at = 0; (c = clause_next(IN_ZONE, &at)) != NULL;) {
		bool said = false;

		for (size_t i = 0; i < own->given.count && !said; i++)
			said = given[i] == c;
		if (clause_inherits(c) && !said)
			memcpy((char *)own->rules + c->field, (char *)&p->conf->rules + c->field, c->size);
	}
}

static void
check_channels(struct parser *p)
{
	const struct conf_channel *channels = p->channels.items;
	const struct spot *spots = p->channel_spots.items;

	for (size_t i = 0; i < p->channels.count; i++)
		for (size_t j = 0; j < i; j++)
			if (conf_same_address(&channels[i].address, &channels[j].address)) {
				refuse_at(p, &spots[i], "this address and port is there twice, first in %s line %u",
				    spots[j].file->path, spots[j].line);
				break;
			}
}

static void
finish_rules(struct parser *p, bool options)
{
	struct own_rules *own = p->own_rules.items;
	struct conf_channel *channels = p->channels.items;
	struct acl_local local;

	acl_local_read(&local);
	if (options)
		compile_rules(&p->conf->rules, &local, p->arena);
	for (size_t i = 0; i < p->channels.count; i++)
		compile(&channels[i].allow, &local, p->arena);
	for (size_t i = 0; i < p->own_rules.count; i++) {
		compile_rules(own[i].rules, &local, p->arena);
		inherit(p, &own[i]);
	}
	acl_local_free(&local);
}

void
whole_finish(struct parser *p)
{
	struct conf *conf = p->conf;
	unsigned errors = p->sink->errors;

	conf->keys = vec_keep(&p->keys, p->arena, &conf->key_count);
	remotes_keys(p);
	conf->servers = vec_keep(&p->servers, p->arena, &conf->server_count);
	conf->autosecondaries = vec_keep(&p->autosecondaries, p->arena, &conf->autosecondary_count);
	check_acls(p);
	check_defined(p, &p->key_names, "key");
	check_defined(p, &p->masters, "list of masters");
	remotes_finish(p);
	check_zones(p);
	check_mirrors(p);
	check_owners(p);
	check_channels(p);
	check_mirror_uses(p, p->mirrors.items, p->mirrors.count);
	/* An acl in a circle has no end. */
	if (p->sink->errors == errors) {
		check_masters(p);
		finish_listens(p);
		check_transfer_ports(p, p->listens.items, p->listens.count);
		finish_rules(p, true);
	}
	conf->listens = vec_keep(&p->listens, p->arena, &conf->listen_count);
	conf->channels = vec_keep(&p->channels, p->arena, &conf->channel_count);
	conf->zones = vec_keep(&p->zones, p->arena, &conf->zone_count);
	conf->mirrors = vec_keep(&p->mirrors, p->arena, &conf->mirror_count);
}

void
whole_finish_zone(struct parser *p)
{
	unsigned errors = p->sink->errors;

	check_defined(p, &p->acls, "acl");
	check_defined(p, &p->key_names, "key");
	check_defined(p, &p->masters, "list of masters");
	remotes_finish(p);
	check_mirror_uses(p, p->conf->mirrors, p->conf->mirror_count);
	if (p->sink->errors == errors) {
		check_masters(p);
		check_transfer_ports(p, p->conf->listens, p->conf->listen_count);
		finish_rules(p, false);
	}
	p->conf->zones = vec_keep(&p->zones, p->arena, &p->conf->zone_count);
}

void
whole_free(struct parser *p)
{
	struct own_rules *own = p->own_rules.items;

	for (size_t i = 0; i < p->own_rules.count; i++)
		free(own[i].given.items);
	free(own);
	free(p->remotes.items);
	free(p->listen_spots.items);
	free(p->channel_spots.items);
	free(p->zone_spots.items);
	free(p->mirror_spots.items);
	free(p->acls.items);
	free(p->key_names.items);
	free(p->masters.items);
	free(p->mirror_uses.items);
	free(p->transfer_ports.items);
}
