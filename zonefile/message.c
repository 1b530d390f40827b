#include "zonefile/message.h"

#include <assert.h>
#include <string.h>

#include "zonefile/rdata.h"
#include "zonefile/rdata_fields.h"

#define POINTER 0xc000u
#define POINTER_MAX 0x3fffu
#define ROOT 0xffff		/* entry of the root, which is never pointed at */
#define NO_NAME ROOT

/* --- octets in words --- */

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

#define EACH(octet) ((octet) * UINT64_C(0x0101010101010101))

/* memcpy() for short lengths, without a call: the ends overlap in the middle. */
static inline void
copy(uint8_t *to, const uint8_t *from, size_t n)
{
	if (n > 64) {
		memcpy(to, from, n);
	} else if (n >= 16) {
		for (size_t i = 0; i + 16 < n; i += 16)
			memcpy(to + i, from + i, 16);
		memcpy(to + n - 16, from + n - 16, 16);
	} else if (n >= 8) {
		memcpy(to, from, 8);
		memcpy(to + n - 8, from + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, from, 4);
		memcpy(to + n - 4, from + n - 4, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
	}
}

/* --- reading --- */

bool
reader_question(struct reader *r, struct question *q)
{
	const uint8_t *name = r->base + r->at;
	size_t left = r->len - r->at, len = 0, i;

	while (len < left && name[len] != 0) {
		if (name[len] > DLABEL_MAX)
			return false;
		len += name[len] + 1u;
		if (len >= DNAME_MAX)
			return false;
	}
	len++;
	if (len + 4 > left)
		return false;
	q->wire = name;
	q->name_len = (uint8_t)len;
	for (i = 0; i + 8 <= left && i < len; i += 8) {
		uint64_t v = name_lower_word(load64(name + i));

		memcpy(q->name + i, &v, 8);
	}
	for (; i < len; i++)
		q->name[i] = name_tolower[name[i]];
	q->type = get16(name + len);
	q->class = get16(name + len + 2);
	r->at += len + 4;
	return true;
}

/* Step over a name; where its pointer leads is looked at by reader_name(). */
static size_t
skip_name(const uint8_t *at, size_t left)
{
	size_t len = 0;

	while (len < left) {
		uint8_t c = at[len];

		if (c == 0)
			return len + 1;
		if (c >= POINTER >> 8)
			return len + 2 <= left ? len + 2 : 0;
		if (c > DLABEL_MAX)
			return 0;
		len += c + 1u;
	}
	return 0;
}

bool
reader_record(struct reader *r, struct reader_record *record)
{
	size_t name = skip_name(r->base + r->at, r->len - r->at);
	const uint8_t *p = r->base + r->at + name;

	if (name == 0 || r->len - r->at - name < 10)
		return false;
	record->owner = r->at;
	record->type = get16(p);
	record->class = get16(p + 2);
	record->ttl = get32(p + 4);
	record->len = get16(p + 8);
	record->rdata = p + 10;
	if (record->len > r->len - r->at - name - 10)
		return false;
	r->at += name + 10 + record->len;
	return true;
}

size_t
reader_name(const struct reader *r, size_t at, uint8_t out[DNAME_MAX])
{
	size_t start = at, len = 0, taken = 0, bound = at;

	for (;;) {
		uint8_t c;

		if (at >= r->len)
			return 0;
		c = r->base[at];
		if (c >= POINTER >> 8) {
			if (at + 2 > r->len)
				return 0;
			if (taken == 0)
				taken = at + 2 - start;
			at = get16(r->base + at) & POINTER_MAX;
			if (at >= bound)
				return 0;
			bound = at;
			continue;
		}
		if (c > DLABEL_MAX || at + c + 1 > r->len || len + c + 1 > DNAME_MAX)
			return 0;
		memcpy(out + len, r->base + at, c + 1u);
		len += c + 1u;
		at += c + 1u;
		if (c == 0)
			return taken != 0 ? taken : at - start;
	}
}

int
reader_rdata(const struct reader *r, const struct reader_record *record, uint8_t out[MESSAGE_RDATA])
{
	const struct rrtype *row = rrtype_by_code(record->type);
	const uint8_t *from = record->rdata, *end = from + record->len;
	/* What a name may use ends with the record, or it would eat the next one. */
	struct reader within = { r->base, (size_t)(end - r->base), 0 };
	uint8_t *to = out;

	for (const uint8_t *kind = row != NULL ? row->layout : (const uint8_t *)""; *kind != F_END; kind++) {
		bool name = *kind == F_CNAME || *kind == F_NAME;
		ssize_t n = name ? (ssize_t)reader_name(&within, (size_t)(from - r->base), to) :
		    rdata_field_len(*kind, from, end - from);

		if (n < 0 || (name && n == 0))
			return -1;
		if (name) {
			to += name_len(to);
		} else {
			memcpy(to, from, (size_t)n);
			to += n;
		}
		from += n;
	}
	memcpy(to, from, (size_t)(end - from));
	to += end - from;
	return rdata_valid(record->type, out, (size_t)(to - out)) ? (int)(to - out) : -1;
}

/* --- compression --- */

/* Of a label with its length octet, whatever its case.  The words overlap, so that nothing behind the
 * label is read. */
static inline uint32_t
label_hash(uint64_t seed, const uint8_t *label)
{
	size_t n = label[0] + 1u;
	uint64_t v;

	if (n <= 3)
		v = load16(label) | load16(label + n - 2) << 16;
	else if (n <= 8)
		v = load32(label) | load32(label + n - 4) << 32;
	else {
		v = load64(label + n - 8) | EACH(0x20);
		for (size_t i = 0; i + 8 < n; i += 8)
			v = (v ^ (load64(label + i) | EACH(0x20))) *
			    UINT64_C(0x9e3779b97f4a7c15) ^ v >> 29;
	}
	v = ((v | EACH(0x20)) ^ seed) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(v >> 32);
}

static bool
label_equal(const uint8_t *a, const uint8_t *b)
{
	size_t n = a[0] + 1u;

	if (n != b[0] + 1u)
		return false;
	for (size_t i = 1; i < n; i++)
		if (a[i] != b[i] && name_tolower[a[i]] != name_tolower[b[i]])
			return false;
	return true;
}

/* The entry for a label in front of entry above, or NO_NAME; then *slot is a free one for it. */
static inline unsigned
names_find(const struct message *m, unsigned above, const uint8_t *label,
    unsigned *slot, uint16_t *hash)
{
	const struct message_names *names = m->names;
	/* Where the table lies is known to nobody outside: no name can be made to collide. */
	uint64_t seed = (uintptr_t)names * UINT64_C(0xa0761d6478bd642f) + above;
	uint32_t h = label_hash(seed, label);
	unsigned i = h & m->slot_mask;

	*hash = (uint16_t)(h >> 16);
	for (;; i = (i + 1) & m->slot_mask) {
		unsigned e = m->slot[i];
		const struct message_suffix *s = &m->name[e];

		*slot = i;
		if (e >= names->count || s->slot != i)
			return NO_NAME;
		if (s->hash == *hash && s->above == above &&
		    label_equal(m->base + s->at, label))
			return e;
	}
}

/* Returns the new entry, or NO_NAME when the table is full or the place out of a pointer's reach. */
static inline unsigned
names_add(struct message *m, unsigned above, size_t at, unsigned slot,
    uint16_t hash)
{
	unsigned e = m->names->count;

	if (e == m->name_room || at > POINTER_MAX)
		return NO_NAME;
	m->name[e] = (struct message_suffix){ (uint16_t)at, (uint16_t)above,
	    (uint16_t)slot, hash };
	m->slot[slot] = (uint16_t)e;
	m->names->count++;
	return e;
}

static inline unsigned
label_starts(const uint8_t *name, uint8_t start[DNAME_LABELS + 1])
{
	unsigned n = 0;
	size_t i = 0;

	for (; name[i] != 0; i += name[i] + 1u)
		start[n++] = (uint8_t)i;
	start[n] = (uint8_t)i;
	return n;
}

/* Make the rest of a name, labels 0 to n - 1 standing at offset at, known for what follows. */
static void
names_learn(struct message *m, unsigned above, const uint8_t *name, size_t at,
    const uint8_t *start, unsigned n)
{
	while (n-- > 0) {
		unsigned slot;
		uint16_t hash;
		unsigned e = names_find(m, above, name + start[n], &slot, &hash);

		if (e == NO_NAME)
			e = names_add(m, above, at + start[n], slot, hash);
		if (e == NO_NAME)
			return;
		above = e;
	}
}

/* The question's names are learned when the first name is compressed: many answers have none. */
static void
learn_question(struct message *m)
{
	uint8_t start[DNAME_LABELS + 1];
	const uint8_t *name = m->base + MESSAGE_HEADER;

	names_learn(m, ROOT, name, MESSAGE_HEADER, start, label_starts(name, start));
}

/* Write a name at offset at, as a pointer from the longest suffix on that is known.  Returns the
 * octets written. */
static size_t
put_name(struct message *m, size_t at, const uint8_t *name)
{
	uint8_t start[DNAME_LABELS + 1];
	unsigned n, above = ROOT, slot;
	size_t len;
	uint16_t hash;

	if (m->names->count == 0 && m->question_len > 1)
		learn_question(m);
	for (n = label_starts(name, start); n > 0; n--) {
		unsigned e = names_find(m, above, name + start[n - 1], &slot, &hash);

		if (e == NO_NAME)
			break;
		above = e;
	}
	len = start[n];
	copy(m->base + at, name, len);
	if (above == ROOT)
		m->base[at + len] = 0;
	else
		put16(m->base + at + len, POINTER | m->name[above].at);
	if (n > 0) {
		unsigned e = names_add(m, above, at + start[n - 1], slot, hash);

		if (e != NO_NAME)
			names_learn(m, e, name, at, start, n - 1);
	}
	return len + (above == ROOT ? 1 : 2);
}

/* --- writing --- */

static void
begin(struct message *m, uint8_t *base, size_t limit, struct message_names *names,
    const struct question *question)
{
	m->base = base;
	m->at = MESSAGE_HEADER;
	m->limit = limit;
	m->question_len = 0;
	m->section = SECTION_ANSWER;
	memset(m->count, 0, sizeof(m->count));
	m->flags = 0;
	m->rcode = RCODE_NOERROR;
	m->names = names;
	names->count = 0;
	if (question != NULL) {
		copy(base + MESSAGE_HEADER, question->wire, question->name_len + 4u);
		m->question_len = question->name_len;
		m->at += question->name_len + 4u;
	}
}

void
message_begin(struct message *m, uint8_t *base, size_t limit,
    struct message_names *names, const struct question *question)
{
	begin(m, base, limit, names, question);
	m->name = names->name;
	m->slot = names->slot;
	m->name_room = MESSAGE_NAMES;
	m->slot_mask = MESSAGE_SLOTS - 1;
}

void
message_begin_many(struct message *m, uint8_t *base, size_t limit,
    struct message_many_names *names, const struct question *question)
{
	begin(m, base, limit, &names->few, question);
	m->name = names->name;
	m->slot = names->slot;
	m->name_room = MESSAGE_MANY_NAMES;
	m->slot_mask = MESSAGE_MANY_SLOTS - 1;
}

void
message_clear(struct message *m)
{
	m->at = MESSAGE_HEADER;
	if (m->question_len > 0)
		m->at += m->question_len + 4;
	memset(m->count, 0, sizeof(m->count));
	m->section = SECTION_ANSWER;
	m->names->count = 0;
}

size_t
message_end(struct message *m, uint16_t id, uint16_t flags)
{
	put16(m->base, id);
	put16(m->base + 2, flags | m->flags | (m->rcode & 0xfu));
	put16(m->base + 4, m->question_len > 0);
	for (unsigned i = 0; i < 3; i++)
		put16(m->base + 6 + 2 * i, m->count[i]);
	return m->at;
}

/* Names in RDATA that may be compressed (RFC 3597 4), as far as they are in use: the octets in front
 * of the first, and how many names follow. */
struct packed { uint8_t front, names; };

static inline struct packed
packed_of(uint16_t type)
{
	switch (type) {
	case T_NS: case T_CNAME: case T_PTR:
		return (struct packed){ 0, 1 };
	case T_SOA:
		return (struct packed){ 0, 2 };
	case T_MX:
		return (struct packed){ 2, 1 };
	}
	return (struct packed){ 0, 0 };
}

/* RDATA with its length in front of it, both compressed.  Returns the end. */
static size_t
put_packed(struct message *m, size_t at, const uint8_t *from, size_t len,
    struct packed packed)
{
	const uint8_t *end = from + len;
	size_t start = at;

	at += 2;
	copy(m->base + at, from, packed.front);
	from += packed.front;
	at += packed.front;
	for (unsigned i = 0; i < packed.names; i++) {
		at += put_name(m, at, from);
		from += name_len(from);
	}
	copy(m->base + at, from, (size_t)(end - from));
	at += (size_t)(end - from);
	put16(m->base + start, (unsigned)(at - start - 2));
	return at;
}

/* The owner in front of a record, then what all records of a set share. */
struct front {
	uint8_t octets[16];
	size_t len;
};

static inline void
front_make(struct front *f, const struct owner *owner, uint16_t type,
    uint16_t class, uint32_t ttl)
{
	uint8_t *p = f->octets;

	if (owner->at != 0) {
		put16(p, POINTER | (unsigned)owner->at);
		p += 2;
	} else {
		*p++ = 0;
	}
	put16(p, type);
	put16(p + 2, class);
	put32(p + 4, ttl);
	f->len = (size_t)(p + 8 - f->octets);
}

/* Write the front of one record at offset at. */
static inline size_t
put_front(struct message *m, size_t at, const struct front *f)
{
	memcpy(m->base + at, f->octets, sizeof(f->octets));
	return at + f->len;
}

/* Write an owner that is not the root and that no record points at yet, and make f fit for the records that
 * follow.  Out of a pointer's reach each record brings its own. */
static size_t
put_first(struct message *m, size_t at, struct owner *owner, struct front *f)
{
	uint8_t *base = m->base;
	size_t len = put_name(m, at, owner->name);

	if (len == 2 && base[at] >= POINTER >> 8)
		owner->at = get16(base + at) & POINTER_MAX;
	else if (at <= POINTER_MAX)
		owner->at = at;
	/* Behind the root's or the pointer's place in f. */
	memcpy(base + at + len, f->octets + f->len - 8, 8);
	if (owner->at != 0)
		front_make(f, owner, get16(f->octets + f->len - 8),
		    get16(f->octets + f->len - 6), get32(f->octets + f->len - 4));
	return at + len + 8;
}

/* Write a record at offset at.  *named: the owner has to be spelled.  Returns the end, or 0 when it does not fit. */
static inline size_t
put_rr(struct message *m, size_t at, struct owner *owner, bool *named, struct front *f,
    struct packed packed, const uint8_t *rdata, size_t len)
{
	if (*named) {
		at = put_first(m, at, owner, f);
		*named = owner->at == 0;
	} else {
		at = put_front(m, at, f);
	}
	if (packed.names == 0) {
		/* Long owners may still not fit. */
		if (at + 2 + len > m->limit)
			return 0;
		put16(m->base + at, (unsigned)len);
		copy(m->base + at + 2, rdata, len);
		return at + 2 + len;
	}
	at = put_packed(m, at, rdata, len, packed);
	return at <= m->limit ? at : 0;
}

void
message_part(struct message *m, struct owner *owner, const struct rrset *set,
    const uint8_t **rdata, unsigned *left)
{
	struct packed packed = packed_of(set->type);
	bool named = owner->at == 0 && owner->name[0] != 0;
	const uint8_t *p = *rdata;
	struct front f;

	front_make(&f, owner, set->type, CLASS_IN, set->ttl);
	for (; *left > 0; --*left) {
		struct message_mark mark = message_mark(m);
		size_t len = get16(p), owner_at = owner->at;
		size_t at = put_rr(m, m->at, owner, &named, &f, packed, p + 2, len);

		if (at == 0) {
			message_back(m, mark);
			owner->at = owner_at;
			break;
		}
		m->at = at;
		m->count[m->section]++;
		p += 2 + len;
	}
	*rdata = p;
}

bool
message_rrset(struct message *m, struct owner *owner, const struct rrset *set,
    uint32_t ttl)
{
	struct message_mark mark = message_mark(m);
	size_t at = m->at, owner_at = owner->at;
	bool named = owner_at == 0 && owner->name[0] != 0;
	struct packed packed = packed_of(set->type);
	const uint8_t *p = set->rdata;
	struct front f;

	front_make(&f, owner, set->type, CLASS_IN, ttl);
	/* Whole when nothing can be saved; else each record shows. */
	if (packed.names == 0 && at + set->count * f.len + set->size > m->limit)
		return false;
	for (unsigned left = set->count; left > 0; left--) {
		size_t len = get16(p);

		if ((at = put_rr(m, at, owner, &named, &f, packed, p + 2, len)) == 0) {
			message_back(m, mark);
			owner->at = owner_at;
			return false;
		}
		p += 2 + len;
	}
	m->at = at;
	m->count[m->section] += set->count;
	return true;
}

bool
message_rr(struct message *m, struct owner *owner, uint16_t type, uint32_t ttl,
    const uint8_t *rdata, uint16_t len)
{
	struct message_mark mark = message_mark(m);
	size_t owner_at = owner->at, at;
	bool named = owner_at == 0 && owner->name[0] != 0;
	struct front f;

	front_make(&f, owner, type, CLASS_IN, ttl);
	at = put_rr(m, m->at, owner, &named, &f, packed_of(type), rdata, len);
	if (at == 0) {
		message_back(m, mark);
		owner->at = owner_at;
		return false;
	}
	m->at = at;
	m->count[m->section]++;
	return true;
}

bool
message_record(struct message *m, struct owner *owner, uint16_t type,
    uint16_t class, uint32_t ttl, const void *rdata, uint16_t len)
{
	struct message_mark mark = message_mark(m);
	size_t at = m->at, owner_at = owner->at;
	struct front f;

	front_make(&f, owner, type, class, ttl);
	if (owner->at == 0 && owner->name[0] != 0)
		at = put_first(m, at, owner, &f);
	else
		at = put_front(m, at, &f);
	if (at + 2 + len > m->limit) {
		message_back(m, mark);
		owner->at = owner_at;
		return false;
	}
	put16(m->base + at, len);
	memcpy(m->base + at + 2, rdata, len);
	m->at = at + 2 + len;
	m->count[m->section]++;
	return true;
}

bool
message_cname(struct message *m, struct owner *owner, uint32_t ttl,
    const uint8_t *target)
{
	struct message_mark mark = message_mark(m);
	size_t at = m->at, owner_at = owner->at;
	struct front f;

	front_make(&f, owner, T_CNAME, CLASS_IN, ttl);
	if (owner->at == 0 && owner->name[0] != 0)
		at = put_first(m, at, owner, &f);
	else
		at = put_front(m, at, &f);
	at = put_packed(m, at, target, name_len(target), packed_of(T_CNAME));
	if (at > m->limit) {
		message_back(m, mark);
		owner->at = owner_at;
		return false;
	}
	m->at = at;
	m->count[m->section]++;
	return true;
}
