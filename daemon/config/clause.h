/* clause.h - the table of clauses: where each may stand, what reads and prints it. */
#ifndef DAEMON_CONFIG_CLAUSE_H
#define DAEMON_CONFIG_CLAUSE_H

#include "daemon/config/conf.h"
#include "daemon/config/lex.h"
#include "zonefile/arena.h"

/* Blocks in which clauses stand. */
enum { IN_TOP = 1, IN_OPTIONS = 2, IN_ZONE = 4, IN_MIRROR = 8, IN_KEY = 16, IN_CONTROLS = 32 };
const char *block_name(unsigned where);

struct parser;
struct printer {
	FILE *out;
	bool hide;			/* secrets */
	const char *indent;
};

struct clause;
/* The token at hand is the one behind the clause's name; afterwards it is the ';'.  0, or
 * -EINVAL when an error was reported and the rest of the clause is to be skipped. */
typedef int clause_parse_fn(struct parser *, const struct clause *, void *field);
/* Lines for the value, none when nothing was given and nothing is the default. */
typedef void clause_print_fn(const struct printer *, const struct clause *, const void *field);

/* A word and what it stands for. */
struct word {
	const char *text;		/* NULL ends a list */
	uint32_t value;
};

struct clause {
	const char *name;
	unsigned where;
	clause_parse_fn *parse;
	clause_print_fn *print;
	size_t field, size;		/* in the block's struct */
	uint32_t min, max, scale;	/* of numbers; scale: of what is kept in what is written */
	const struct word *words;
	bool none;			/* the word none stands for NULL */
	bool secret;
	bool repeats;			/* may be given more than once */
	bool mysql, sqlite;		/* of a mirror: only of this type */
	enum severity severity;		/* of what is not acted on: WARNING or ERROR */
	const char *silent;		/* values of it that need no word, "|" between them */
	const char *why;
};

/* The rows of the blocks in where, most used first; *from is 0 at the start.  NULL at the end. */
const struct clause *clause_next(unsigned where, size_t *from);
const struct clause *clause_find(unsigned where, const char *name);
bool clause_fits(const struct clause *, const struct conf_mirror *);	/* its type */
/* Print what the block at base holds. */
void clauses_print(const struct printer *, unsigned where, const void *base);

extern const struct conf conf_defaults;
extern const struct conf_mirror conf_mirror_defaults;

/* An array that grows while it is read. */
struct vec {
	void *items;
	size_t count, room, size;
};
void *vec_add(struct vec *, size_t size);		/* a cleared item */
void *vec_keep(struct vec *, struct arena *, size_t *count);	/* its end: a copy in the arena */

/* Something that is named before or after it is defined.  The list is an acl's. */
struct named {
	struct conf_match_list list;
	const char *name;
	struct spot used, defined;	/* file NULL: not */
	int visited;			/* by the search for circles */
};

/* One block being read: what has been given in it, and where. */
struct block {
	unsigned where;
	void *base;			/* the struct that its fields are in */
	struct spot opened;		/* file NULL: the whole file */
	struct vec given;		/* struct given */
};
struct given {
	const struct clause *clause;
	struct spot spot;
};
const struct given *block_given(const struct block *, const char *clause);

struct zone_draft {
	struct conf_zone zone;		/* first: the rows' fields are in it */
	const char *skipped;		/* its type, when it is not for us */
	struct vec mirrors;		/* const char * */
};
struct mirror_draft {
	struct conf_mirror mirror;	/* first */
	bool typed;
};

struct parser {
	struct conf *conf;
	struct arena *arena;		/* the conf's memory */
	struct sink *sink;
	struct lex *lex;
	struct lex_file *files;
	const struct token *token;	/* the one at hand */
	struct block *block;		/* that the clause at hand stands in */
	struct spot clause;		/* its name */
	struct spot last_end;		/* behind the token before */
	unsigned depth;			/* braces open */
	bool left_open;			/* the block just read lacks its '}', which was reported */
	struct vec listens, keys, zones, mirrors;	/* of the conf */
	struct vec listen_spots, zone_spots, mirror_spots;	/* struct spot, one for each */
	struct vec acls, key_names;	/* struct named * */
	struct vec mirror_uses;		/* struct mirror_use */
};
struct mirror_use {
	const char *name;
	struct spot spot;
};

/* Tokens. */
void advance(struct parser *);
bool at_word(const struct parser *, const char *word);	/* not in quotes; any case */
bool take_word(struct parser *, const char *word);	/* and go on */
int expect(struct parser *, enum token_kind);		/* and go on */
/* Go on behind what was not understood: its ';' at depth, or before the '}' or the end of the file. */
void recover(struct parser *, unsigned depth);
/* A report at the token at hand, or at a spot.  Returns -EINVAL. */
int refuse(struct parser *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int refuse_at(struct parser *, const struct spot *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void warn_at(struct parser *, const struct spot *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
struct named *named_get(struct parser *, struct vec *, const char *name);

/* Statements of the top level and blocks, in conf.c: they call the loop again. */
clause_parse_fn parse_include, parse_acl, parse_key, parse_options, parse_zone, parse_mirror, parse_controls;
#endif
