/* derive.h - a version of a zone from another one and what changes at each name. */
#ifndef ZONEFILE_DERIVE_H
#define ZONEFILE_DERIVE_H

#include "zonefile/sets.h"

/* The sums and the names of base, before any change; s->zone has its store. */
void derive_start(struct sets *, const struct zone *base);
/* One name's removals and additions, in the order they came; each name once, in canonical order. */
void derive_name(struct sets *, struct rel owner, struct rec *const *rec, size_t count, struct arena *notes);
/* When an eighth of the memory is of older versions: all that lives, copied to memory of its own. */
void derive_finish(struct sets *);
#endif
