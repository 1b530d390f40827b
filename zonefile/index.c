#include "zonefile/index.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "zonefile/arena.h"
#include "zonefile/hash.h"
#include "zonefile/name.h"

/* 2 KiB of hash slots and 3 KiB of ordered nodes: what an edit copies of each. */
#define PAGE_BITS 8
#define PAGE_SLOTS (1u << PAGE_BITS)
#define BLOCK_NODES 256

/* The upper 16 bits of a slot are a piece of the hash, so that other names cost no look at their nodes;
 * x86-64 and AArch64 give programs 47 and 48 bits of address unless they ask for more.  0: free. */
#define SLOT_BITS 48

struct page {
	_Atomic uint32_t refs;
	uint32_t used;
	uint64_t slot[];
};

struct block {
	_Atomic uint32_t refs;
	uint32_t count, room;
	const struct node **node;	/* behind prefix[], in the same memory */
	uint32_t prefix[];		/* upper half of rel_prefix() */
};

struct index {
	size_t count;
	unsigned page_bits;		/* slots a page, PAGE_BITS unless the zone is small */
	uint32_t pages;			/* any number of them, so that no memory waits for a zone to double */
	struct page **page;
	struct block **block;
	uint32_t blocks, room;
	uint32_t next_room;		/* of the first block */
};

/* A zone's author must not be able to choose names that collide. */
static uint64_t seed;

__attribute__((constructor)) static void
set_seed(void)
{
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uintptr_t)&seed;
}

uint64_t
index_hash_root(void)
{
	return seed;
}

uint64_t
index_hash_label(uint64_t above, const uint8_t *label)
{
	return hash_bytes(above, label, label[0] + 1u);
}

/* Offsets of the labels of a name, the one below the apex last. */
static unsigned
label_offsets(struct rel name, uint8_t offset[DNAME_LABELS])
{
	unsigned count = 0;

	for (unsigned i = 0; i < name.len; i += name.label[i] + 1u)
		offset[count++] = (uint8_t)i;
	return count;
}

static uint64_t
hash_lower(struct rel lower)
{
	uint8_t offset[DNAME_LABELS];
	uint64_t hash = index_hash_root();

	for (unsigned n = label_offsets(lower, offset); n-- > 0;)
		hash = index_hash_label(hash, lower.label + offset[n]);
	return hash;
}

uint32_t
index_hash(struct rel lower)
{
	return (uint32_t)(hash_lower(lower) >> 32);
}

struct rel
rel_lower(uint8_t out[], struct rel name)
{
	name_lower_octets(out, name.label, name.len);
	return (struct rel){ out, name.len };
}

static int
label_cmp(const uint8_t *a, const uint8_t *b)
{
	unsigned len = a[0] < b[0] ? a[0] : b[0];

	for (unsigned i = 1; i <= len; i++) {
		int d;

		if (a[i] != b[i] && (d = name_tolower[a[i]] - name_tolower[b[i]]) != 0)
			return d;
	}
	return a[0] - b[0];
}

int
rel_cmp(struct rel a, struct rel b)
{
	uint8_t a_offset[DNAME_LABELS], b_offset[DNAME_LABELS];
	unsigned m = label_offsets(a, a_offset), n = label_offsets(b, b_offset);

	while (m > 0 && n > 0) {
		int d = label_cmp(a.label + a_offset[--m], b.label + b_offset[--n]);

		if (d != 0)
			return d;
	}
	return (int)m - (int)n;
}

bool
rel_below(struct rel name, struct rel above)
{
	unsigned i = 0;

	if (name.len <= above.len)
		return false;
	while (i < name.len - above.len)
		i += name.label[i] + 1u;
	return i == name.len - above.len && rel_cmp((struct rel){ name.label + i, above.len }, above) == 0;
}

/* Its first eight octets in lower case, the first on top, 0 where there is none.  false: there is one that needs
 * to be told apart from the end. */
static bool
label_prefix(const uint8_t *label, uint64_t *key)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	unsigned len = label[0] < 8 ? label[0] : 8;
	uint64_t v = hash_load(label + 1, len), none = len < 8 ? ~UINT64_C(0) << 8 * len : 0;

	v = name_lower_word(v);
	*key = __builtin_bswap64(v);
	v |= none;
	return ((v - 2 * each) & ~v & 0x80 * each) == 0;
}

/* Eight octets of a key that orders as the names do: labels from the apex down in lower case, each ended by
 * 0, octets 0 and 1 told apart from that end by a 1 before them. */
uint64_t
rel_prefix(struct rel name)
{
	uint8_t offset[DNAME_LABELS];
	uint64_t key = 0;
	unsigned n = label_offsets(name, offset), room = 8;

	if (n == 0)
		return 0;
	if ((n == 1 || name.label[offset[n - 1]] >= 8) && label_prefix(name.label + offset[n - 1], &key))
		return key;
	key = 0;
	while (n-- > 0 && room > 0) {
		const uint8_t *label = name.label + offset[n];

		for (unsigned i = 1; i <= label[0] && room > 0; i++) {
			uint8_t c = name_tolower[label[i]];

			if (c <= 1) {
				key = key << 8 | 1;
				c++;
				if (--room == 0)
					break;
			}
			key = key << 8 | c;
			room--;
		}
		if (room > 0) {
			key <<= 8;
			room--;
		}
	}
	return key << 8 * room;
}

/* Is this lower case name the node's, in whatever case that is kept? */
static bool
owns(const struct node *node, struct rel name)
{
	const uint8_t *own = node_name(node);

	if (node->name_len != name.len)
		return false;
	if (memcmp(own, name.label, name.len) == 0)
		return true;
	for (unsigned i = 0; i < name.len; i++)
		if (name_tolower[own[i]] != name.label[i])
			return false;
	return true;
}

/* The high bits say which page. */
static struct page **
page_place(const struct index *index, uint32_t hash)
{
	return &index->page[(uint64_t)hash * index->pages >> 32];
}

static struct page *
page_of(const struct index *index, uint32_t hash)
{
	return *page_place(index, hash);
}

/* The low bits say where in the page, the 16 above PAGE_BITS are the tag. */
static uint64_t
tag_of(uint32_t hash)
{
	return (uint64_t)(hash >> PAGE_BITS & 0xffff) << SLOT_BITS;
}

static const struct node *
node_of(uint64_t slot)
{
	return (const struct node *)(uintptr_t)(slot & (((uint64_t)1 << SLOT_BITS) - 1));
}

static uint64_t
slot_of(const struct node *node)
{
	assert((uintptr_t)node >> SLOT_BITS == 0);
	return tag_of(node->hash) | (uintptr_t)node;
}

const struct node *
index_find(const struct index *index, uint64_t hash64, struct rel name)
{
	uint32_t hash = (uint32_t)(hash64 >> 32);
	const struct page *page = page_of(index, hash);
	uint32_t mask = (1u << index->page_bits) - 1;
	uint64_t tag = tag_of(hash);

	for (uint32_t i = hash & mask; page->slot[i] != 0; i = (i + 1) & mask)
		if ((page->slot[i] ^ tag) >> SLOT_BITS == 0 &&
		    owns(node_of(page->slot[i]), name))
			return node_of(page->slot[i]);
	return NULL;
}

void
index_fetch_slot(const struct index *index, uint64_t hash64)
{
	uint32_t hash = (uint32_t)(hash64 >> 32);

	__builtin_prefetch(&page_of(index, hash)->slot[hash & ((1u << index->page_bits) - 1)]);
}

const struct node *
index_fetch_node(const struct index *index, uint64_t hash64)
{
	uint32_t hash = (uint32_t)(hash64 >> 32);
	const struct page *page = page_of(index, hash);
	uint32_t mask = (1u << index->page_bits) - 1;
	uint64_t tag = tag_of(hash);

	for (uint32_t i = hash & mask; page->slot[i] != 0; i = (i + 1) & mask)
		if ((page->slot[i] ^ tag) >> SLOT_BITS == 0) {
			__builtin_prefetch(node_of(page->slot[i]));
			return node_of(page->slot[i]);
		}
	return NULL;
}

const struct node *
index_get(const struct index *index, struct rel name)
{
	uint8_t buf[DNAME_MAX];
	struct rel lower;

	if (index->count == 0)
		return NULL;
	lower = rel_lower(buf, name);
	return index_find(index, hash_lower(lower), lower);
}

/* --- hash pages --- */

static struct page *
page_new(unsigned bits)
{
	struct page *page = xcalloc(1, sizeof(*page) + ((size_t)8 << bits));

	atomic_init(&page->refs, 1);
	return page;
}

static void
page_unref(struct page *page)
{
	if (atomic_fetch_sub_explicit(&page->refs, 1, memory_order_acq_rel) == 1)
		free(page);
}

/* false when the page is full: a search for a name that is not there ends at a free slot, so some stay free,
 * and enough of them that it ends soon. */
static bool
page_add(struct page *page, unsigned bits, const struct node *node)
{
	uint32_t mask = (1u << bits) - 1, i = node->hash & mask;

	if (page->used >= mask - mask / 16)
		return false;
	while (page->slot[i] != 0)
		i = (i + 1) & mask;
	page->slot[i] = slot_of(node);
	page->used++;
	return true;
}

/* Enter the nodes that stand in the blocks, in more pages when one gets too full. */
static void
pages_fill(struct index *index)
{
	bool full;

	do {
		full = false;
		index->page = xcalloc(index->pages, sizeof(*index->page));
		for (uint32_t i = 0; i < index->pages; i++)
			index->page[i] = page_new(index->page_bits);
		for (uint32_t b = 0; b < index->blocks && !full; b++) {
			const struct block *block = index->block[b];

			for (uint32_t i = 0; i < block->count && !full; i++) {
				const struct node *node = block->node[i];

				full = !page_add(page_of(index, node->hash), index->page_bits, node);
			}
		}
		if (full) {
			for (uint32_t i = 0; i < index->pages; i++)
				free(index->page[i]);
			free(index->page);
			if (index->page_bits < PAGE_BITS)
				index->page_bits++;
			else
				index->pages *= 2;
		}
	} while (full);
}

static void
pages_size(struct index *index, size_t count)
{
	size_t slots = count + count / 2 + 2;	/* two thirds full; of thousands of pages none is then likely to be too full */

	index->page_bits = 2;
	while (index->page_bits < PAGE_BITS && (size_t)1 << index->page_bits < slots)
		index->page_bits++;
	index->pages = (uint32_t)((slots + PAGE_SLOTS - 1) / PAGE_SLOTS);
}

static void
pages_free(struct index *index)
{
	for (uint32_t i = 0; i < index->pages; i++)
		page_unref(index->page[i]);
	free(index->page);
}

static struct page **
page_writable(struct index *index, uint32_t hash)
{
	struct page **place = page_place(index, hash);
	size_t size = sizeof(**place) + ((size_t)8 << index->page_bits);
	struct page *copy;

	/* Others hold it through indexes that are frozen, so the count cannot rise from 1. */
	if (atomic_load_explicit(&(*place)->refs, memory_order_acquire) == 1)
		return place;
	copy = xmalloc(size);
	atomic_init(&copy->refs, 1);
	copy->used = (*place)->used;
	memcpy(copy->slot, (*place)->slot, (size_t)8 << index->page_bits);
	page_unref(*place);
	*place = copy;
	return place;
}

static uint32_t
page_slot(const struct page *page, uint32_t mask, const struct node *node)
{
	uint32_t i = node->hash & mask;

	while (node_of(page->slot[i]) != node)
		i = (i + 1) & mask;
	return i;
}

/* Close the gap, so that no search ends at it too early. */
static void
page_remove(struct page *page, unsigned bits, const struct node *node)
{
	uint32_t mask = (1u << bits) - 1, gap = page_slot(page, mask, node);

	page->slot[gap] = 0;
	page->used--;
	for (uint32_t i = (gap + 1) & mask; page->slot[i] != 0; i = (i + 1) & mask) {
		uint32_t home = node_of(page->slot[i])->hash & mask;

		if (((i - home) & mask) >= ((i - gap) & mask)) {
			page->slot[gap] = page->slot[i];
			page->slot[i] = 0;
			gap = i;
		}
	}
}

/* --- blocks in order --- */

static struct block *
block_new(uint32_t room)
{
	size_t keys = (offsetof(struct block, prefix) + room * sizeof(uint32_t) + 7) & ~(size_t)7;
	struct block *block = xmalloc(keys + room * sizeof(block->node[0]));

	atomic_init(&block->refs, 1);
	block->count = 0;
	block->room = room;
	block->node = (const struct node **)(void *)((uint8_t *)block + keys);
	return block;
}

static void
block_unref(struct block *block)
{
	if (atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) == 1)
		free(block);
}

static void
block_move(struct block *to, uint32_t at, const struct block *from, uint32_t start, uint32_t count)
{
	memmove(to->prefix + at, from->prefix + start, count * sizeof(to->prefix[0]));
	memmove(to->node + at, from->node + start, count * sizeof(to->node[0]));
}

static struct block *
block_writable(struct index *index, uint32_t b)
{
	struct block *old = index->block[b], *copy;

	if (atomic_load_explicit(&old->refs, memory_order_acquire) == 1 &&
	    (old->count < old->room || old->room == BLOCK_NODES))
		return old;
	copy = block_new(BLOCK_NODES);
	copy->count = old->count;
	block_move(copy, 0, old, 0, old->count);
	block_unref(old);
	return index->block[b] = copy;
}

static void
dir_insert(struct index *index, uint32_t b, struct block *block)
{
	if (index->blocks == index->room) {
		index->room = index->room * 2 + 1;
		index->block = xrealloc(index->block, index->room * sizeof(index->block[0]));
	}
	memmove(index->block + b + 1, index->block + b, (index->blocks - b) * sizeof(index->block[0]));
	index->block[b] = block;
	index->blocks++;
}

static void
dir_remove(struct index *index, uint32_t b)
{
	block_unref(index->block[b]);
	index->blocks--;
	memmove(index->block + b, index->block + b + 1, (index->blocks - b) * sizeof(index->block[0]));
}

/* Is node before the name?  The prefixes decide most cases without a look at the node. */
static bool
before(const struct block *block, uint32_t i, uint32_t prefix, struct rel name)
{
	if (block->prefix[i] != prefix)
		return block->prefix[i] < prefix;
	return rel_cmp(rel_of(block->node[i]), name) < 0;
}

struct index_pos
index_seek(const struct index *index, struct rel name)
{
	uint32_t prefix = (uint32_t)(rel_prefix(name) >> 32), low = 0, high = index->blocks;
	struct index_pos pos = { 0, 0 };

	if (index->blocks == 0)
		return pos;
	while (high - low > 1) {	/* the last block that starts before the name */
		uint32_t mid = low + (high - low) / 2;

		if (before(index->block[mid], 0, prefix, name))
			low = mid;
		else
			high = mid;
	}
	pos.block = low;
	for (low = 0, high = index->block[pos.block]->count; low < high;) {
		uint32_t mid = low + (high - low) / 2;

		if (before(index->block[pos.block], mid, prefix, name))
			low = mid + 1;
		else
			high = mid;
	}
	pos.at = low;
	if (pos.at == index->block[pos.block]->count && pos.block + 1 < index->blocks)
		pos = (struct index_pos){ pos.block + 1, 0 };
	return pos;
}

const struct node *
index_at(const struct index *index, struct index_pos pos)
{
	if (pos.block >= index->blocks || pos.at >= index->block[pos.block]->count)
		return NULL;
	return index->block[pos.block]->node[pos.at];
}

struct index_pos
index_next(const struct index *index, struct index_pos pos)
{
	if (++pos.at >= index->block[pos.block]->count && pos.block + 1 < index->blocks)
		pos = (struct index_pos){ pos.block + 1, 0 };
	return pos;
}

void
index_fetch(const struct index *index, struct index_pos pos)
{
	const struct block *block = index->block[pos.block];

	/* A node, and when that has come, its sets. */
	if (pos.at + 12 < block->count)
		__builtin_prefetch(block->node[pos.at + 12]);
	if (pos.at + 6 < block->count) {
		const struct node *node = block->node[pos.at + 6];

		for (unsigned i = 0; i < node->count && i < 2; i++)
			__builtin_prefetch(node->set[i]);
	}
}

struct index_pos
index_nth(size_t number)
{
	return (struct index_pos){ (uint32_t)(number / BLOCK_NODES), number % BLOCK_NODES };
}

#define NEAR 3

void
index_fetch_nodes(const struct index *index, struct index_pos pos)
{
	const struct block *block = index->block[pos.block];

	for (uint32_t i = pos.at; i < block->count && i < pos.at + NEAR; i++)
		__builtin_prefetch(block->node[i]);
}

void
index_fetch_sets(const struct index *index, struct index_pos pos)
{
	const struct block *block = index->block[pos.block];

	for (uint32_t i = pos.at; i < block->count && i < pos.at + NEAR; i++)
		if (block->node[i]->count > 0)
			__builtin_prefetch(block->node[i]->set[0]);
}

bool
index_prev(const struct index *index, struct index_pos *pos)
{
	if (pos->at > 0) {
		pos->at--;
		return true;
	}
	if (pos->block == 0)
		return false;
	pos->block--;
	pos->at = index->block[pos->block]->count - 1;
	return true;
}

struct index_pos
index_last(const struct index *index)
{
	return (struct index_pos){ index->blocks - 1, index->block[index->blocks - 1]->count - 1 };
}

/* --- whole indexes --- */

/* In more pages when there is no room in its page; the blocks hold the node already. */
static void
hash_insert(struct index *index, struct page *page, const struct node *node)
{
	if (page_add(page, index->page_bits, node))
		return;
	pages_free(index);
	pages_size(index, index->count * 2);
	pages_fill(index);
}

struct index *
index_new(size_t expected)
{
	struct index *index = xcalloc(1, sizeof(*index));

	index->room = (uint32_t)(expected / BLOCK_NODES + 1);
	index->block = xmalloc(index->room * sizeof(index->block[0]));
	index->next_room = expected < BLOCK_NODES ? (uint32_t)expected + 1 : BLOCK_NODES;
	pages_size(index, expected);
	pages_fill(index);
	return index;
}

void
index_append(struct index *index, const struct node *node, uint64_t prefix)
{
	struct block *block = index->blocks > 0 ? index->block[index->blocks - 1] : NULL;

	if (block == NULL || block->count == BLOCK_NODES) {
		dir_insert(index, index->blocks, block = block_new(index->next_room));
		index->next_room = BLOCK_NODES;
	} else if (block->count == block->room) {
		block = block_writable(index, index->blocks - 1);
	}
	block->node[block->count] = node;
	block->prefix[block->count++] = (uint32_t)(prefix >> 32);
	index->count++;
	hash_insert(index, page_of(index, node->hash), node);	/* nobody else has it yet */
}

void
index_prefetch(const struct index *index, const struct node *node)
{
	const struct page *page = page_of(index, node->hash);

	__builtin_prefetch(page, 1);
	__builtin_prefetch(&page->slot[node->hash & ((1u << index->page_bits) - 1)], 1);
}

void
index_free(struct index *index)
{
	if (index == NULL)
		return;
	pages_free(index);
	for (uint32_t b = 0; b < index->blocks; b++)
		block_unref(index->block[b]);
	free(index->block);
	free(index);
}

size_t
index_count(const struct index *index)
{
	return index->count;
}

size_t
index_memory(const struct index *index)
{
	size_t page = sizeof(struct page) + ((size_t)8 << index->page_bits);
	size_t total = sizeof(*index) + (page + sizeof(void *)) * index->pages;

	for (uint32_t b = 0; b < index->blocks; b++)
		total += sizeof(struct block) + sizeof(void *) + index->block[b]->room * 12;
	return total;
}

struct index *
index_edit(const struct index *from)
{
	struct index *index = xmalloc(sizeof(*index));
	size_t pages = from->pages;

	*index = *from;
	index->page = xmalloc(pages * sizeof(index->page[0]));
	memcpy(index->page, from->page, pages * sizeof(index->page[0]));
	for (size_t i = 0; i < pages; i++)
		atomic_fetch_add_explicit(&index->page[i]->refs, 1, memory_order_relaxed);
	index->room = from->blocks + 1;
	index->block = xmalloc(index->room * sizeof(index->block[0]));
	memcpy(index->block, from->block, from->blocks * sizeof(index->block[0]));
	for (uint32_t b = 0; b < index->blocks; b++)
		atomic_fetch_add_explicit(&index->block[b]->refs, 1, memory_order_relaxed);
	return index;
}

/* Put node before pos, splitting a full block. */
static void
order_insert(struct index *index, struct index_pos pos, const struct node *node)
{
	struct block *block;

	if (index->blocks == 0)
		dir_insert(index, 0, block_new(BLOCK_NODES));
	block = block_writable(index, pos.block);
	if (block->count == BLOCK_NODES) {
		struct block *upper = block_new(BLOCK_NODES);
		uint32_t half = BLOCK_NODES / 2;

		block_move(upper, 0, block, half, BLOCK_NODES - half);
		upper->count = BLOCK_NODES - half;
		block->count = half;
		dir_insert(index, pos.block + 1, upper);
		if (pos.at > half) {
			pos = (struct index_pos){ pos.block + 1, pos.at - half };
			block = upper;
		}
	}
	block_move(block, pos.at + 1, block, pos.at, block->count - pos.at);
	block->node[pos.at] = node;
	block->prefix[pos.at] = (uint32_t)(rel_prefix(rel_of(node)) >> 32);
	block->count++;
}

void
index_put(struct index *index, const struct node *node)
{
	struct index_pos pos = index_seek(index, rel_of(node));
	const struct node *old = index_at(index, pos);

	if (old == NULL || rel_cmp(rel_of(old), rel_of(node)) != 0) {
		index->count++;
		order_insert(index, pos, node);
		hash_insert(index, *page_writable(index, node->hash), node);
		return;
	}
	if (old != node) {
		struct page *page = *page_writable(index, node->hash);

		block_writable(index, pos.block)->node[pos.at] = node;
		page->slot[page_slot(page, (1u << index->page_bits) - 1, old)] = slot_of(node);
	}
}

void
index_remove(struct index *index, struct rel name)
{
	struct index_pos pos = index_seek(index, name);
	const struct node *node = index_at(index, pos);
	struct block *block;

	assert(node != NULL && rel_cmp(rel_of(node), name) == 0);
	page_remove(*page_writable(index, node->hash), index->page_bits, node);
	block = block_writable(index, pos.block);
	block_move(block, pos.at, block, pos.at + 1, block->count - pos.at - 1);
	if (--block->count == 0)
		dir_remove(index, pos.block);
	index->count--;
}
