#include "daemon/config/parse.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/clause.h"
#include "zonefile/nearest.h"

#define INCLUDE_MAX 50			/* files open at once */

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

struct named *
named_define(struct parser *p, struct vec *vec, const char *name, const char *what)
{
	size_t known = vec->count;
	struct named *item = named_get(p, vec, name);

	if (vec->count > known)
		item->used.file = NULL;
	if (item->defined.file != NULL) {
		refuse(p, "%s '%s' is defined twice, first in %s line %u", what, name,
		    item->defined.file->path, item->defined.line);
		return NULL;
	}
	item->defined = p->token->spot;
	return item;
}

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
	static const unsigned places[] = { IN_TOP, IN_OPTIONS, IN_ZONE, IN_MIRROR, IN_KEY, IN_CONTROLS, IN_SERVER };
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

int
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

void
parse_file(struct parser *p, struct lex *lex, struct block *block)
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
	parse_file(p, &lex, block);
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
