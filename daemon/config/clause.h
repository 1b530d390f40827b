/* clause.h - the table of clauses: where each may stand, what reads and prints it. */
#ifndef DAEMON_CONFIG_CLAUSE_H
#define DAEMON_CONFIG_CLAUSE_H

#include "daemon/config/conf.h"
#include "daemon/config/parse.h"

/* Blocks in which clauses stand. */
enum { IN_TOP = 1, IN_OPTIONS = 2, IN_ZONE = 4, IN_MIRROR = 8, IN_KEY = 16, IN_CONTROLS = 32,
	IN_SERVER = 64, IN_ADDED = 128, IN_CHANNELS = 256 };
const char *block_name(unsigned where);

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
bool clause_inherits(const struct clause *);	/* a zone that does not say has what options say */
bool clause_fits(const struct clause *, const struct conf_mirror *);	/* its type */
/* Print what the block at base holds, but for what a zone has from the options' rules. */
void clauses_print(const struct printer *, unsigned where, const void *base, const struct conf_rules *options);

extern const struct conf conf_defaults;
extern const struct conf_mirror conf_mirror_defaults;

/* A zone while its block is read. */
struct zone_draft {
	struct conf_rules rules;	/* first, as in struct conf: one row for both */
	struct conf_zone zone;
	bool skipped;			/* its type is not for us */
	struct vec mirrors;		/* const char * */
};

/* Those that call the loop again: in parse.c, statement.c, key.c and remote.c. */
clause_parse_fn parse_include, parse_acl, parse_key, parse_options, parse_zone, parse_mirror, parse_controls,
    parse_named_masters, parse_server, parse_channels;
#endif
