/* index.h - the nodes of a zone: found by name, walked in canonical order. */
#ifndef ZONEFILE_INDEX_H
#define ZONEFILE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/zone.h"

/* Nodes are kept twice: in hash pages, where a name costs one cache miss or two, and in blocks in
 * canonical order.  Pages and blocks are counted and shared between versions: an edit copies
 * the few that it touches.  Frozen after the edit that made it; readers need no lock. */
struct index;

/* Names are relative to the apex: labels without the root octet; the apex is empty. */
struct rel {
	const uint8_t *label;
	unsigned len;
};

static inline struct rel
rel_of(const struct node *node)
{
	return (struct rel){ node_name(node), node->name_len };
}

/* The hash of a name is made label by label from the apex down, so that a search for
 * a name has the hashes of its ancestors on the way. */
uint64_t index_hash_root(void);
uint64_t index_hash_label(uint64_t above, const uint8_t *label_lower);
uint32_t index_hash(struct rel lower);		/* of a whole name */

struct rel rel_lower(uint8_t out[], struct rel);	/* out has room for it */
int rel_cmp(struct rel, struct rel);		/* canonical order, RFC 4034 6.1 */
bool rel_below(struct rel, struct rel above);	/* strictly */
uint64_t rel_prefix(struct rel);		/* compares as the names do, unless equal */

/* Empty, with room for about so many; filled in canonical order, each name once.  prefix is
 * that of rel_prefix(). */
struct index *index_new(size_t expected);
void index_append(struct index *, const struct node *, uint64_t prefix);
/* Fetch where a node will stand, before it is appended. */
void index_prefetch(const struct index *, const struct node *);
void index_free(struct index *);
size_t index_count(const struct index *);
size_t index_memory(const struct index *);

/* The name is in lower case, its hash that of index_hash_label(). */
const struct node *index_find(const struct index *, uint64_t hash, struct rel);
/* What index_find() will look at is fetched while the caller does something else: first the slot, then, from
 * it, the node; NULL when none is likely to be it. */
void index_fetch_slot(const struct index *, uint64_t hash);
const struct node *index_fetch_node(const struct index *, uint64_t hash);
/* Any case. */
const struct node *index_get(const struct index *, struct rel);

/* A place in canonical order.  index_at() is NULL past the end. */
struct index_pos { uint32_t block, at; };
/* The first node at or after the name. */
struct index_pos index_seek(const struct index *, struct rel);
const struct node *index_at(const struct index *, struct index_pos);
struct index_pos index_next(const struct index *, struct index_pos);
struct index_pos index_last(const struct index *);	/* of one that is not empty */
/* Of an index that was only appended to: the place of a node by its number, from 0. */
struct index_pos index_nth(size_t number);
/* Fetch a node and those right behind it, or what they own. */
void index_fetch_nodes(const struct index *, struct index_pos);
void index_fetch_sets(const struct index *, struct index_pos);
/* Who walks needs the nodes behind this one soon: they lie anywhere. */
void index_fetch(const struct index *, struct index_pos);
/* Returns false at the first. */
bool index_prev(const struct index *, struct index_pos *);

/* A copy to be changed by put and remove before anybody else sees it. */
struct index *index_edit(const struct index *);
void index_put(struct index *, const struct node *);	/* adds, or replaces the node of this name */
void index_remove(struct index *, struct rel);
#endif
