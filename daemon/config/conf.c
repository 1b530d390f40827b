#include "daemon/config/conf.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "daemon/config/acl.h"
#include "daemon/config/clause.h"
#include "daemon/config/match.h"
#include "daemon/config/value.h"
#include "zonefile/name.h"
#include "zonefile/nearest.h"

#define INCLUDE_MAX 50			/* files open at once */

struct owned {
	struct conf conf;		/* first: it is what callers have */
	struct arena *arena;
};

void *
vec_add(struct vec *vec, size_t size)
{
	vec->size = size;
	if (vec->count == vec->room) {
		vec->room = vec->room * 2 + 4;
		vec->items = xrealloc(vec->items, vec->room * size);
	}
	return memset((char *)vec->items + vec->count++ * size, 0, size);
}

void *
vec_keep(struct vec *vec, struct arena *arena, size_t *count)
{
	void *items = NULL;

	if (vec->count > 0) {
		items = arena_alloc(arena, vec->count * vec->size);
		memcpy(items, vec->items, vec->count * vec->size);
	}
	*count = vec->count;
	free(vec->items);
	*vec = (struct vec){ 0 };
	return items;
}

/* Tokens. */

void
advance(struct parser *p)
{
	if (p->token->kind == TOKEN_OPEN)
		p->depth++;
	else if (p->token->kind == TOKEN_CLOSE)
		p->depth--;
	p->last_end = p->token->end;
	lex_next(p->lex);
}

bool
at_word(const struct parser *p, const char *word)
{
	return p->token->kind == TOKEN_WORD && strcasecmp(p->token->text, word) == 0;
}

bool
take_word(struct parser *p, const char *word)
{
	bool there = at_word(p, word);

	if (there)
		advance(p);
	return there;
}

static void
report(struct parser *p, enum severity severity, const struct spot *spot, const char *fmt, va_list args)
{
	struct place place = spot_place(spot);
	char text[512];

	vsnprintf(text, sizeof(text), fmt, args);
	report_at(p->sink, severity, &place, "%s", text);
}

int
refuse(struct parser *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(p, ERROR, &p->token->spot, fmt, args);
	va_end(args);
	return -EINVAL;
}

int
refuse_at(struct parser *p, const struct spot *spot, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(p, ERROR, spot, fmt, args);
	va_end(args);
	return -EINVAL;
}

void
warn_at(struct parser *p, const struct spot *spot, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(p, WARNING, spot, fmt, args);
	va_end(args);
}

/* A missing mark belongs behind the token before it, which may be lines above. */
int
expect(struct parser *p, enum token_kind kind)
{
	static const char *const mark[] = { [TOKEN_OPEN] = "{", [TOKEN_CLOSE] = "}", [TOKEN_SEMICOLON] = ";" };
	const struct spot *spot = &p->token->spot;

	if (p->token->kind == kind) {
		advance(p);
		return 0;
	}
	if (p->token->kind == TOKEN_END || p->token->spot.line > p->last_end.line)
		spot = &p->last_end;
	if (p->token->kind == TOKEN_END)
		return refuse_at(p, spot, "expected '%s' before the end of the file", mark[kind]);
	return refuse_at(p, spot, "expected '%s' before '%.60s'", mark[kind], p->token->text);
}

struct named *
named_get(struct parser *p, struct vec *vec, const char *name)
{
	struct named **items = vec->items, *item;

	for (size_t i = 0; i < vec->count; i++)
		if (strcasecmp(items[i]->name, name) == 0) {
			if (items[i]->used.file == NULL)
				items[i]->used = p->token->spot;
			return items[i];
		}
	item = arena_alloc(p->arena, sizeof(*item));
	*item = (struct named){ .name = arena_strdup(p->arena, name), .used = p->token->spot };
	*(struct named **)vec_add(vec, sizeof(item)) = item;
	return item;
}

/* The loop over clauses. */

const struct given *
block_given(const struct block *block, const char *clause)
{
	const struct given *given = block->given.items;

	for (size_t i = 0; i < block->given.count; i++)
		if (strcasecmp(given[i].clause->name, clause) == 0)
			return &given[i];
	return NULL;
}

void
recover(struct parser *p, unsigned depth)
{
	while (p->token->kind != TOKEN_END) {
		if (p->depth == depth && p->token->kind == TOKEN_CLOSE)
			return;
		if (p->depth == depth && p->token->kind == TOKEN_SEMICOLON) {
			advance(p);
			return;
		}
		advance(p);
	}
}

static void
refuse_unknown(struct parser *p, const struct block *block)
{
	static const unsigned places[] = { IN_TOP, IN_OPTIONS, IN_ZONE, IN_MIRROR, IN_KEY, IN_CONTROLS };
	const struct clause *c;
	struct nearest guess;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (clause_find(places[i], p->token->text) != NULL) {
			refuse(p, "'%.60s' does not belong here but in %s%s%s", p->token->text,
			    places[i] == IN_TOP ? "" : "'", block_name(places[i]), places[i] == IN_TOP ? "" : "'");
			return;
		}
	nearest_start(&guess, p->token->text, p->token->len);
	for (size_t at = 0; (c = clause_next(block->where, &at)) != NULL;)
		nearest_offer(&guess, c->name);
	if (guess.best != NULL)
		refuse(p, "'%.60s' is not known here; did you mean '%s'?", p->token->text, guess.best);
	else
		refuse(p, "'%.60s' is not known here", p->token->text);
}

/* A word of the top level at the margin, inside of a block that does not know it: the block
 * was not closed, and all that follows would be wrong. */
static bool
block_left_open(struct parser *p, const struct block *block)
{
	if (block->where == IN_TOP || p->token->spot.column != 1 || block->opened.file != p->lex->file ||
	    clause_find(block->where, p->token->text) != NULL || clause_find(IN_TOP, p->token->text) == NULL)
		return false;
	refuse(p, "expected '}' before '%s': the '%s' of line %u is not closed", p->token->text,
	    block_name(block->where), block->opened.line);
	p->left_open = true;
	return true;
}

/* The ';' behind a clause.  Where only it is missing at the end of a line, the next line is read as it stands. */
static int
end_clause(struct parser *p)
{
	int err;

	if (p->left_open) {
		p->left_open = false;
		return 0;
	}
	err = expect(p, TOKEN_SEMICOLON);
	if (err != 0 && (p->token->kind == TOKEN_CLOSE ||
	    (p->token->kind == TOKEN_WORD && p->token->spot.line > p->last_end.line)))
		return 0;
	return err;
}

static void
parse_clause(struct parser *p, struct block *block)
{
	const struct clause *c = clause_find(block->where, p->token->text);
	const struct given *before;
	struct given *given;
	unsigned depth = p->depth;

	if (c == NULL) {
		refuse_unknown(p, block);
		recover(p, depth);
		return;
	}
	p->clause = p->token->spot;
	if (!c->repeats && (before = block_given(block, c->name)) != NULL)
		refuse(p, "'%s' is given twice, first in %s line %u", c->name, before->spot.file->path,
		    before->spot.line);
	if (block->where != IN_TOP || !c->repeats) {
		given = vec_add(&block->given, sizeof(*given));
		*given = (struct given){ c, p->token->spot };
	}
	advance(p);
	p->block = block;
	if (c->parse(p, c, (char *)block->base + c->field) != 0 || end_clause(p) != 0)
		recover(p, depth);
}

/* Clauses up to the '}' or the end of the file. */
static void
parse_clauses(struct parser *p, struct block *block)
{
	while (p->token->kind != TOKEN_END && p->token->kind != TOKEN_CLOSE) {
		if (p->token->kind == TOKEN_WORD) {
			if (block_left_open(p, block))
				return;
			parse_clause(p, block);
		} else if (p->token->kind == TOKEN_SEMICOLON) {
			advance(p);
		} else {
			refuse(p, "expected the name of a clause, found '%.60s'", p->token->text);
			recover(p, p->depth);
		}
	}
}

/* "{ clauses }" into base. */
static int
parse_block(struct parser *p, struct block *block, unsigned where, void *base)
{
	unsigned depth = p->depth;
	int err;

	*block = (struct block){ .where = where, .base = base, .opened = p->token->spot };
	if ((err = expect(p, TOKEN_OPEN)) != 0)
		return err;
	parse_clauses(p, block);
	if (p->token->kind == TOKEN_CLOSE)
		return expect(p, TOKEN_CLOSE);
	if (p->token->kind == TOKEN_END) {
		refuse_at(p, &block->opened, "this '{' is not closed");
		p->left_open = true;
	}
	p->depth = depth;
	return 0;
}

/* Files. */

static void
read_file(struct parser *p, struct lex *lex, struct block *block)
{
	struct lex *parent = p->lex;
	unsigned depth = p->depth;

	p->lex = lex;
	p->token = &lex->token;
	p->last_end = lex->token.spot;
	for (;;) {
		parse_clauses(p, block);
		if (p->token->kind == TOKEN_END)
			break;
		if (p->depth == depth && p->token->kind == TOKEN_CLOSE) {
			refuse(p, "this '}' closes nothing");
			lex_next(lex);
		}
	}
	lex_close(lex);
	p->lex = parent;
	p->token = parent != NULL ? &parent->token : NULL;
	p->depth = depth;
}

static void
include_file(struct parser *p, const char *path, const struct spot *spot, struct block *block)
{
	struct lex lex, *parent = p->lex;
	int depth = 0, err;

	if ((err = lex_open(&lex, parent, path, p->arena, &p->files, p->sink)) != 0) {
		refuse_at(p, spot, "%s: %s", path, strerror(-err));
		return;
	}
	for (const struct lex *at = parent; at != NULL; at = at->parent, depth++)
		if (at->file->dev == lex.file->dev && at->file->ino == lex.file->ino) {
			refuse_at(p, spot, "%s includes itself", path);
			lex_close(&lex);
			return;
		}
	if (depth >= INCLUDE_MAX) {
		refuse_at(p, spot, "files are included deeper than %d", INCLUDE_MAX);
		lex_close(&lex);
		return;
	}
	read_file(p, &lex, block);
}

/* Relative to the file that says it; a pattern may match nothing, a plain name must be there. */
int
parse_include(struct parser *p, const struct clause *c, void *field)
{
	struct block *block = p->block;
	struct spot spot = p->token->spot, end;
	const char *text = p->token->text, *here = p->lex->file->path, *slash = strrchr(here, '/');
	char pattern[PATH_MAX];
	glob_t found;
	int err;

	(void)c;
	(void)field;
	if (p->token->kind != TOKEN_STRING && p->token->kind != TOKEN_WORD)
		return refuse(p, "expected the name of a file");
	if (snprintf(pattern, sizeof(pattern), "%.*s%s", text[0] == '/' || slash == NULL ? 0 :
	    (int)(slash - here) + 1, here, text) >= (int)sizeof(pattern))
		return refuse(p, "this path is too long");
	advance(p);
	end = p->last_end;
	err = glob(pattern, GLOB_NOMAGIC | GLOB_ERR, NULL, &found);
	if (err == GLOB_NOMATCH || (err == GLOB_ABORTED && errno == ENOENT))
		return 0;
	if (err != 0)
		return refuse_at(p, &spot, "%s: %s", pattern, err == GLOB_NOSPACE ? "out of memory" : strerror(errno));
	for (size_t i = 0; i < found.gl_pathc; i++)
		include_file(p, found.gl_pathv[i], &spot, block);
	globfree(&found);
	p->last_end = end;
	return 0;
}

/* Statements. */

static const char *
take_name(struct parser *p, const char *what)
{
	const char *name;

	if ((p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING) || p->token->len == 0) {
		refuse(p, "expected the name of the %s", what);
		return NULL;
	}
	name = arena_strdup(p->arena, p->token->text);
	advance(p);
	return name;
}

/* The definition of an acl or a key of this name: NULL and a report when there is one already. */
static struct named *
define(struct parser *p, struct vec *vec, const char *name, const struct spot *spot, const char *what)
{
	size_t known = vec->count;
	struct named *item = named_get(p, vec, name);

	if (vec->count > known)
		item->used.file = NULL;
	if (item->defined.file != NULL) {
		refuse_at(p, spot, "%s '%s' is defined twice, first in %s line %u", what, name,
		    item->defined.file->path, item->defined.line);
		return NULL;
	}
	item->defined = *spot;
	return item;
}

int
parse_acl(struct parser *p, const struct clause *c, void *field)
{
	static const char *const reserved[] = { "any", "none", "localhost", "localnets" };
	struct spot spot = p->token->spot;
	const char *name = take_name(p, c->name);
	struct conf_match_list list;
	struct named *acl;
	int err;

	(void)field;
	if (name == NULL)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcasecmp(name, reserved[i]) == 0)
			refuse_at(p, &spot, "'%s' is built in and cannot be an acl's name", name);
	acl = define(p, &p->acls, name, &spot, "acl");
	if ((err = match_parse(p, &list)) == 0 && acl != NULL)
		acl->list = list;
	return err;
}

int
parse_key(struct parser *p, const struct clause *c, void *field)
{
	struct spot spot = p->token->spot;
	struct conf_key key = { .name = take_name(p, c->name) };
	struct block block;
	int err;

	(void)field;
	if (key.name == NULL)
		return -EINVAL;
	if (define(p, &p->key_names, key.name, &spot, "key") != NULL)
		spot.file = NULL;
	if ((err = parse_block(p, &block, IN_KEY, &key)) == 0) {
		if (block_given(&block, "algorithm") == NULL || block_given(&block, "secret") == NULL)
			refuse_at(p, &block.opened, "key '%s' needs an algorithm and a secret", key.name);
		*(struct conf_key *)vec_add(&p->keys, sizeof(key)) = key;
	}
	free(block.given.items);
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
check_mirror(struct parser *p, const struct block *block, struct mirror_draft *draft, const struct spot *spot)
{
	const struct conf_mirror *mirror = &draft->mirror;
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
	struct mirror_draft draft = { .mirror = conf_mirror_defaults };
	struct spot spot = p->token->spot;
	struct block block;
	char owner[300] = "tandem@";
	unsigned errors = p->sink->errors;
	int err;

	(void)field;
	if ((draft.mirror.name = take_name(p, c->name)) == NULL)
		return -EINVAL;
	if (strcasecmp(draft.mirror.name, "none") == 0)
		refuse_at(p, &spot, "a mirror cannot be named 'none': zones say so to have no mirror");
	gethostname(owner + strlen(owner), sizeof(owner) - strlen(owner) - 1);
	draft.mirror.owner = arena_strdup(p->arena, owner);
	draft.mirror.place_file = spot.file->path;
	draft.mirror.place_line = spot.line;
	if ((err = parse_block(p, &block, IN_MIRROR, &draft)) == 0) {
		/* With a wrong type in it, what fits the type cannot be told. */
		if (p->sink->errors == errors)
			check_mirror(p, &block, &draft, &spot);
		*(struct conf_mirror *)vec_add(&p->mirrors, sizeof(draft.mirror)) = draft.mirror;
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

int
parse_zone(struct parser *p, const struct clause *c, void *field)
{
	struct zone_draft draft = { .skipped = NULL };
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
	if ((err = parse_block(p, &block, IN_ZONE, &draft)) == 0 && draft.skipped == NULL) {
		if (p->sink->errors == errors && block_given(&block, "type") == NULL)
			refuse_at(p, &spot, "zone \"%s\" needs a type", draft.zone.name);
		if (p->sink->errors == errors && draft.zone.file == NULL)
			refuse_at(p, &spot, "zone \"%s\" needs a file", draft.zone.name);
		draft.zone.mirrors = vec_keep(&draft.mirrors, p->arena, &draft.zone.mirror_count);
		*(struct conf_zone *)vec_add(&p->zones, sizeof(draft.zone)) = draft.zone;
		*(struct spot *)vec_add(&p->zone_spots, sizeof(spot)) = spot;
	}
	free(draft.mirrors.items);
	free(block.given.items);
	return err;
}

/* What only the whole can tell. */

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
	static const struct conf_match_list everywhere = { any, 1, NULL }, nowhere = { none, 1, NULL };

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
		if (strcmp(at[i - 1].zone->file, at[i].zone->file) == 0 &&
		    strcmp(at[i - 1].zone->name, at[i].zone->name) != 0)
			warn_at(p, at[i].spot, "zone \"%s\" shares its file with zone \"%s\"", at[i].zone->name,
			    at[i - 1].zone->name);
	free(at);
}

static void
check_mirrors(struct parser *p)
{
	const struct mirror_use *uses = p->mirror_uses.items;
	const struct conf_mirror *mirrors = p->mirrors.items;
	const struct spot *spots = p->mirror_spots.items;

	for (size_t i = 0; i < p->mirrors.count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(mirrors[i].name, mirrors[j].name) == 0) {
				refuse_at(p, &spots[i], "mirror \"%s\" is there twice, first in %s line %u", mirrors[i].name,
				    spots[j].file->path, spots[j].line);
				break;
			}
	for (size_t i = 0; i < p->mirror_uses.count; i++) {
		struct nearest guess;
		bool there = false;

		nearest_start(&guess, uses[i].name, strlen(uses[i].name));
		for (size_t j = 0; j < p->mirrors.count && !there; j++) {
			there = strcmp(mirrors[j].name, uses[i].name) == 0;
			nearest_offer(&guess, mirrors[j].name);
		}
		if (!there)
			refuse_at(p, &uses[i].spot, "mirror '%s' is not defined%s%s%s", uses[i].name,
			    guess.best != NULL ? "; did you mean '" : "", guess.best != NULL ? guess.best : "",
			    guess.best != NULL ? "'?" : "");
	}
}

/* One table for all zones that say nothing of their own. */
static void
compile_lists(struct parser *p)
{
	struct conf_zone *zones = p->zones.items;
	struct acl_local local;

	acl_local_read(&local);
	p->conf->allow_query = acl_compile(p->conf->allow_query, &local, p->arena);
	for (size_t i = 0; i < p->zones.count; i++)
		zones[i].allow_query = zones[i].allow_query == NULL ? p->conf->allow_query :
		    acl_compile(zones[i].allow_query, &local, p->arena);
	acl_local_free(&local);
}

static void
finish(struct parser *p)
{
	struct conf *conf = p->conf;
	unsigned errors = p->sink->errors;

	check_acls(p);
	check_defined(p, &p->key_names, "key");
	check_zones(p);
	check_mirrors(p);
	/* An acl in a circle has no end. */
	if (p->sink->errors == errors) {
		finish_listens(p);
		compile_lists(p);
	}
	conf->listens = vec_keep(&p->listens, p->arena, &conf->listen_count);
	conf->keys = vec_keep(&p->keys, p->arena, &conf->key_count);
	conf->zones = vec_keep(&p->zones, p->arena, &conf->zone_count);
	conf->mirrors = vec_keep(&p->mirrors, p->arena, &conf->mirror_count);
}

static const char *
directory_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX], real[PATH_MAX];

	snprintf(directory, sizeof(directory), "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
	    slash != NULL ? path : ".");
	return arena_strdup(arena, realpath(directory, real) != NULL ? real : directory);
}

struct conf *
conf_read(const char *path, struct sink *sink)
{
	struct arena *arena = arena_new(16384);
	struct owned *owned = arena_alloc(arena, sizeof(*owned));
	struct parser p = { .conf = &owned->conf, .arena = arena, .sink = sink };
	struct block top = { .where = IN_TOP, .base = &owned->conf };
	unsigned errors = sink->errors;
	char host[256] = "";
	struct lex lex;
	int err;

	*owned = (struct owned){ .conf = conf_defaults, .arena = arena };
	owned->conf.path = arena_strdup(arena, path);
	owned->conf.directory = directory_of(arena, path);
	if (gethostname(host, sizeof(host) - 1) == 0)
		owned->conf.hostname = arena_strdup(arena, host);
	if ((err = lex_open(&lex, NULL, path, arena, &p.files, sink)) != 0) {
		report_at(sink, ERROR, &(struct place){ .file = path }, "%s", strerror(-err));
	} else {
		read_file(&p, &lex, &top);
		finish(&p);
	}
	free(top.given.items);
	free(p.listen_spots.items);
	free(p.zone_spots.items);
	free(p.mirror_spots.items);
	free(p.acls.items);
	free(p.key_names.items);
	free(p.mirror_uses.items);
	lex_files_free(p.files);
	if (sink->errors > errors) {
		arena_free(arena);
		return NULL;
	}
	return &owned->conf;
}

void
conf_free(struct conf *conf)
{
	if (conf != NULL)
		arena_free(((struct owned *)conf)->arena);
}

const char *
conf_resolve(char out[PATH_MAX], const struct conf *conf, const char *path)
{
	snprintf(out, PATH_MAX, "%s%s%s", path[0] == '/' ? "" : conf->directory, path[0] == '/' ? "" : "/", path);
	return out;
}

static void
print_named_block(FILE *out, const char *keyword, const char *name, bool hide, unsigned where, const void *base)
{
	const struct printer to = { out, hide, "\t" };

	fprintf(out, "%s ", keyword);
	print_quoted(out, name);
	fputs(" {\n", out);
	clauses_print(&to, where, base);
	fputs("};\n", out);
}

void
conf_print(FILE *out, const struct conf *conf, bool hide)
{
	const struct printer inside = { out, hide, "\t" };

	fputs("options {\n", out);
	clauses_print(&inside, IN_OPTIONS, conf);
	fputs("};\ncontrols {\n", out);
	clauses_print(&inside, IN_CONTROLS, conf);
	fputs("};\n", out);
	for (size_t i = 0; i < conf->key_count; i++)
		print_named_block(out, "key", conf->keys[i].name, hide, IN_KEY, &conf->keys[i]);
	for (size_t i = 0; i < conf->mirror_count; i++)
		print_named_block(out, "mirror", conf->mirrors[i].name, hide, IN_MIRROR, &conf->mirrors[i]);
	for (size_t i = 0; i < conf->zone_count; i++) {
		struct conf_zone zone = conf->zones[i];

		/* Inherited: what 'options' says is not said again. */
		if (zone.allow_query == conf->allow_query)
			zone.allow_query = NULL;
		print_named_block(out, "zone", zone.name, hide, IN_ZONE, &zone);
	}
}
