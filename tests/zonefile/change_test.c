/* Random zones and edits: a look at a change finds what a look at all of the zone does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "zonefile/check.h"
#include "zonefile/count.h"
#include "zonefile/delta.h"
#include "zonefile/master.h"
#include "zonefile/name.h"

#define PAIRS 25000

static const uint8_t origin[] = "\7example";

/* Reports without their places. */
struct heard {
	char *text[200];
	size_t count;
};

static void
hear(void *ctx, const struct report *report)
{
	struct heard *h = ctx;

	assert_true(h->count < COUNT(h->text));
	h->text[h->count] = malloc(strlen(report->text) + 3);
	sprintf(h->text[h->count++], "%c %s", report->severity == ERROR ? 'E' : 'W', report->text);
}

static void
forget(struct heard *h)
{
	while (h->count > 0)
		free(h->text[--h->count]);
}

/* What is wrong with a target may be put into other words. */
static size_t
gist(const char *text)
{
	static const char *const words[] = { " does not exist", " has no A or AAAA", " is an alias", " is below " };
	const char *end = text + strlen(text), *at;

	for (size_t i = 0; *text == 'W' && i < COUNT(words); i++)
		if ((at = strstr(text, words[i])) != NULL && at < end)
			end = at;
	return (size_t)(end - text);
}

static bool
heard(const struct heard *h, const char *text)
{
	size_t len = gist(text);

	for (size_t i = 0; i < h->count; i++)
		if (gist(h->text[i]) == len && memcmp(h->text[i], text, len) == 0)
			return true;
	return false;
}

static struct zone *
load(const char *text, const struct checks *checks, struct heard *h)
{
	static int fd = -1;
	struct sink sink = { .fn = hear, .ctx = h };
	char path[32];

	if (fd < 0)
		fd = memfd_create("zone", 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return master_load(path, origin, checks, &sink, NULL);
}

/* As a transfer of differences does it. */
static void
step(struct zone *from, const struct delta *delta, const struct checks *checks, struct heard *h)
{
	static uint8_t owner[4096][DNAME_MAX];
	static const uint8_t *name[4096];
	struct sink sink = { .fn = hear, .ctx = h };
	struct builder *b = builder_derive(from, &sink);
	struct delta_walk walk;
	struct zone *to;
	size_t count = 0;
	struct rr rr;

	builder_checks(b, checks, &sink);
	for (int added = 0; added < 2; added++) {
		(added ? delta_walk_added : delta_walk_removed)(&walk, delta);
		for (; delta_next(&walk, &rr); count++) {
			assert_true(count < COUNT(name));
			name[count] = memcpy(owner[count], rr.owner, name_len(rr.owner));
			if (added)
				builder_add(b, &rr, NULL);
			else
				builder_remove(b, &rr);
		}
	}
	if ((to = builder_finish(b)) != NULL)
		check_change(from, to, name, count, checks, 1790000000, &sink);
	zone_unref(to);
}

static const char *const names[] = { "a", "b", "x.b", "*.b", "y.x.b", "c", "ns.c", "z.z.c", "d_", "e.*.b", "_dns.e", "*" };

static size_t
random_records(char *out, size_t size, const char *owner)
{
	static const char *const one[] = { "CNAME %s\n", "DNAME %s\n", "NS %s\n" };
	static const char *const many[] = { "A 192.0.2.1\n", "A 192.0.2.2\n", "A 192.0.2.3\n", "AAAA 2001:db8::1\n", "MX 1 %s\n", "MX 2 %s\n",
	    "SRV 1 2 3 %s\n", "TXT x\n", "TXT v=spf1\n", "SPF v=spf1\n", "SVCB 1 %s\n", "LP 1 %s\n", "LP 1 Q\n LP 1 q\n",
	    "MX 1 192.0.2.1\n", "PTR u_v\n" };
	const char *target = names[rand() % COUNT(names)];
	unsigned kind = rand() % 8;
	size_t n = 0;

	n += snprintf(out + n, size - n, "%s ", owner);
	if (kind < COUNT(one) && (kind < 2 || strchr(owner, '*') == NULL))
		return n + snprintf(out + n, size - n, one[kind], target);
	for (unsigned i = 0, left = 1 + rand() % 3, last = COUNT(many); left > 0 && i < last; i++) {
		if (rand() % 4 > 0)
			continue;
		n += snprintf(out + n, size - n, many[i], names[rand() % COUNT(names)]);
		n += snprintf(out + n, size - n, " ");
		left--;
	}
	if (out[n - 2] == '\n' && rand() % 2) {
		out[n - 1] = '\0';
		return n - 1;
	}
	return n + snprintf(out + n, size - n, "HINFO %d %d\n", rand() % 2, rand() % 2);
}

/* Each name has a text of its own, that an edit may replace. */
struct text {
	char name[COUNT(names)][1024];
	char ns[64];
	bool there[COUNT(names)];
};

static void
edit(struct text *text, unsigned i)
{
	text->there[i] = rand() % 3 > 0;
	random_records(text->name[i], sizeof(text->name[i]), names[i]);
}

static char *
whole_text(const struct text *text, int serial, char *out, size_t size)
{
	size_t n = snprintf(out, size, "$TTL 300\n@ SOA ns.other. hm 1 2 3 4 %d\n NS ns.other.\n NS %s\n", serial, text->ns);

	for (size_t i = 0; i < COUNT(names); i++)
		if (text->there[i])
			n += snprintf(out + n, size - n, "%s", text->name[i]);
	return out;
}

static void
random_checks(struct checks *checks)
{
	*checks = (struct checks){ .max_records = rand() % 4 == 0 ? 30 : 0, .max_records_per_type = rand() % 4 == 0 ? 2 : 0,
	    .max_types_per_name = rand() % 4 == 0 ? 4 : 0 };
	for (int i = 0; i < CHECKS; i++)
		if (i != CHECK_DNSSEC && i != CHECK_ZONEMD)
			checks->severity[i] = rand() % 4 % 3;
}

static void
a_change_is_refused_when_the_whole_is(void **state)
{
	static struct text text;
	static char old[16384], new[16384];
	unsigned pairs = 0, refused = 0, warned = 0;

	(void)state;
	srand(5);
	for (int i = 0; pairs < PAIRS; i++) {
		struct heard before = { .count = 0 }, after = { .count = 0 }, change = { .count = 0 };
		struct checks checks, none = { .max_records = 0 };
		struct zone *from, *want;
		struct delta *delta;

		random_checks(&checks);
		sprintf(text.ns, "%s", rand() % 3 == 0 ? "a" : "ns.other.");
		for (unsigned k = 0; k < COUNT(names); k++)
			edit(&text, k);
		from = load(whole_text(&text, 1, old, sizeof(old)), &checks, &before);
		if (from == NULL) {
			forget(&before);
			continue;
		}
		pairs++;
		for (unsigned k = rand() % 8; k < 7; k += 3)
			edit(&text, rand() % COUNT(names));
		if (rand() % 16 == 0)
			sprintf(text.ns, "%s", names[rand() % 3]);
		whole_text(&text, 2, new, sizeof(new));
		if ((want = load(new, &none, &after)) == NULL)
			fail_msg("%s: %s", new, after.text[0]);
		forget(&after);
		zone_unref(load(new, &checks, &after));
		delta = delta_between(from, want);
		step(from, delta, &checks, &change);
		for (size_t k = 0; k < after.count; k++)
			if (!heard(&change, after.text[k]) && (*after.text[k] == 'E' || !heard(&before, after.text[k])))
				fail_msg("%d: a change does not tell: %s\nof\n%sand\n%s", i, after.text[k], old, new);
		for (size_t k = 0; k < change.count; k++)
			if (!heard(&after, change.text[k]))
				fail_msg("%d: only a change tells: %s\nof\n%sand\n%s", i, change.text[k], old, new);
		for (size_t k = 0; k < after.count; k++)
			if (*after.text[k] == 'E') {
				refused++;
				break;
			}
		warned += change.count;
		delta_free(delta);
		zone_unref(from);
		zone_unref(want);
		forget(&before);
		forget(&after);
		forget(&change);
	}
	assert_in_range(refused, PAIRS / 16, PAIRS);
	assert_true(warned > PAIRS / 8);
}

/* Nodes that a loaded zone's checks pass over are those that they would say nothing of. */
static void
nothing_is_passed_over_that_a_look_at_all_tells(void **state)
{
	static struct text text;
	static char file[16384];
	unsigned told = 0;

	(void)state;
	srand(6);
	for (int i = 0; i < 5000; i++) {
		struct heard loaded = { .count = 0 }, whole = { .count = 0 };
		struct sink sink = { .fn = hear, .ctx = &whole };
		struct checks checks;
		struct zone *zone;

		random_checks(&checks);
		checks.severity[CHECK_NAMES] = NOTE;	/* what the builder refuses is not looked at as a whole */
		checks.max_records_per_type = checks.max_types_per_name = 0;
		sprintf(text.ns, "%s", names[rand() % 3]);
		for (unsigned k = 0; k < COUNT(names); k++)
			edit(&text, k);
		whole_text(&text, 1, file, sizeof(file));
		zone_unref(load(file, &checks, &loaded));
		if ((zone = load(file, NULL, &whole)) != NULL) {
			forget(&whole);
			check_zone(zone, &checks, 1790000000, &sink);
			for (size_t k = 0; k < whole.count; k++)
				if (!heard(&loaded, whole.text[k]))
					fail_msg("%d: passed over: %s\nof\n%s", i, whole.text[k], file);
			told += whole.count;
			zone_unref(zone);
		}
		forget(&loaded);
		forget(&whole);
	}
	assert_true(told > 5000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_refused_when_the_whole_is),
		cmocka_unit_test(nothing_is_passed_over_that_a_look_at_all_tells),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
