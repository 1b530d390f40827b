/* report.h - a sentence with a severity and a place, told to one sink. */
#ifndef ZONEFILE_REPORT_H
#define ZONEFILE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum severity { NOTE, WARNING, ERROR };

/* Where a thing was read.  line 0: the file as a whole; column 0: the line.
 * Columns count octets from 1.  source is the text of the line, for the
 * caret, and may be NULL; it need not end with NUL. */
struct place {
	const char *file;
	uint32_t line, column;
	const char *source;
	size_t source_len;
};

struct report {
	enum severity severity;
	const struct place *place;	/* NULL: speaks of zone, or of all */
	const char *zone;		/* printed name, or NULL */
	const char *text;
};

/* Takes each report; everything it is given lives for the call only. */
typedef void report_fn(void *ctx, const struct report *);

/* Counts everything, passes on the first REPORT_MAX of the errors and as many
 * of the warnings, so that a file of a million errors ends in bounded time.
 * One thread at a time. */
#define REPORT_MAX 100
struct sink {
	report_fn *fn;
	void *ctx;
	unsigned errors, warnings;
};

/* A report about a place in a file.  Returns -EINVAL, for `return report_at()`. */
int report_at(struct sink *, enum severity, const struct place *,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A report about a zone (printed name), or with NULL about the program. */
int report_zone(struct sink *, enum severity, const char *zone,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A report_fn whose ctx is a FILE: "FILE:LINE:COLUMN: error: TEXT" or "zone NAME: TEXT", and the source line with a
 * caret under it when the file is a terminal. */
void report_to_file(void *file, const struct report *);
/* The source line and the caret alone, when the report has a place with both. */
void report_print_caret(FILE *, const struct report *);

/* The same without newline or caret into out, cut to size; returns out. */
char *report_format(char *out, size_t size, const struct report *);
#endif
