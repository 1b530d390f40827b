/* snapshot_test.c - what comes back is the zone that was given, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <zstd.h>

#include "sync/snapshot.h"
#include "tests/sync/zones.h"
#include "zonefile/arena.h"

struct octets {
	uint8_t *at;
	size_t len;
};

static int
collect(void *ctx, const uint8_t *part, size_t size)
{
	struct octets *out = ctx;

	out->at = xrealloc(out->at, out->len + size);
	memcpy(out->at + out->len, part, size);
	out->len += size;
	return 0;
}

static struct octets
write_zone(const struct zone *zone)
{
	struct snapshot_writer *writer = snapshot_writer_new();
	struct octets out = { NULL, 0 };
	int64_t size;

	assert_int_equal(snapshot_write(writer, zone, collect, &out, &size), 0);
	assert_true(size > 0);
	snapshot_writer_free(writer);
	return out;
}

/* In parts of step octets. */
static struct zone *
read_zone(const uint8_t *at, size_t len, size_t step)
{
	struct snapshot_reader *reader = snapshot_reader_new(wire("example."));
	int err = 0;

	for (size_t i = 0, n; i < len && err == 0; i += n) {
		n = len - i < step ? len - i : step;
		err = snapshot_read(reader, at + i, n);
	}
	return snapshot_finish(reader);
}

static bool
same(const struct zone *a, const struct zone *b)
{
	return a != NULL && zone_digest_equal(zone_digest(a), zone_digest(b));
}

static void
the_zone_comes_back_however_the_parts_are_cut(void **state)
{
	static const size_t steps[] = { 1, 2, 7, 100, 4096, 1 << 20 };
	struct zone *zone = make_zone("example.", 7, 3000, 1), *back;
	struct octets o = write_zone(zone);

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		back = read_zone(o.at, o.len, steps[i]);
		assert_true(same(back, zone));
		zone_unref(back);
	}
	zone_unref(zone);
	free(o.at);
}

static void
what_is_cut_or_changed_gives_nothing(void **state)
{
	struct zone *zone = make_zone("example.", 7, 20, 1), *back;
	struct octets o = write_zone(zone);

	(void)state;
	for (size_t len = 0; len < o.len; len++)
		assert_null(read_zone(o.at, len, 64));
	for (size_t i = 0; i < o.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			o.at[i] ^= (uint8_t)(1 << bit);
			back = read_zone(o.at, o.len, o.len);
			/* A bit of the frame's header may mean nothing. */
			assert_true(back == NULL || same(back, zone));
			zone_unref(back);
			o.at[i] ^= (uint8_t)(1 << bit);
		}
	o.at = xrealloc(o.at, o.len + 1);
	o.at[o.len] = 0;
	assert_null(read_zone(o.at, o.len + 1, 64));
	zone_unref(zone);
	free(o.at);
}

/* Sound zstd around octets that are no records. */
static void
any_octets_are_taken(void **state)
{
	static uint8_t noise[3000], frame[4000];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t len = (size_t)round;

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245 + 12345;
			noise[i] = (uint8_t)(seed >> 16 & (round % 3 == 0 ? 255 : 7));
		}
		len = ZSTD_compress(frame, sizeof(frame), noise, len, 1);
		assert_false(ZSTD_isError(len));
		assert_null(read_zone(frame, len, 512));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_zone_comes_back_however_the_parts_are_cut),
		cmocka_unit_test(what_is_cut_or_changed_gives_nothing),
		cmocka_unit_test(any_octets_are_taken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
