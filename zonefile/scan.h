/* scan.h - the octets of a master file to words, a record at a time. */
#ifndef ZONEFILE_SCAN_H
#define ZONEFILE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "zonefile/report.h"

enum {
	WORD_QUOTED = 1,	/* stood in quotes, which text is without */
	WORD_ESCAPED = 2,	/* has a backslash somewhere */
	WORD_JOINED = 4,	/* no blank before it: key="value" is two words */
};

/* Lives until the next scan_next().  WORD_PAD octets behind text[len] may be read. */
#define WORD_PAD 64
struct word {
	const char *text;
	uint32_t len;
	uint32_t line;
	uint32_t flags;
};

/* Octets of the buffer and which of them may end a word: words are short, so one look at many serves several. */
struct scan_block {
	const char *at;			/* NULL: none */
	uint64_t stops;
};

struct scan {
	const char *file;		/* for places; the caller's */
	int fd;				/* -1: all of it is in the buffer */
	bool eof;
	bool inherits;			/* the record begins with a blank: owner of the last one */
	uint32_t line;			/* of at */
	char *buf;
	size_t size;			/* of buf, without its pad */
	const char *at, *end;		/* octets not yet read */
	const char *record;		/* start of the line that the record begins on */
	const char *record_end;		/* end of that line */
	struct word *word;
	size_t count, room;
	struct scan_block block;
	uint64_t octets;		/* taken from the file */
	struct stat st;			/* when it was opened */
};

/* Opens a regular file, or "-", the standard input; returns 0 or -errno; anything
 * else than a regular file is -EISDIR or -ENOTSUP. */
int scan_open(struct scan *, const char *path);
/* Reads a copy of text instead. */
void scan_text(struct scan *, const char *file, const char *text, size_t len);
void scan_close(struct scan *);

enum scan_outcome {
	SCAN_RECORD,	/* word[0..count) is a record or a directive, count > 0 */
	SCAN_BAD,	/* a broken one, reported; the next may be good */
	SCAN_END,
	SCAN_FAILED,	/* nothing more can be read from it, reported */
};
enum scan_outcome scan_next(struct scan *, struct sink *);

/* The place of the octet at offset of a word of the record. */
void scan_place(const struct scan *, const struct word *, size_t offset, struct place *);

/* The octets that a word stands for, escapes resolved; returns how many, or -1 when an
 * escape is broken or there are more than size. */
int word_octets(const struct word *, uint8_t *out, size_t size);

/* Number with or without units (1w2d3h4m5s); saturates above 2^32.  False when it is neither. */
bool word_period(const struct word *, uint64_t *seconds);

/* A word for a message, cut and with escapes for what would upset a terminal. */
#define WORD_SHOW 64
const char *word_show(char out[WORD_SHOW], const struct word *);
#endif
