/* statement.c - the statements of the top level: acl, options, controls, mirror, zone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "daemon/config/clause.h"
#include "daemon/config/match.h"
#include "zonefile/name.h"

static bool
at_name(struct parser *p, const char *what)
{
	if ((p->token->kind == TOKEN_WORD || p->token->kind == TOKEN_STRING) && p->token->len > 0)
		return true;
	refuse(p, "expected the name of the %s", what);
	return false;
}

static const char *
take_name(struct parser *p, const char *what)
{
	const char *name;

	if (!at_name(p, what))
		return NULL;
	name = arena_strdup(p->arena, p->token->text);
	advance(p);
	return name;
}

int
parse_acl(struct parser *p, const struct clause *c, void *field)
{
	static const char *const reserved[] = { "any", "none", "localhost", "localnets" };
	struct spot spot = p->token->spot;
	const char *name = p->token->text;
	struct conf_match_list list;
	struct named *acl;
	int err;

	(void)field;
	if (!at_name(p, c->name))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcasecmp(name, reserved[i]) == 0)
			refuse_at(p, &spot, "'%s' is built in and cannot be an acl's name", name);
	acl = named_define(p, &p->acls, name, c->name);
	advance(p);
	if ((err = match_parse(p, &list)) == 0 && acl != NULL)
		acl->list = list;
	return err;
}

int
parse_options(struct parser *p, const struct clause *c, void *field)
{
	struct block block;
	int err = parse_block(p, &block, IN_OPTIONS, p->conf);

	(void)c;
	(void)field;
	free(block.given.items);
	return err;
}

int
parse_controls(struct parser *p, const struct clause *c, void *field)
{
	struct block block;
	int err = parse_block(p, &block, IN_CONTROLS, p->conf);

	(void)c;
	(void)field;
	/* In BIND it means: no channel.  Here tandemctl has a socket always. */
	if (err == 0 && block.given.count == 0)
		refuse_at(p, &block.opened, "'controls' without 'unix' is not supported: say where the socket is");
	free(block.given.items);
	return err;
}

static void
check_mirror(struct parser *p, const struct block *block, const struct conf_mirror *mirror,
    const struct spot *spot)
{
	const struct given *given = block->given.items;
	const char *missing = NULL;

	if (block_given(block, "type") == NULL) {
		refuse_at(p, spot, "mirror \"%s\" needs a type: mysql or sqlite", mirror->name);
		return;
	}
	for (size_t i = 0; i < block->given.count; i++)
		if (!clause_fits(given[i].clause, mirror))
			refuse_at(p, &given[i].spot, "'%s' does not belong in a mirror of type %s", given[i].clause->name,
			    mirror->type == CONF_MIRROR_MYSQL ? "mysql" : "sqlite");
	if (mirror->type == CONF_MIRROR_SQLITE)
		missing = block_given(block, "file") == NULL ? "file" : NULL;
	else
		missing = block_given(block, "database") == NULL ? "database" :
		    block_given(block, "user") == NULL ? "user" : NULL;
	if (missing != NULL)
		refuse_at(p, spot, "mirror \"%s\" of type %s needs '%s'", mirror->name,
		    mirror->type == CONF_MIRROR_MYSQL ? "mysql" : "sqlite", missing);
	if (mirror->host_count > 0 && mirror->socket != NULL)
		refuse_at(p, &block_given(block, "socket")->spot, "give 'host' or 'socket', not both");
	if (mirror->password != NULL && mirror->password_file != NULL)
		refuse_at(p, &block_given(block, "password")->spot, "give 'password' or 'password-file', not both");
	if (mirror->ca_file != NULL && !mirror->tls_require)
		refuse_at(p, &block_given(block, "ca-file")->spot, "'ca-file' needs 'tls require'");
	if (mirror->pdns_api_count > 0 && mirror->key_file == NULL)
		refuse_at(p, &block_given(block, "pdns-api")->spot, "'pdns-api' needs a key-file");
}

int
parse_mirror(struct parser *p, const struct clause *c, void *field)
{
	struct conf_mirror mirror = conf_mirror_defaults;
	struct spot spot = p->token->spot;
	struct block block;
	char owner[300] = "tandem@";
	unsigned errors = p->sink->errors;
	int err;

	(void)field;
	if ((mirror.name = take_name(p, c->name)) == NULL)
		return -EINVAL;
	if (strcasecmp(mirror.name, "none") == 0)
		refuse_at(p, &spot, "a mirror cannot be named 'none': zones say so to have no mirror");
	gethostname(owner + strlen(owner), sizeof(owner) - strlen(owner) - 1);
	mirror.owner = arena_strdup(p->arena, owner);
	mirror.place_file = spot.file->path;
	mirror.place_line = spot.line;
	if ((err = parse_block(p, &block, IN_MIRROR, &mirror)) == 0) {
		/* With a wrong type in it, what fits the type cannot be told. */
		if (p->sink->errors == errors)
			check_mirror(p, &block, &mirror, &spot);
		*(struct conf_mirror *)vec_add(&p->mirrors, sizeof(mirror)) = mirror;
		*(struct spot *)vec_add(&p->mirror_spots, sizeof(spot)) = spot;
	}
	free(block.given.items);
	return err;
}

static int
take_zone_name(struct parser *p, struct conf_zone *zone)
{
	static const uint8_t root[1] = { 0 };
	char text[DNAME_TEXT_MAX];
	uint8_t wire[DNAME_MAX];
	int len;

	if (p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING)
		return refuse(p, "expected the name of the zone");
	if (strcmp(p->token->text, "@") == 0)
		return refuse(p, "'@' is not the name of a zone");
	if ((len = name_parse(wire, p->token->text, p->token->len, root)) < 0)
		return refuse(p, "'%.60s' is not the name of a zone: %s", p->token->text, name_error_text(len));
	name_lower(zone->origin, wire);
	len = (int)name_print(text, zone->origin);
	if (len > 1)
		text[len - 1] = '\0';
	zone->name = arena_strdup(p->arena, text);
	advance(p);
	return 0;
}

static void
check_zone_block(struct parser *p, const struct block *block, const struct conf_zone *zone, const struct spot *spot)
{
	const struct given *masters = block_given(block, "masters");

	if (masters == NULL)
		masters = block_given(block, "primaries");
	if (block_given(block, "type") == NULL)
		refuse_at(p, spot, "zone \"%s\" needs a type", zone->name);
	else if (zone->type == CONF_MASTER && zone->file == NULL)
		refuse_at(p, spot, "zone \"%s\" needs a file", zone->name);
	else if (zone->type == CONF_MASTER && masters != NULL)
		refuse_at(p, &masters->spot, "'%s' belongs in a slave zone, and \"%s\" is a master", masters->clause->name,
		    zone->name);
	else if (zone->type == CONF_SLAVE && masters == NULL)
		refuse_at(p, spot, "slave zone \"%s\" needs 'masters'", zone->name);
}

/* The zone's rules are its own when it says any; what it does not say is filled in when all is read. */
static void
keep_rules(struct parser *p, const struct block *block, struct zone_draft *draft)
{
	const struct given *given = block->given.items;
	struct conf_rules *rules = NULL;
	struct own_rules *own;

	draft->zone.rules = &p->conf->rules;
	for (size_t i = 0; i < block->given.count; i++) {
		if (!clause_inherits(given[i].clause))
			continue;
		if (rules == NULL) {
			rules = arena_alloc(p->arena, sizeof(*rules));
			*rules = draft->rules;
			draft->zone.rules = rules;
			own = vec_add(&p->own_rules, sizeof(*own));
			own->rules = rules;
		}
		*(const struct clause **)vec_add(&own->given, sizeof(struct clause *)) = given[i].clause;
	}
}

int
parse_zone(struct parser *p, const struct clause *c, void *field)
{
	struct zone_draft draft = { .skipped = false };
	struct spot spot = p->token->spot;
	struct block block;
	unsigned errors = p->sink->errors;
	int err;

	(void)c;
	(void)field;
	if ((err = take_zone_name(p, &draft.zone)) != 0)
		return err;
	if (p->token->kind == TOKEN_WORD && !take_word(p, "IN"))
		return refuse(p, "zones of class '%.60s' are not supported: only IN", p->token->text);
	draft.zone.place_file = spot.file->path;
	draft.zone.place_line = spot.line;
	if ((err = parse_block(p, &block, IN_ZONE, &draft)) == 0 && !draft.skipped) {
		if (p->sink->errors == errors)
			check_zone_block(p, &block, &draft.zone, &spot);
		keep_rules(p, &block, &draft);
		draft.zone.mirrors = vec_keep(&draft.mirrors, p->arena, &draft.zone.mirror_count);
		*(struct conf_zone *)vec_add(&p->zones, sizeof(draft.zone)) = draft.zone;
		*(struct spot *)vec_add(&p->zone_spots, sizeof(spot)) = spot;
	}
	free(draft.mirrors.items);
	free(block.given.items);
	return err;
}
