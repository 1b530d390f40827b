/* odd.h - the nodes of a new zone that its checks have to look at. */
#ifndef ZONEFILE_ODD_H
#define ZONEFILE_ODD_H

#include <stdbool.h>
#include <stddef.h>

#include "zonefile/index.h"
#include "zonefile/zone.h"

/* Most nodes own what no check says anything of: addresses, DS, what signers add, and NS of servers elsewhere.  Who makes
 * a zone has them at hand and notes the others, so that they are not all fetched again. */
bool odd_name(struct rel owner);
bool odd_set(const struct zone *, const struct rrset *);

/* A set of more octets, with those that a record has besides, may not fit a message. */
#define CHECK_ROOM (UINT16_MAX - 255 - 16)

/* By their number in canonical order, from 0. */
struct odd;
struct odd *odd_new(void);
void odd_free(struct odd *);				/* NULL is fine */
void odd_add(struct odd *, size_t number);
bool odd_next(const struct odd *, size_t *number);	/* the first at or behind it; false: none */
#endif
