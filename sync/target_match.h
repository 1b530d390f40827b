/* target_match.h - the rows that a domain has, matched with those that its zone makes. */
#ifndef SYNC_TARGET_MATCH_H
#define SYNC_TARGET_MATCH_H

#include "sync/target_impl.h"

/* Of a row some 44 octets are kept, not the text. */
struct match;
struct match *match_new(struct target *);
void match_free(struct match *);

/* Reads the domain's rows, and takes out those that the zone makes.  *missing: rows that the domain lacks. */
enum target_result match_read(struct match *, int64_t domain, const struct zone *, struct sink *, size_t *missing);

/* For each row of the zone once more, in rows_each()'s order: does the domain lack it? */
bool match_lacks(struct match *);
/* Takes out a row with the name and type of this one; false: there is none. */
bool match_take(struct match *, const struct row *, int64_t *id);
/* Puts "(1,2,3)", ids of rows that are left, each once; how many.  0: there are no more, and nothing was put. */
size_t match_put_left(struct match *, struct text *out);
#endif
