/* parse.h - the loop over tokens and clauses. */
#ifndef DAEMON_CONFIG_PARSE_H
#define DAEMON_CONFIG_PARSE_H

#include "daemon/config/conf.h"
#include "daemon/config/lex.h"
#include "zonefile/arena.h"

struct clause;

/* An array that grows while it is read. */
struct vec {
	void *items;
	size_t count, room, size;
};
void *vec_add(struct vec *, size_t size);		/* a cleared item */
void *vec_keep(struct vec *, struct arena *, size_t *count);	/* its end: a copy in the arena */

/* Something that is named before or after it is defined: an acl, a key, a list of masters. */
struct remotes_draft;
struct named {
	struct conf_match_list list;		/* of an acl */
	struct remotes_draft *remotes;		/* of masters */
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
	struct vec servers, autosecondaries, channels;	/* of the conf */
	struct vec channel_spots;	/* struct spot, one for each */
	struct vec acls, key_names, masters;	/* struct named * */
	struct vec mirror_uses;		/* struct mirror_use */
	struct vec transfer_ports;	/* struct port_use */
	struct vec remotes;		/* struct remotes_draft *: those that zones have */
	struct vec own_rules;		/* struct own_rules */
};
struct port_use {
	uint16_t port;
	struct spot spot;
};
/* Rules of a zone that says some of them. */
struct own_rules {
	struct conf_rules *rules;
	struct vec given;		/* const struct clause * */
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
/* The one that the token at hand defines: NULL and a report when there is one already. */
struct named *named_define(struct parser *, struct vec *, const char *name, const char *what);

/* "{ clauses }" into the struct at base; the clauses are those of where.  The block's list of what was given is
 * for the caller to free.  0 or -EINVAL. */
int parse_block(struct parser *, struct block *, unsigned where, void *base);
/* A file's clauses into the block; closes the lex. */
void parse_file(struct parser *, struct lex *, struct block *);
#endif
