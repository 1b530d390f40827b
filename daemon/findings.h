/* findings.h - what the reading of a zone file had to say, a line each. */
#ifndef DAEMON_FINDINGS_H
#define DAEMON_FINDINGS_H

#include "daemon/text.h"
#include "zonefile/report.h"

#define FINDINGS_SHOWN 5		/* of the warnings, and where room matters of the errors */

/* Begins as zeroes. */
struct findings {
	unsigned errors, warnings;	/* all that there were */
	struct text error, warning;	/* of the errors those that were passed on, of the warnings the first */
};
/* A report_fn, whose ctx they are. */
void findings_note(void *findings, const struct report *);
/* What a sink has counted and not passed on counts too. */
void findings_count(struct findings *, const struct sink *);
/* The first error, and how many more there are, cut to size; "" without one.  Returns out. */
char *findings_first(const struct findings *, char *out, size_t size);
void findings_clear(struct findings *);
/* The first errors or warnings to keep, or NULL when there is none; to be freed by findings_free(). */
struct findings *findings_keep(const struct findings *, enum severity);
void findings_free(struct findings *);		/* NULL is fine */
#endif
