/* slot_test.c - lookups, publication under readers, removal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "sync/slot.h"
#include "tests/sync/zones.h"

static const char *
found(const char *name, bool parent)
{
	struct slot *slot = slot_find(wire(name), parent);

	return slot == NULL ? "none" : slot_name(slot);
}

static void
remove_one(void *ctx, struct slot *slot)
{
	(void)ctx;
	slot_remove(slot);
}

static int
clear(void **state)
{
	(void)state;
	slot_each(remove_one, NULL);
	slot_apply();
	slot_settle();
	return 0;
}

static void
the_nearest_ancestor_is_found(void **state)
{
	static const char *const origins[] = { "example.", "sub.Example.", "a.b.c.d.example.",
	    "org.", "\\046dot.org." };
	static const struct { const char *name; bool parent; const char *found; } cases[] = {
		{ ".", false, "none" },
		{ "example.", false, "example" },
		{ "example.", true, "none" },
		{ "www.example.", false, "example" },
		{ "sub.example.", false, "sub.example" },
		{ "sub.example.", true, "example" },
		{ "x.y.z.sub.example.", true, "sub.example" },
		{ "xsub.example.", false, "example" },
		{ "b.c.d.example.", false, "example" },
		{ "a.b.c.d.example.", false, "a.b.c.d.example" },
		{ "a.b.c.d.example.", true, "example" },
		{ "z.a.b.c.d.example.", false, "a.b.c.d.example" },
		{ "examplex.", false, "none" },
		{ "sub.org.", false, "org" },
		{ "a.\\.dot.org.", false, "\\.dot.org" },
	};

	(void)state;
	assert_null(slot_find(wire("example."), false));
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		slot_add(wire(origins[i]));
	assert_null(slot_exact(wire("example.")));
	slot_apply();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(found(cases[i].name, cases[i].parent), cases[i].found);
	assert_string_equal(slot_name(slot_exact(wire("SUB.example."))), "sub.example");
	assert_null(slot_exact(wire("c.d.example.")));
	slot_add(wire("."));
	slot_apply();
	assert_string_equal(found(".", false), ".");
	assert_string_equal(found("com.", false), ".");
	assert_string_equal(found("example.", true), ".");
	assert_string_equal(found(".", true), "none");
}

static void
the_longest_name_is_found(void **state)
{
	char text[260] = "", *at = text;

	(void)state;
	for (int i = 0; i < 127; i++)
		at += sprintf(at, "a.");
	slot_add(wire(text));
	slot_add(wire(text + 2));
	slot_apply();
	assert_int_equal(name_labels(slot_origin(slot_find(wire(text), false))), 127);
	assert_int_equal(name_labels(slot_origin(slot_find(wire(text), true))), 126);
	assert_null(slot_find(wire(text + 4), false));
}

static void
remember(void *ctx, struct slot *slot)
{
	strcat(ctx, slot_name(slot));
	strcat(ctx, " ");
}

static void
each_goes_in_canonical_order(void **state)
{
	char names[100] = "";

	(void)state;
	slot_add(wire("z.example."));
	slot_remove(slot_add(wire("gone.example.")));
	slot_add(wire("example."));
	slot_add(wire("a.z.example."));
	slot_add(wire("a.example."));
	slot_each(remember, names);
	assert_string_equal(names, "example a.example z.example a.z.example ");
	slot_apply();
	*names = '\0';
	slot_each(remember, names);
	assert_string_equal(names, "example a.example z.example a.z.example ");
}

static int policies_freed;

static void
policy_freed(void *policy)
{
	assert_string_equal(policy, "old");
	policies_freed++;
}

static void
a_policy_is_freed_when_replaced_and_when_removed(void **state)
{
	struct slot *slot = slot_add(wire("example."));

	(void)state;
	policies_freed = 0;
	slot_set_policy(slot, "old", policy_freed);
	slot_apply();
	assert_string_equal(slot_policy(slot), "old");
	slot_set_policy(slot, NULL, NULL);
	slot_settle();
	assert_int_equal(policies_freed, 1);
	slot_set_policy(slot, "old", policy_freed);
	slot_remove(slot);
	slot_apply();
	slot_settle();
	assert_int_equal(policies_freed, 2);
}

static void
a_reference_outlives_removal(void **state)
{
	struct slot *slot = slot_ref(slot_add(wire("example.")));

	(void)state;
	slot_apply();
	slot_publish(slot, make_zone("example.", 1, 3, -1));
	slot_remove(slot);
	slot_apply();
	slot_settle();
	assert_true(slot_removed(slot));
	assert_null(slot_find(wire("example."), false));
	assert_null(slot_zone_ref(slot));
	slot_publish(slot, make_zone("example.", 2, 3, -1));	/* comes too late, is not lost */
	slot_unref(slot);
	/* A new one of the same name is another. */
	slot = slot_add(wire("example."));
	slot_apply();
	assert_ptr_equal(slot_find(wire("www.example."), false), slot);
	assert_null(slot_zone(slot));
}

static atomic_bool stop;
static atomic_uint seen;

static void *
read_zones(void *arg)
{
	uintptr_t bad = 0;

	(void)arg;
	slot_thread_begin();
	while (!atomic_load(&stop)) {
		slot_enter();
		for (int i = 0; i < 32; i++) {
			struct slot *slot = slot_find(wire("h1.example."), false);
			struct zone *zone;

			if (slot == NULL || (zone = slot_zone(slot)) == NULL)
				continue;
			atomic_fetch_add(&seen, 1);
			bad += zone_node(zone, wire("h1.example.")) == NULL;
			zone = slot_zone_ref(slot);
			if (zone != NULL)
				bad += zone_records(zone) != 5;
			zone_unref(zone);
		}
		slot_leave();
	}
	slot_thread_end();
	return (void *)bad;
}

static void
readers_see_whole_zones_while_they_change(void **state)
{
	pthread_t reader;
	void *bad;

	(void)state;
	pthread_create(&reader, NULL, read_zones, NULL);
	for (uint32_t i = 0; i < 600 || atomic_load(&seen) < 1000; i++) {
		struct slot *slot = slot_exact(wire("example."));

		if (i % 20 == 0) {
			if (slot != NULL)
				slot_remove(slot);
			slot = slot_add(wire("example."));
			slot_publish(slot, make_zone("example.", i, 3, -1));
			slot_apply();
		} else {
			slot_publish(slot, make_zone("example.", i, 3, -1));
		}
	}
	atomic_store(&stop, true);
	pthread_join(reader, &bad);
	assert_int_equal((uintptr_t)bad, 0);
}

static int
begin(void **state)
{
	(void)state;
	slot_thread_begin();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	slot_settle();
	slot_thread_end();
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_nearest_ancestor_is_found, clear),
		cmocka_unit_test_teardown(the_longest_name_is_found, clear),
		cmocka_unit_test_teardown(each_goes_in_canonical_order, clear),
		cmocka_unit_test_teardown(a_policy_is_freed_when_replaced_and_when_removed, clear),
		cmocka_unit_test_teardown(a_reference_outlives_removal, clear),
		cmocka_unit_test_teardown(readers_see_whole_zones_while_they_change, clear),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, end);
}
