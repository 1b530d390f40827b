/* Zones: what is found where, and that versions made from deltas are what they would be from nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "zonefile/arena.h"
#include "zonefile/builder.h"
#include "zonefile/count.h"
#include "zonefile/delta.h"
#include "zonefile/name.h"
#include "zonefile/zone.h"

static uint8_t origin[DNAME_MAX];
static struct sink quiet;

static const uint8_t *
wire(const char *text)
{
	static uint8_t out[4][DNAME_MAX];
	static unsigned turn;
	uint8_t *name = out[turn++ % 4];

	assert_true(name_parse(name, text, strlen(text), origin) > 0);
	return name;
}

/* --- a model: a zone as a list of records --- */

struct record {
	char owner[64];
	uint16_t type;
	uint8_t rdata[64];
	uint16_t len;
	uint32_t ttl;
};

struct model {
	struct record record[400];
	size_t count;
};

static void
put(struct model *m, const char *owner, uint16_t type, const void *rdata, size_t len)
{
	struct record *r = &m->record[m->count++];

	assert_true(m->count <= COUNT(m->record));
	snprintf(r->owner, sizeof(r->owner), "%s", owner);
	r->type = type;
	memcpy(r->rdata, rdata, len);
	r->len = (uint16_t)len;
	r->ttl = 300;
}

static void
put_name(struct model *m, const char *owner, uint16_t type, const char *target)
{
	const uint8_t *name = wire(target);

	put(m, owner, type, name, name_len(name));
}

static void
put_soa(struct model *m, uint32_t serial)
{
	uint8_t rdata[64] = { 0 };
	uint8_t *p = rdata;

	memcpy(p, "\1m", 3);
	memcpy(p + 3, "\1r", 3);
	p[6] = (uint8_t)(serial >> 24);
	p[7] = (uint8_t)(serial >> 16);
	p[8] = (uint8_t)(serial >> 8);
	p[9] = (uint8_t)serial;
	put(m, "@", T_SOA, rdata, 26);
}

static void
add_all(struct builder *b, const struct model *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct record *r = &m->record[i];

		builder_add(b, &(struct rr){ wire(r->owner), r->ttl, r->type, r->len, r->rdata }, NULL);
	}
}

static struct zone *
build(const struct model *m)
{
	struct builder *b = builder_new(origin, &quiet);

	add_all(b, m);
	return builder_finish(b);
}

static struct model *
base_model(void)
{
	static struct model m;

	m.count = 0;
	put_soa(&m, 1);
	put_name(&m, "@", T_NS, "ns");
	put(&m, "ns", T_A, "\300\0\2\1", 4);
	put(&m, "*.wild", T_A, "\300\0\2\2", 4);
	put(&m, "a.b.deep", T_A, "\300\0\2\3", 4);
	put_name(&m, "sub", T_NS, "ns.sub");
	put(&m, "ns.sub", T_A, "\300\0\2\4", 4);
	put_name(&m, "moved", T_DNAME, "elsewhere.");
	put(&m, "below.moved", T_A, "\300\0\2\5", 4);
	put(&m, "Case.Kept", T_A, "\300\0\2\6", 4);
	return &m;
}

/* --- finding --- */

static void
each_name_is_found_as_its_place_says(void **state)
{
	static const struct {
		const char *name;
		enum zone_match match;
		const char *node, *encloser;	/* NULL: no node */
	} cases[] = {
		{ "@", ZONE_EXACT, "@", "@" },
		{ "ns", ZONE_EXACT, "ns", "ns" },
		{ "wild", ZONE_EXACT, "wild", "wild" },
		{ "x.wild", ZONE_WILDCARD, "*.wild", "wild" },
		{ "y.x.wild", ZONE_WILDCARD, "*.wild", "wild" },
		{ "*.wild", ZONE_EXACT, "*.wild", "*.wild" },
		{ "deep", ZONE_EXACT, "deep", "deep" },
		{ "b.deep", ZONE_EXACT, "b.deep", "b.deep" },
		{ "a.b.deep", ZONE_EXACT, "a.b.deep", "a.b.deep" },
		{ "c.deep", ZONE_NONE, NULL, "deep" },
		{ "x.a.b.deep", ZONE_NONE, NULL, "a.b.deep" },
		{ "absent", ZONE_NONE, NULL, "@" },
		{ "sub", ZONE_EXACT, "sub", "sub" },
		{ "ns.sub", ZONE_CUT, "sub", "sub" },
		{ "a.b.c.sub", ZONE_CUT, "sub", "sub" },
		{ "moved", ZONE_EXACT, "moved", "moved" },
		{ "below.moved", ZONE_DNAME, "moved", "moved" },
		{ "x.moved", ZONE_DNAME, "moved", "moved" },
		{ "case.kept", ZONE_EXACT, "case.kept", "case.kept" },
	};
	struct zone *zone = build(base_model());

	(void)state;
	assert_non_null(zone);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct zone_found found;
		uint8_t owner[DNAME_MAX];

		print_message("# %s\n", cases[i].name);
		assert_int_equal(zone_find(zone, wire(cases[i].name), &found), cases[i].match);
		assert_int_equal(found.node != NULL, cases[i].node != NULL);
		if (cases[i].node != NULL) {
			zone_owner(zone, found.node, owner);
			assert_true(name_equal(owner, wire(cases[i].node)));
		}
		zone_owner(zone, found.encloser, owner);
		assert_true(name_equal(owner, wire(cases[i].encloser)));
	}
	zone_unref(zone);
}

static void
glue_is_found_below_a_cut(void **state)
{
	struct zone *zone = build(base_model());
	const struct node *node = zone_node(zone, wire("NS.Sub"));

	(void)state;
	assert_non_null(node);
	assert_true(node->flags & NODE_OCCLUDED);
	assert_null(zone_node(zone, wire("other.")));
	assert_null(zone_node(zone, wire("absent.sub")));
	zone_unref(zone);
}

static void
nodes_come_in_canonical_order(void **state)
{
	struct zone *zone = build(base_model());
	uint8_t last[DNAME_MAX], owner[DNAME_MAX];
	struct zone_walk w;
	size_t count = 0;

	(void)state;
	for (const struct node *n = zone_walk(&w, zone); n != NULL; n = zone_next(&w)) {
		zone_owner(zone, n, owner);
		if (count++ > 0)
			assert_true(name_cmp(last, owner) < 0);
		memcpy(last, owner, sizeof(last));
	}
	assert_int_equal(count, zone_names(zone));
	assert_int_equal(zone_records(zone), 10);
	zone_unref(zone);
}

static void
a_subtree_is_walked_alone(void **state)
{
	struct zone *zone = build(base_model());
	struct zone_walk w;
	size_t count = 0;

	(void)state;
	for (const struct node *n = zone_walk_below(&w, zone, wire("DEEP")); n != NULL; n = zone_next(&w))
		count++;
	assert_int_equal(count, 3);
	assert_null(zone_walk_below(&w, zone, wire("dee")));
	zone_unref(zone);
}

/* --- refusing --- */

static void
what_is_no_zone_is_refused(void **state)
{
	static const struct { const char *owner; uint16_t type; const char *target; } extra[] = {
		{ "outside.org.", T_NS, "x" },
		{ "ns", T_CNAME, "x" },
		{ "ns", T_SOA, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(extra); i++) {
		struct model *m = base_model();
		struct zone *zone;

		if (extra[i].target != NULL)
			put_name(m, extra[i].owner, extra[i].type, extra[i].target);
		else
			put(m, extra[i].owner, extra[i].type, m->record[0].rdata, m->record[0].len);
		zone = build(m);
		assert_null(zone);
	}
	for (size_t drop = 0; drop < 2; drop++) {	/* SOA, then NS */
		struct model m = *base_model();

		m.record[drop] = m.record[--m.count];
		assert_null(build(&m));
	}
}

static void
equal_records_are_kept_once(void **state)
{
	struct model *m = base_model();
	struct sink counting = { .fn = NULL };
	struct builder *b = builder_new(origin, &counting);
	struct zone *zone;

	(void)state;
	put(m, "NS", T_A, "\300\0\2\1", 4);
	add_all(b, m);
	zone = builder_finish(b);
	assert_non_null(zone);
	assert_int_equal(zone_records(zone), m->count - 1);
	assert_int_equal(counting.warnings, 1);
	zone_unref(zone);
}

/* --- versions --- */

static void
assert_same(const struct zone *a, const struct zone *b)
{
	struct zone_walk v, w;
	const struct node *m = zone_walk(&v, a), *n = zone_walk(&w, b);

	assert_true(zone_digest_equal(zone_digest(a), zone_digest(b)));
	assert_int_equal(zone_records(a), zone_records(b));
	assert_int_equal(zone_names(a), zone_names(b));
	for (; m != NULL && n != NULL; m = zone_next(&v), n = zone_next(&w)) {
		struct zone_found found;
		uint8_t owner[DNAME_MAX];

		assert_int_equal(node_cmp(m, n), 0);
		assert_int_equal(m->flags, n->flags);
		assert_int_equal(m->count, n->count);
		for (unsigned i = 0; i < m->count; i++) {
			assert_int_equal(m->set[i]->type, n->set[i]->type);
			assert_int_equal(m->set[i]->ttl, n->set[i]->ttl);
			assert_int_equal(m->set[i]->size, n->set[i]->size);
			assert_memory_equal(m->set[i]->rdata, n->set[i]->rdata, m->set[i]->size);
		}
		zone_owner(a, m, owner);
		name_lower(owner, owner);
		assert_ptr_equal(zone_node(a, owner), m);
		if (!(m->flags & NODE_OCCLUDED))
			assert_int_equal(zone_find(a, owner, &found), ZONE_EXACT);
	}
	assert_null(m);
	assert_null(n);
}

/* Few labels, so that names meet: cuts over names, wildcards, names that come and go between others. */
static void
random_edit(struct model *m, uint32_t serial)
{
	static const char *const label[] = { "a", "b", "*", "c", "Sub", "d" };
	char owner[64] = "";

	for (size_t edits = 1 + (size_t)rand() % 6; edits > 0; edits--) {
		size_t i = (size_t)rand() % COUNT(m->record);

		if (rand() % 2 && m->count > 20 && i > 2 && i < m->count) {
			m->record[i] = m->record[--m->count];
			continue;
		}
		if (m->count + 1 >= COUNT(m->record))
			continue;
		owner[0] = '\0';
		for (int depth = 1 + rand() % 4; depth > 0; depth--) {
			strcat(owner, label[(size_t)rand() % COUNT(label)]);
			strcat(owner, depth > 1 ? "." : "");
		}
		switch (rand() % 8) {
		case 0: put_name(m, owner, T_NS, "ns"); break;
		case 1: put_name(m, owner, T_DNAME, "elsewhere."); break;
		case 2: put_name(m, owner, T_PTR, "elsewhere."); break;
		case 3: put(m, owner, T_TXT, (uint8_t[]){ 1, (uint8_t)('a' + rand() % 2) }, 2); break;
		default: put(m, owner, T_A, (uint8_t[]){ 192, 0, 2, (uint8_t)(rand() % 8) }, 4);
		}
	}
	m->record[0].rdata[9] = (uint8_t)serial;
	m->record[0].rdata[8] = (uint8_t)(serial >> 8);
}

static void
a_version_from_a_delta_is_the_version_from_nothing(void **state)
{
	struct model *m = base_model();
	struct zone *current = build(m);
	unsigned tried = 0;

	(void)state;
	srand(42);
	for (uint32_t serial = 2; serial < 2000; serial++) {
		struct model before = *m;
		struct delta *delta, *back, *copy;
		struct zone *fresh, *derived, *undone;
		const uint8_t *octets;
		size_t size;

		random_edit(m, serial);
		if ((fresh = build(m)) == NULL) {	/* two DNAMEs at one name and such */
			*m = before;
			continue;
		}
		delta = delta_between(current, fresh);
		octets = delta_encode(delta, &size);
		copy = delta_decode(octets, size);
		assert_non_null(copy);
		derived = delta_apply(current, copy, &quiet);
		assert_non_null(derived);
		assert_same(derived, fresh);
		back = delta_reverse(delta);
		undone = delta_apply(derived, back, &quiet);
		assert_non_null(undone);
		assert_same(undone, current);
		zone_unref(undone);
		zone_unref(fresh);
		zone_unref(current);
		delta_free(back);
		delta_free(copy);
		delta_free(delta);
		current = derived;
		tried++;
	}
	assert_true(tried > 1000);
	zone_unref(current);
}

static void
a_chain_of_deltas_joins_to_one(void **state)
{
	struct model *m = base_model();
	struct zone *first = build(m), *last = zone_ref(first), *direct;
	struct delta *all = NULL;

	(void)state;
	srand(7);
	for (uint32_t serial = 2; serial < 60; serial++) {
		struct model before = *m;
		struct delta *step, *joined;
		struct zone *next;

		random_edit(m, serial);
		if ((next = build(m)) == NULL) {
			*m = before;
			continue;
		}
		step = delta_between(last, next);
		joined = all != NULL ? delta_join(all, step) : NULL;
		delta_free(all);
		if (joined != NULL)
			delta_free(step);
		all = joined != NULL ? joined : step;
		zone_unref(last);
		last = next;
	}
	direct = delta_apply(first, all, &quiet);
	assert_non_null(direct);
	assert_same(direct, last);
	delta_free(all);
	zone_unref(direct);
	zone_unref(last);
	zone_unref(first);
}

static void
a_delta_that_does_not_fit_is_refused(void **state)
{
	struct model *m = base_model();
	struct zone *one = build(m), *two, *three;
	struct delta *delta;

	(void)state;
	put(m, "new", T_A, "\300\0\2\7", 4);
	m->record[0].rdata[9] = 2;
	two = build(m);
	m->record[0].rdata[9] = 3;
	three = build(m);
	delta = delta_between(one, two);
	assert_null(delta_apply(three, delta, &quiet));
	delta_free(delta);
	zone_unref(one);
	zone_unref(two);
	zone_unref(three);
}

static void
no_octets_make_delta_decode_read_past_them(void **state)
{
	struct model *m = base_model();
	struct zone *one = build(m), *two;
	struct delta *delta, *cut;
	const uint8_t *octets;
	size_t size;

	(void)state;
	put(m, "new", T_A, "\300\0\2\7", 4);
	m->record[0].rdata[9] = 2;
	two = build(m);
	delta = delta_between(one, two);
	octets = delta_encode(delta, &size);
	for (size_t len = 0; len < size; len++) {
		uint8_t *part = xmalloc(len);

		memcpy(part, octets, len);
		assert_null(delta_decode(part, len));
		free(part);
	}
	srand(1);
	for (int i = 0; i < 20000; i++) {
		uint8_t *bad = xmalloc(size);

		memcpy(bad, octets, size);
		bad[(size_t)rand() % size] ^= (uint8_t)(1 << rand() % 8);
		cut = delta_decode(bad, size);
		delta_free(cut);
		free(bad);
	}
	delta_free(delta);
	zone_unref(one);
	zone_unref(two);
}

/* Versions share; what they leave behind does not pile up. */
static void
a_thousand_versions_take_the_memory_of_one(void **state)
{
	struct builder *b = builder_new(origin, &quiet);
	struct model *m = base_model();
	struct zone *zone, *next;
	size_t start;

	(void)state;
	add_all(b, m);
	for (unsigned i = 0; i < 20000; i++) {
		char owner[32];

		snprintf(owner, sizeof(owner), "host%u", i);
		builder_add(b, &(struct rr){ wire(owner), 300, T_A, 4,
		    (uint8_t[]){ 10, 0, (uint8_t)(i >> 8), (uint8_t)i } }, NULL);
	}
	zone = builder_finish(b);
	start = zone_memory(zone);
	for (uint32_t serial = 2; serial < 1002; serial++) {
		struct builder *d = builder_derive(zone, &quiet);
		struct record soa = m->record[0];

		soa.rdata[9] = (uint8_t)serial;
		soa.rdata[8] = (uint8_t)(serial >> 8);
		builder_remove(d, &(struct rr){ origin, 300, T_SOA, m->record[0].len, m->record[0].rdata });
		builder_add(d, &(struct rr){ origin, 300, T_SOA, soa.len, soa.rdata }, NULL);
		builder_add(d, &(struct rr){ wire("host77"), 300, T_A, 4,
		    (uint8_t[]){ 10, 1, (uint8_t)(serial >> 8), (uint8_t)serial } }, NULL);
		if (serial > 2)
			builder_remove(d, &(struct rr){ wire("host77"), 300, T_A, 4,
			    (uint8_t[]){ 10, 1, (uint8_t)((serial - 1) >> 8), (uint8_t)(serial - 1) } });
		next = builder_finish(d);
		assert_non_null(next);
		m->record[0] = soa;
		zone_unref(zone);
		zone = next;
	}
	assert_int_equal(zone_serial(zone), 1001);
	assert_true(zone_memory(zone) < start + start / 5);
	zone_unref(zone);
}

static void
find_absent(const struct zone *zone)
{
	for (unsigned i = 0; i < 30; i++) {
		char name[32];
		struct zone_ahead ahead;
		struct zone_found found;

		snprintf(name, sizeof(name), "absent%u", i);
		for (unsigned step = 0; step < 3; step++)
			zone_ahead(zone, wire(name), &ahead, step);
		assert_int_equal(zone_find(zone, wire(name), &found), ZONE_NONE);
	}
}

/* Of every size, made at once and grown by one name after the other. */
static void
a_search_for_an_absent_name_ends_however_full_the_zone(void **state)
{
	struct model *m = base_model();
	struct zone *grown = build(m);

	(void)state;
	alarm(60);
	for (unsigned n = 1; n < 600; n++) {
		struct builder *b = builder_new(origin, &quiet), *d = builder_derive(grown, &quiet);
		struct zone *zone;
		char deep[DNAME_MAX] = "x", host[16];

		/* Names that come with one record, and are not counted before. */
		for (unsigned i = 0; i < n % 100; i++)
			strcat(deep, ".y");
		add_all(b, m);
		builder_add(b, &(struct rr){ wire(deep), 300, T_A, 4, (const uint8_t *)"\12\0\0\1" }, NULL);
		zone = builder_finish(b);
		find_absent(zone);
		zone_unref(zone);
		snprintf(host, sizeof(host), "host%u", n);
		builder_add(d, &(struct rr){ wire(host), 300, T_A, 4, (const uint8_t *)"\12\0\0\1" }, NULL);
		zone = builder_finish(d);
		zone_unref(grown);
		find_absent(grown = zone);
	}
	zone_unref(grown);
	alarm(0);
}

/* More names than are sorted at once, each in two places when the records are mixed. */
enum { MANY = 90000 };

static void
many_owner(char out[64], unsigned n)
{
	static const char *const below[] = { "", ".b", ".B.a\\000", ".\\001x.zz" };

	snprintf(out, 64, n % 16 == 5 ? "%c%u%s" : "%c%u%s.tail", (n % 3 ? 'a' : 'A') + (int)(n * 7 % 26), n, below[n % 4]);
}

static struct zone *
build_many(const unsigned *order)
{
	struct model m = { .count = 0 };
	struct builder *b = builder_new(origin, &quiet);

	put_soa(&m, 1);
	put_name(&m, "@", T_NS, "ns.else.");
	add_all(b, &m);
	for (unsigned i = 0; i < 2 * MANY; i++) {
		unsigned n = order[i] / 2;
		uint8_t rdata[5] = { 4, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, 1 };
		char owner[64];

		many_owner(owner, n);
		builder_add(b, &(struct rr){ wire(owner), 300, order[i] % 2 ? T_TXT : T_A, order[i] % 2 ? 5 : 4, rdata }, NULL);
	}
	return builder_finish(b);
}

static void
a_large_zone_is_the_same_however_its_records_came(void **state)
{
	unsigned *order = xmalloc(2 * MANY * sizeof(*order));
	struct zone *zone[2];

	(void)state;
	for (unsigned i = 0; i < 2 * MANY; i++)
		order[i] = i;
	zone[0] = build_many(order);
	srandom(1034);
	for (unsigned i = 2 * MANY; i > 1; i--) {
		unsigned k = (unsigned)random() % i, other = order[i - 1];

		order[i - 1] = order[k];
		order[k] = other;
	}
	zone[1] = build_many(order);
	free(order);
	assert_non_null(zone[0]);
	assert_non_null(zone[1]);
	assert_true(zone_digest_equal(zone_digest(zone[0]), zone_digest(zone[1])));
	assert_int_equal(zone_names(zone[0]), zone_names(zone[1]));
	for (unsigned i = 0; i < 2; i++) {
		uint8_t last[DNAME_MAX], name[DNAME_MAX];
		struct zone_walk walk;
		const struct node *node = zone_walk(&walk, zone[i]);
		size_t names = 1;

		zone_owner(zone[i], node, last);
		for (; (node = zone_next(&walk)) != NULL; names++) {
			zone_owner(zone[i], node, name);
			assert_true(name_cmp(last, name) < 0);
			assert_ptr_equal(zone_node(zone[i], name), node);
			memcpy(last, name, sizeof(last));
		}
		assert_int_equal(names, zone_names(zone[i]));
		assert_int_equal(zone_records(zone[i]), 2 * MANY + 2);
		zone_unref(zone[i]);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_is_found_as_its_place_says),
		cmocka_unit_test(glue_is_found_below_a_cut),
		cmocka_unit_test(nodes_come_in_canonical_order),
		cmocka_unit_test(a_subtree_is_walked_alone),
		cmocka_unit_test(what_is_no_zone_is_refused),
		cmocka_unit_test(equal_records_are_kept_once),
		cmocka_unit_test(a_version_from_a_delta_is_the_version_from_nothing),
		cmocka_unit_test(a_chain_of_deltas_joins_to_one),
		cmocka_unit_test(a_delta_that_does_not_fit_is_refused),
		cmocka_unit_test(no_octets_make_delta_decode_read_past_them),
		cmocka_unit_test(a_thousand_versions_take_the_memory_of_one),
		cmocka_unit_test(a_large_zone_is_the_same_however_its_records_came),
		cmocka_unit_test(a_search_for_an_absent_name_ends_however_full_the_zone),
	};

	name_parse(origin, "example.", 8, (const uint8_t *)"");
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
