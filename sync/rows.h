/* rows.h - a zone, and the difference of two, as the rows that PowerDNS reads. */
#ifndef SYNC_ROWS_H
#define SYNC_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/delta.h"
#include "zonefile/report.h"
#include "zonefile/zone.h"

/* A row of PowerDNS's records table.  Strings end with NUL, are ASCII, and live for the call that gets
 * the row.  An empty non-terminal has no type, content, TTL and prio: NULL in the table. */
struct row {
	const char *name;
	const char *type;		/* NULL: an empty non-terminal */
	const char *content;		/* NULL with type */
	const char *ordername;		/* NULL: not in the chain of names */
	uint32_t content_len;
	uint16_t name_len, ordername_len;
	uint32_t ttl;
	uint16_t prio;
	bool disabled, auth;
};

/* Of the PowerDNS that will read the rows. */
struct rows_style {
	unsigned version;		/* 407 for 4.7 */
	bool skip;			/* leave out RRsets that it cannot serve, with a warning; else the zone is refused */
};

/* All rows of a zone in canonical order of their names, the SOA row last.  Records that this PowerDNS cannot
 * serve are reported, as warnings or errors as the style says.  Returns 0, or -ENOTSUP when the zone is refused
 * (all of its reasons are reported, fn saw some of the rows), or what fn returned when that is not 0. */
typedef int rows_fn(void *ctx, const struct row *);
int rows_each(const struct zone *, const struct rows_style *, struct sink *,
    rows_fn *, void *ctx);

/* Exactly the rows that differ between two versions; the delta leads from one to the other.  A row is deleted (to
 * is NULL), inserted (from is NULL) or changed in place (both, with one name and type).  Name, type, content and prio of
 * from find one row, also while changes are applied in the order they come: by name, the SOA last.  Returns as rows_each(). */
typedef int rows_change_fn(void *ctx, const struct row *from, const struct row *to);
int rows_diff(const struct zone *from, const struct zone *to,
    const struct delta *, const struct rows_style *, struct sink *,
    rows_change_fn *, void *ctx);

/* The rows of domainmetadata that signed zones need: PRESIGNED and NSEC3PARAM. */
#define ROWS_NSEC3PARAM_MAX 528		/* "1 1 65535 " and 255 octets of salt in hex */
struct rows_meta {
	bool presigned;
	char nsec3param[ROWS_NSEC3PARAM_MAX];	/* "": none */
};
void rows_meta(const struct zone *, struct rows_meta *);
#endif
