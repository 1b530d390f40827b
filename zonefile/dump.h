/* dump.h - a zone as master file text. */
#ifndef ZONEFILE_DUMP_H
#define ZONEFILE_DUMP_H

#include <stdbool.h>
#include <stdio.h>

#include "zonefile/builder.h"
#include "zonefile/zone.h"

/* "owner TTL class type rdata" separated by one space, names fully qualified, with newline;
 * the canonical form of tandem-checkzone -D.  Returns 0 or -errno. */
int dump_record(FILE *, const struct rr *);
/* All of a zone so, in canonical order, the SOA first. */
int dump_canonical(FILE *, const struct zone *);
/* The same for people: $ORIGIN and $TTL, relative names, an owner only where it is another one. */
int dump_relative(FILE *, const struct zone *);
/* Replace the file at path by that text:
 * all of the new file or all of the old one, whatever happens meanwhile.  0 or -errno. */
int dump_zone(const struct zone *, const char *path);
/* The same with the canonical text, which other programs take apart more easily. */
int dump_zone_full(const struct zone *, const char *path);

/* Whether the file at path is one of these two with the SOA of this zone, by its beginning. */
bool dump_is_of(const struct zone *, const char *path);
#endif
