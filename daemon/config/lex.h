/* lex.h - configuration text to tokens. */
#ifndef DAEMON_CONFIG_LEX_H
#define DAEMON_CONFIG_LEX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "zonefile/arena.h"
#include "zonefile/report.h"

/* The text of one file; spots refer to it until lex_files_free(). */
struct lex_file {
	struct lex_file *next;
	const char *path;		/* in the arena given to lex_open() */
	char *text;
	size_t len;
	dev_t dev;
	ino_t ino;
};
void lex_files_free(struct lex_file *);

/* Where a token begins. */
struct spot {
	const struct lex_file *file;
	uint32_t line, column;
	size_t line_at;			/* offset of the line in the file */
};
struct place spot_place(const struct spot *);

enum token_kind {
	TOKEN_END,			/* of the file */
	TOKEN_WORD,
	TOKEN_STRING,			/* in quotes */
	TOKEN_OPEN, TOKEN_CLOSE, TOKEN_SEMICOLON, TOKEN_COMMA, TOKEN_NOT,	/* { } ; , ! */
};

struct token {
	enum token_kind kind;
	const char *text;		/* with NUL; until the next token */
	size_t len;
	struct spot spot;
	struct spot end;		/* behind its last octet */
};

struct lex {
	struct lex *parent;		/* reads the file that includes this one, or NULL */
	const struct lex_file *file;
	size_t at, line_at;
	uint32_t line;
	struct token token;		/* the one at hand */
	char *buffer;
	size_t room;
	struct sink *sink;
};

/* Read the whole file and stand before its first token.  The file's text joins *files.
 * Returns 0 or -errno, not reported. */
int lex_open(struct lex *, struct lex *parent, const char *path, struct arena *,
    struct lex_file **files, struct sink *);
void lex_close(struct lex *);

/* Go on to the next token.  What is no token is reported and left out. */
void lex_next(struct lex *);
#endif
