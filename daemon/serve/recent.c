#include "daemon/serve/recent.h"

#include <string.h>

#include "zonefile/hash.h"

#define POINTERS 255		/* of one entry */

/* In the ring stand the offsets of the pointers, then the octets as they are behind a question of the node's own name. */

static struct recent_slot *
set_of(struct recent *recent, struct recent_key key)
{
	uint64_t hash = hash_mix(key.zone ^ (uintptr_t)key.node ^ key.kind,
	    UINT64_C(0x9e3779b97f4a7c15));

	return recent->slot[hash % RECENT_SETS];
}

static bool
is(const struct recent_slot *slot, struct recent_key key)
{
	return slot->node == key.node && slot->zone == key.zone && slot->kind == key.kind;
}

static size_t
question_end(const struct message *m)
{
	return MESSAGE_HEADER + m->question_len + 4;
}

bool
recent_copy(struct recent *recent, struct recent_key key, size_t len,
    struct message *m, bool *keep)
{
	struct recent_slot *slot = set_of(recent, key);
	uint8_t *out = m->base + m->at;
	unsigned by = (unsigned)(m->question_len - len);
	const uint8_t *from;

	*keep = false;
	if (!is(slot, key) && !is(++slot, key)) {
		/* The second place is for those asked for once; so names asked for at random push nobody out. */
		*slot = (struct recent_slot){ .zone = key.zone, .node = key.node,
		    .kind = (uint8_t)key.kind };
		return false;
	}
	if (slot->len == 0 || recent->head - slot->at > RECENT_RING) {
		*keep = true;
		return false;
	}
	if (m->at + slot->len > m->limit)
		return false;
	from = recent->ring + slot->at % RECENT_RING;
	memcpy(out, from + 2 * slot->pointers, slot->len);
	for (unsigned i = 0; i < slot->pointers && by > 0; i++) {
		uint16_t offset;

		memcpy(&offset, from + 2 * i, 2);
		put16(out + offset, get16(out + offset) + by);
	}
	m->at += slot->len;
	m->count[SECTION_AUTHORITY] = slot->count[0];
	m->count[SECTION_ADDITIONAL] = slot->count[1];
	return true;
}

struct pointers {
	unsigned count;
	uint16_t at[POINTERS];
};

/* Note the pointer that a name ends with, if it does.  Returns the end of the name. */
static size_t
note_name(struct pointers *pointers, const uint8_t *base, size_t at)
{
	for (; base[at] != 0; at += base[at] + 1u)
		if (base[at] > DLABEL_MAX) {
			pointers->at[pointers->count++] = (uint16_t)at;
			return at + 2;
		}
	return at + 1;
}

/* All pointers of the message behind the question; only NS and SOA have them in RDATA here.  Returns false when there are too
 * many. */
static bool
note_records(struct pointers *pointers, const struct message *m)
{
	size_t at = question_end(m);

	pointers->count = 0;
	while (at < m->at) {
		if (pointers->count + 3 > POINTERS)
			return false;
		at = note_name(pointers, m->base, at);
		if (get16(m->base + at) == T_NS)
			note_name(pointers, m->base, at + 10);
		else if (get16(m->base + at) == T_SOA)
			note_name(pointers, m->base, note_name(pointers, m->base, at + 10));
		at += 10 + (size_t)get16(m->base + at + 8);
	}
	return true;
}

void
recent_keep(struct recent *recent, struct recent_key key, size_t len,
    const struct message *m)
{
	struct recent_slot *slot = set_of(recent, key);
	size_t start = question_end(m), octets = m->at - start, size;
	unsigned by = (unsigned)(m->question_len - len);
	struct pointers pointers;
	uint8_t *to;

	if (!is(slot, key))
		slot++;
	if (octets > UINT16_MAX / 2 || !note_records(&pointers, m))
		return;
	/* Names of the question below the node are not there the next time. */
	for (unsigned i = 0; i < pointers.count; i++)
		if ((get16(m->base + pointers.at[i]) & 0x3fffu) < MESSAGE_HEADER + by)
			return;
	size = 2 * pointers.count + octets;
	if (recent->head % RECENT_RING + size > RECENT_RING)
		recent->head += RECENT_RING - recent->head % RECENT_RING;
	*slot = (struct recent_slot){ .zone = key.zone, .node = key.node,
	    .kind = (uint8_t)key.kind, .at = recent->head, .len = (uint16_t)octets,
	    .count = { m->count[SECTION_AUTHORITY], m->count[SECTION_ADDITIONAL] },
	    .pointers = (uint8_t)pointers.count };
	to = recent->ring + recent->head % RECENT_RING;
	recent->head += size;
	memcpy(to + 2 * pointers.count, m->base + start, octets);
	for (unsigned i = 0; i < pointers.count; i++) {
		uint16_t offset = (uint16_t)(pointers.at[i] - start);
		uint8_t *pointer = to + 2 * pointers.count + offset;

		put16(pointer, get16(pointer) - by);
		memcpy(to + 2 * i, &offset, 2);
	}
	if (slot != set_of(recent, key)) {
		struct recent_slot kept = *slot;

		*slot = slot[-1];
		slot[-1] = kept;
	}
}
