/* The SQLite target in a file of its own; with TANDEM_MYSQL_SOCKET in the environment MySQL, as root without a password; and by
 * TANDEM_MYSQL_PORT as user tandem with TANDEM_MYSQL_PASSWORD. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sync/target_impl.h"
#include "tests/sync/zone_text.h"
#include "zonefile/count.h"

static char file[] = "/tmp/target_test.XXXXXX";
static struct target_conf conf = { .owner = "tandem@test", .style = { 407, true } };
static const uint8_t origin[] = "\7example\4test";

static struct target *
opened(const struct target_conf *c)
{
	struct target *t = target_open(c);

	if (target_connect(t) != TARGET_OK)
		fail_msg("%s", target_why(t));
	return t;
}

static void
run(struct target *t, const char *statement)
{
	struct text text = { 0 };

	text_str(&text, statement);
	assert_int_equal(target_begin(t), TARGET_OK);
	if (t->ops->post(t, &text, -1) != TARGET_OK || t->ops->flush(t) != TARGET_OK)
		fail_msg("%s: %s", statement, target_why(t));
	assert_int_equal(target_commit(t), TARGET_OK);
	free(text.s);
}

static void
add_line(void *ctx, const char *const *value, const size_t *len)
{
	struct lines *l = ctx;

	l->line = xrealloc(l->line, (l->count + 1) * sizeof(*l->line));
	l->line[l->count++] = xasprintf("%s|%s|%s|%s|%s|%s|%s|%s", value[0], value[1] ? value[1] : "-",
	    value[2] ? value[2] : "-", value[3] ? value[3] : "-", value[4] ? value[4] : "-", value[5],
	    value[6] ? value[6] : "-", value[7]);
	(void)len;
}

static void
select_rows(struct target *t, const char *statement, sql_row_fn *fn, void *ctx)
{
	struct text text = { 0 };

	text_str(&text, statement);
	if (t->ops->query(t, &text, fn, ctx) != TARGET_OK)
		fail_msg("%s: %s", statement, target_why(t));
	free(text.s);
}

static void
add_value(void *ctx, const char *const *value, const size_t *len)
{
	(void)len;
	snprintf(ctx, 256, "%s", value[0] != NULL ? value[0] : "NULL");
}

static const char *
value_of(struct target *t, const char *statement)
{
	static char value[256];

	strcpy(value, "nothing");
	select_rows(t, statement, add_value, value);
	return value;
}

/* The rows in the database are those of the zone. */
static void
assert_rows(struct target *t, const struct zone *zone)
{
	struct lines want = { 0 }, have = { 0 };

	rows_each(zone, &conf.style, NULL, lines_add, &want);
	select_rows(t, "SELECT r.name, r.type, content, ttl, prio, disabled, ordername, auth FROM records r "
	    "JOIN domains d ON d.id = domain_id WHERE d.name = 'example.test'", add_line, &have);
	lines_sort(&want);
	lines_sort(&have);
	for (size_t i = 0; i < want.count && i < have.count; i++)
		assert_string_equal(have.line[i], want.line[i]);
	assert_int_equal(have.count, want.count);
	lines_free(&want);
	lines_free(&have);
}

static void
assert_counts(const struct target *t, unsigned deleted, unsigned inserted, unsigned updated)
{
	const struct target_counts *c = target_counts(t);

	assert_int_equal(c->deleted, deleted);
	assert_int_equal(c->inserted, inserted);
	assert_int_equal(c->updated, updated);
}

static void
assert_state(struct target *t, const struct zone *zone)
{
	struct target_state state;
	bool known;

	assert_int_equal(target_state(t, origin, &state, &known), TARGET_OK);
	assert_true(known);
	assert_string_equal(state.name, "example.test");
	assert_int_equal(state.serial, zone_serial(zone));
	assert_true(zone_digest_equal(state.digest, zone_digest(zone)));
}

struct heard {
	unsigned missing, extra, wrong;
	char last[512];
};

static void
hear(void *ctx, const char *what, const char *row)
{
	struct heard *h = ctx;

	h->missing += strcmp(what, "missing") == 0;
	h->extra += strcmp(what, "extra") == 0;
	h->wrong += strcmp(what, "wrong") == 0;
	snprintf(h->last, sizeof(h->last), "%s", row);
}

static void
assert_verdict(struct target *t, const struct zone *zone, unsigned missing, unsigned extra, unsigned wrong)
{
	struct heard h = { .missing = 0 };
	struct target_verdict v;

	if (target_verify(t, zone, false, hear, &h, &v) != TARGET_OK)
		fail_msg("%s", target_why(t));
	assert_true(v.known);
	assert_false(v.behind);
	assert_int_equal(v.missing, missing);
	assert_int_equal(v.extra, extra);
	assert_int_equal(v.wrong, wrong);
	assert_int_equal(h.missing, missing);
	assert_int_equal(h.extra, extra);
	assert_int_equal(h.wrong, wrong);
}

static enum target_result
compare(struct target *t, const struct zone *zone, bool adopt)
{
	enum target_result result;

	assert_int_equal(target_begin(t), TARGET_OK);
	result = target_compare(t, zone, adopt, NULL);
	if (result == TARGET_OK)
		result = target_commit(t);
	return result;
}

static enum target_result
update(struct target *t, const struct zone *from, const struct zone *to)
{
	struct delta *delta = delta_between(from, to);
	enum target_result result;

	assert_int_equal(target_begin(t), TARGET_OK);
	result = target_update(t, from, to, delta, NULL);
	if (result == TARGET_OK)
		result = target_commit(t);
	delta_free(delta);
	return result;
}

#define REST "ns A 192.0.2.1\nx A 192.0.2.2\nx A 192.0.2.3\nx TXT abc\nx TXT ABC\nx TXT \"it's; a \\\\ test\"\n" \
	"b.c MX 10 x\nsub NS ns.sub\nns.sub A 192.0.2.4\nns.sub TXT hidden\n"
#define HEAD(serial) "$TTL 300\n@ SOA ns hostmaster " #serial " 3600 600 86400 60\n@ NS ns\n"
#define VERSION1 HEAD(1) REST

static struct zone *
first(struct target *t)
{
	struct zone *zone = zone_from("example.test", VERSION1);

	if (compare(t, zone, false) != TARGET_OK)
		fail_msg("%s", target_why(t));
	return zone;
}

/* Each test begins with a database that has no zone. */
static int
begin_empty(void **state)
{
	static const char *const table[] = {
		"records", "domainmetadata", "cryptokeys", "comments", "tandem_state", "domains",
	};
	struct target *t = opened(&conf);
	char statement[64];

	for (size_t i = 0; i < COUNT(table); i++) {
		snprintf(statement, sizeof(statement), "DELETE FROM %s", table[i]);
		run(t, statement);
	}
	*state = t;
	return 0;
}

static int
end(void **state)
{
	target_close(*state);
	return 0;
}

static void
a_first_mirror_writes_all_rows(void **state)
{
	struct target *t = *state;
	struct zone *zone = first(t);

	assert_counts(t, 0, 13, 0);
	assert_int_equal(target_counts(t)->domains_created, 1);
	assert_rows(t, zone);
	assert_state(t, zone);
	assert_string_equal(value_of(t, "SELECT type FROM domains"), "NATIVE");
	assert_string_equal(value_of(t, "SELECT account FROM domains"), "tandem@test");
	assert_string_equal(value_of(t, "SELECT notified_serial FROM domains"), "NULL");
	assert_int_equal(compare(t, zone, false), TARGET_OK);
	assert_counts(t, 0, 0, 0);
	zone_unref(zone);
}

static void
a_delta_touches_only_what_differs(void **state)
{
	struct target *t = *state;
	struct zone *from = first(t), *to;
	char ids[256];

	strcpy(ids, value_of(t, "SELECT id FROM records WHERE type = 'A' AND content = '192.0.2.3'"));
	to = zone_from("example.test", HEAD(2) "ns A 192.0.2.1\nx A 192.0.2.2\nx A 192.0.2.9\nx TXT ABC\n"
	    "x TXT \"it's; a \\\\ test\"\nb.c MX 10 x\nsub NS ns.sub\nns.sub A 192.0.2.4\nns.sub TXT hidden\n");
	if (update(t, from, to) != TARGET_OK)
		fail_msg("%s", target_why(t));
	assert_counts(t, 1, 0, 2);
	assert_rows(t, to);
	assert_state(t, to);
	assert_string_equal(value_of(t, "SELECT id FROM records WHERE content = '192.0.2.9'"), ids);
	assert_int_equal(update(t, from, to), TARGET_DRIFTED);
	assert_rows(t, to);
	zone_unref(from);
	zone_unref(to);
}

static void
drift_is_seen_and_repaired_row_by_row(void **state)
{
	struct target *t = *state;
	struct zone *from = first(t), *to = zone_from("example.test", HEAD(2) REST "y A 192.0.2.7\n");
	struct zone *gone = zone_from("example.test", HEAD(2) "ns A 192.0.2.1\n");

	run(t, "DELETE FROM records WHERE content = '192.0.2.3'");
	run(t, "UPDATE records SET auth = 0 WHERE type = 'MX'");
	run(t, "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, auth) "
	    "SELECT id, 'evil.example.test', 'A', '192.0.2.66', 60, 0, 0, 1 FROM domains");
	assert_int_equal(update(t, from, gone), TARGET_DRIFTED);
	assert_state(t, from);
	assert_int_equal(compare(t, to, false), TARGET_OK);
	/* The foreign row goes, both A come, the MX and the SOA change in place. */
	assert_counts(t, 1, 2, 2);
	assert_rows(t, to);
	assert_state(t, to);
	zone_unref(from);
	zone_unref(to);
	zone_unref(gone);
}

static void
what_differs_is_told_and_left(void **state)
{
	struct target *t = *state;
	struct zone *zone = first(t), *other = zone_from("example.test", HEAD(2) REST);
	struct target_verdict v;

	assert_verdict(t, zone, 0, 0, 0);
	if (t->ops->sum != NULL) {
		/* The sum alone says so. */
		const char *sum = t->ops->sum;
		struct target_ops ops = *t->ops;
		const struct target_ops *kept = t->ops;

		ops.query = t->ops->query;
		ops.sum = "SELECT 13, 0 FROM domains WHERE id = ";
		t->ops = &ops;
		assert_verdict(t, zone, 0, 0, 0);
		t->ops = kept;
		assert_ptr_equal(t->ops->sum, sum);
	}
	run(t, "UPDATE records SET content = '192.0.2.3' WHERE content = '192.0.2.2'");
	assert_verdict(t, zone, 1, 1, 0);
	run(t, "DELETE FROM records WHERE type IS NULL");
	assert_verdict(t, zone, 2, 1, 0);
	run(t, "UPDATE domains SET type = 'SLAVE'");
	assert_verdict(t, zone, 2, 1, 1);
	assert_int_equal(compare(t, zone, false), TARGET_OK);
	assert_verdict(t, zone, 0, 0, 0);
	assert_int_equal(target_verify(t, other, false, hear, &(struct heard){ .missing = 0 }, &v), TARGET_OK);
	assert_true(v.behind);
	run(t, "UPDATE domains SET account = 'somebody'");
	assert_int_equal(target_verify(t, zone, false, hear, &(struct heard){ .missing = 0 }, &v), TARGET_OK);
	assert_false(v.known);
	zone_unref(zone);
	zone_unref(other);
}

/* Two instances, a connection each. */
static void
one_of_two_has_the_lease(void **state)
{
	struct target_conf mine = conf, theirs = conf;
	struct target *t = *state, *a, *b;
	struct target_lease lease, seen;
	struct zone *zone = zone_from("example.test", VERSION1);

	run(t, "DELETE FROM tandem_lease");
	mine.token = "a";
	mine.instance = "here";
	theirs.token = "b";
	theirs.instance = "there";
	a = opened(&mine);
	b = opened(&theirs);
	/* Without it nothing is written. */
	assert_int_equal(target_begin(a), TARGET_STANDBY);
	assert_int_equal(target_lease_beat(a), TARGET_STANDBY);
	assert_int_equal(target_lease_read(a, &lease), TARGET_OK);
	assert_false(lease.ours);
	assert_string_equal(lease.token, "");
	assert_int_equal(target_lease_read(b, &seen), TARGET_OK);
	assert_int_equal(target_lease_take(a, &lease), TARGET_OK);
	/* It is not what b has seen any more. */
	assert_int_equal(target_lease_take(b, &seen), TARGET_STANDBY);
	assert_int_equal(target_lease_read(b, &seen), TARGET_OK);
	assert_false(seen.ours);
	assert_string_equal(seen.holder, "here");
	assert_int_equal(target_lease_beat(a), TARGET_OK);
	assert_int_equal(target_lease_take(b, &seen), TARGET_STANDBY);
	assert_int_equal(compare(a, zone, false), TARGET_OK);
	assert_int_equal(target_begin(b), TARGET_STANDBY);
	/* It does not change hands inside of a transaction. */
	assert_int_equal(target_lease_read(b, &seen), TARGET_OK);
	assert_int_equal(target_begin(a), TARGET_OK);
	assert_int_not_equal(target_lease_take(b, &seen), TARGET_OK);
	assert_int_equal(target_commit(a), TARGET_OK);
	/* Its end was a beat, since it was long. */
	assert_int_equal(target_lease_take(b, &seen), TARGET_STANDBY);
	assert_int_equal(target_lease_read(b, &seen), TARGET_OK);
	assert_int_equal(target_lease_take(b, &seen), TARGET_OK);
	assert_int_equal(target_begin(a), TARGET_STANDBY);
	assert_non_null(strstr(target_why(a), "there"));
	assert_int_equal(target_lease_beat(a), TARGET_STANDBY);
	assert_int_equal(compare(b, zone, false), TARGET_OK);
	target_lease_release(a);
	assert_int_equal(target_lease_read(a, &lease), TARGET_OK);
	assert_string_equal(lease.token, "b");
	target_lease_release(b);
	assert_int_equal(target_lease_read(a, &lease), TARGET_OK);
	assert_string_equal(lease.token, "");
	target_close(a);
	target_close(b);
	zone_unref(zone);
}

static void
a_group_that_was_prepared_ends_in_the_same_rows(void **state)
{
	static const char *const name[] = { "a.test", "b.test", "c.test", "d.test" };
	struct target *t = *state;
	struct target_intent intent[COUNT(name)];
	struct zone *zone[COUNT(name)];

	for (size_t i = 0; i < COUNT(name); i++) {
		zone[i] = zone_from(name[i], VERSION1);
		intent[i] = (struct target_intent){ zone_origin(zone[i]), i != 3 };
	}
	run(t, "INSERT INTO domains (name, type, account) VALUES ('b.test', 'NATIVE', 'tandem@test')");
	for (int round = 0; round < 2; round++) {
		assert_int_equal(target_begin(t), TARGET_OK);
		if (target_prepare(t, intent, COUNT(name)) != TARGET_OK)
			fail_msg("%s", target_why(t));
		for (size_t i = 0; i < COUNT(name); i++)
			if (target_compare(t, zone[i], false, NULL) != TARGET_OK)
				fail_msg("%s", target_why(t));
		assert_int_equal(target_counts(t)->domains_created, round == 0 ? 3 : 0);
		assert_int_equal(target_counts(t)->inserted, round == 0 ? 4 * 13 : 0);
		if (target_commit(t) != TARGET_OK)
			fail_msg("%s", target_why(t));
	}
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM tandem_state s JOIN domains d ON d.id = domain_id AND HEX(d.name) = HEX(s.name)"), "4");
	for (size_t i = 0; i < COUNT(name); i++) {
		assert_verdict(t, zone[i], 0, 0, 0);
		zone_unref(zone[i]);
	}
}

static void
a_lost_state_row_is_written_again(void **state)
{
	struct target *t = *state;
	struct zone *zone = first(t);
	struct target_state s;
	bool known;

	run(t, "DELETE FROM tandem_state");
	assert_int_equal(target_state(t, origin, &s, &known), TARGET_OK);
	assert_false(known);
	assert_int_equal(compare(t, zone, false), TARGET_OK);
	assert_counts(t, 0, 0, 0);
	assert_state(t, zone);
	zone_unref(zone);
}

static void
count_state(void *ctx, const struct target_state *s)
{
	(void)s;
	++*(unsigned *)ctx;
}

static unsigned
states(struct target *t)
{
	unsigned count = 0;

	if (target_states(t, count_state, &count) != TARGET_OK)
		fail_msg("%s", target_why(t));
	return count;
}

#define STATES_BESIDE_DOMAINS "SELECT COUNT(*) FROM tandem_state s JOIN domains d ON d.id = s.domain_id AND HEX(d.name) = HEX(s.name)"

static void
a_domain_that_was_deleted_is_made_again(void **state)
{
	struct target *t = *state;
	struct zone *from = first(t), *to = zone_from("example.test", HEAD(2) "ns A 192.0.2.1\n");

	run(t, "DELETE FROM records");
	run(t, "DELETE FROM domains");
	assert_int_equal(states(t), 1);
	assert_int_equal(update(t, from, to), TARGET_DRIFTED);
	assert_int_equal(compare(t, to, false), TARGET_OK);
	assert_int_equal(target_counts(t)->domains_created, 1);
	assert_rows(t, to);
	assert_state(t, to);
	assert_int_equal(states(t), 1);
	assert_string_equal(value_of(t, STATES_BESIDE_DOMAINS), "1");
	zone_unref(from);
	zone_unref(to);
}

static void
a_group_makes_deleted_domains_again(void **state)
{
	struct target *t = *state;
	struct zone *zone = first(t), *other = zone_from("other.test", VERSION1);
	struct target_intent intent[] = { { zone_origin(zone), true }, { zone_origin(other), true } };

	assert_int_equal(compare(t, other, false), TARGET_OK);
	run(t, "DELETE FROM records");
	run(t, "DELETE FROM domains");
	assert_int_equal(target_begin(t), TARGET_OK);
	assert_int_equal(target_prepare(t, intent, 2), TARGET_OK);
	assert_int_equal(target_compare(t, zone, false, NULL), TARGET_OK);
	assert_int_equal(target_compare(t, other, false, NULL), TARGET_OK);
	assert_int_equal(target_commit(t), TARGET_OK);
	assert_int_equal(states(t), 2);
	assert_string_equal(value_of(t, STATES_BESIDE_DOMAINS), "2");
	assert_rows(t, zone);
	zone_unref(zone);
	zone_unref(other);
}

static void
a_domain_that_took_the_id_is_left_alone(void **state)
{
	struct target *t = *state;
	struct zone *from = first(t), *to = zone_from("example.test", HEAD(2) "ns A 192.0.2.1\n");

	run(t, "UPDATE domains SET name = 'theirs.test', account = 'panel'");
	assert_int_equal(update(t, from, to), TARGET_DRIFTED);
	assert_int_equal(target_begin(t), TARGET_OK);
	assert_int_equal(target_delete(t, origin), TARGET_OK);
	assert_int_equal(target_disable(t, origin), TARGET_OK);
	assert_int_equal(target_commit(t), TARGET_OK);
	assert_int_equal(compare(t, to, false), TARGET_OK);
	assert_rows(t, to);
	assert_state(t, to);
	assert_int_equal(states(t), 1);
	assert_string_equal(value_of(t, STATES_BESIDE_DOMAINS), "1");
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM records r JOIN domains d ON d.id = domain_id "
	    "WHERE d.name = 'theirs.test' AND disabled = 0 AND r.name LIKE '%example.test'"), "12");
	zone_unref(from);
	zone_unref(to);
}

static void
a_domain_that_took_the_name_is_adopted_or_left(void **state)
{
	struct target *t = *state;
	struct zone *from = first(t), *to = zone_from("example.test", HEAD(2) "ns A 192.0.2.1\n");

	run(t, "DELETE FROM records");
	run(t, "DELETE FROM domains");
	run(t, "INSERT INTO domains (name, type) VALUES ('between.test', 'NATIVE'), ('example.test', 'NATIVE')");
	assert_int_equal(update(t, from, to), TARGET_DRIFTED);
	assert_int_equal(compare(t, to, false), TARGET_FOREIGN);
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM records"), "0");
	assert_int_equal(compare(t, to, true), TARGET_OK);
	assert_rows(t, to);
	assert_state(t, to);
	assert_int_equal(states(t), 1);
	assert_string_equal(value_of(t, STATES_BESIDE_DOMAINS), "1");
	zone_unref(from);
	zone_unref(to);
}

static void
states_without_their_domain_are_swept(void **state)
{
	static const char *const name[] = { "a.test", "b.test", "c.test", "d.test" };
	struct target *t = *state;
	size_t gone;

	for (size_t i = 0; i < COUNT(name); i++) {
		struct zone *zone = zone_from(name[i], VERSION1);

		assert_int_equal(compare(t, zone, false), TARGET_OK);
		zone_unref(zone);
	}
	assert_int_equal(target_sweep(t, &gone), TARGET_OK);
	assert_int_equal(gone, 0);
	run(t, "DELETE FROM domains WHERE name = 'a.test'");
	run(t, "UPDATE domains SET account = 'panel' WHERE name = 'b.test'");
	run(t, "UPDATE domains SET name = 'e.test' WHERE name = 'c.test'");
	assert_int_equal(states(t), 4);
	assert_int_equal(target_sweep(t, &gone), TARGET_OK);
	assert_int_equal(gone, 3);
	assert_int_equal(states(t), 1);
	assert_string_equal(value_of(t, "SELECT name FROM tandem_state"), "d.test");
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domains"), "3");
}

static uint64_t
exported(struct target *t)
{
	struct target_state s;
	bool known;

	assert_int_equal(target_state(t, origin, &s, &known), TARGET_OK);
	assert_true(known);
	return s.exported;
}

static void
what_was_exported_is_kept_with_the_state(void **state)
{
	static const struct target_meta meta[] = { { "ALLOW-AXFR-FROM", "192.0.2.1/32" } };
	struct target *t = *state;
	struct zone *from = zone_from("example.test", VERSION1), *to = zone_from("example.test", HEAD(2) "ns A 192.0.2.1\n");
	struct target_conf later = conf;
	struct target *other;

	assert_int_equal(target_begin(t), TARGET_OK);
	assert_int_equal(target_compare(t, from, false, NULL), TARGET_OK);
	assert_int_equal(target_export(t, origin, meta, 1), TARGET_OK);
	assert_int_equal(target_commit(t), TARGET_OK);
	assert_true(exported(t) == export_hash(meta, 1));
	assert_state(t, from);
	assert_int_equal(update(t, from, to), TARGET_OK);
	assert_int_equal(compare(t, to, false), TARGET_OK);
	assert_state(t, to);
	later.style.version = 4711;
	other = opened(&later);
	assert_int_equal(compare(other, to, false), TARGET_OK);
	assert_state(other, to);
	target_close(other);
	assert_true(exported(t) == export_hash(meta, 1));
	assert_int_equal(target_begin(t), TARGET_OK);
	assert_int_equal(target_export(t, origin, NULL, 0), TARGET_OK);
	assert_int_equal(target_commit(t), TARGET_OK);
	assert_true(exported(t) == export_hash(NULL, 0));
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domainmetadata"), "0");
	zone_unref(from);
	zone_unref(to);
}

static void
anothers_domain_is_left_alone(void **state)
{
	struct target *t = *state;
	struct zone *zone = zone_from("example.test", VERSION1);

	run(t, "INSERT INTO domains (name, type, account) VALUES ('example.test', 'MASTER', 'panel')");
	assert_int_equal(compare(t, zone, true), TARGET_FOREIGN);
	assert_non_null(strstr(target_why(t), "belongs to \"panel\""));
	run(t, "UPDATE domains SET account = NULL");
	assert_int_equal(compare(t, zone, false), TARGET_FOREIGN);
	assert_non_null(strstr(target_why(t), "'mirror adopt example.test', or `adopt yes;` in the mirror"));
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM records"), "0");
	assert_int_equal(target_begin(t), TARGET_OK);
	assert_int_equal(target_delete(t, origin), TARGET_OK);
	assert_int_equal(target_commit(t), TARGET_OK);
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domains"), "1");
	zone_unref(zone);
}

static void
an_adopted_domain_keeps_its_rows(void **state)
{
	struct target *t = *state;
	struct zone *zone = zone_from("example.test", VERSION1);
	char id[256];

	run(t, "INSERT INTO domains (name, type) VALUES ('example.test', 'MASTER')");
	run(t, "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, auth) "
	    "SELECT id, 'ns.example.test', 'A', '192.0.2.1', 300, 0, 0, 1 FROM domains");
	run(t, "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, auth) "
	    "SELECT id, 'x.example.test', 'MX', 'old.example.test', 300, 0, 0, 1 FROM domains");
	strcpy(id, value_of(t, "SELECT id FROM records WHERE type = 'A'"));
	assert_int_equal(compare(t, zone, true), TARGET_OK);
	assert_counts(t, 1, 12, 0);
	assert_rows(t, zone);
	assert_string_equal(value_of(t, "SELECT id FROM records WHERE name = 'ns.example.test'"), id);
	assert_string_equal(value_of(t, "SELECT account FROM domains"), "tandem@test");
	assert_string_equal(value_of(t, "SELECT type FROM domains"), "NATIVE");
	zone_unref(zone);
}

static void
a_domain_that_powerdns_signs_is_not_adopted(void **state)
{
	struct target *t = *state;
	struct zone *zone = zone_from("example.test", VERSION1);

	run(t, "INSERT INTO domains (name, type) VALUES ('example.test', 'NATIVE')");
	run(t, "INSERT INTO cryptokeys (domain_id, flags, active, content) SELECT id, 257, 1, 'x' FROM domains");
	assert_int_equal(compare(t, zone, true), TARGET_FOREIGN);
	assert_non_null(strstr(target_why(t), "signs"));
	zone_unref(zone);
}

static void
what_cannot_be_mirrored_holds_the_zone(void **state)
{
	struct target *t = *state;
	struct zone *from = first(t), *to = zone_from("example.test", HEAD(2) REST "l TYPE65402 \\# 4 00010161\n");
	struct target_conf strict = conf;
	struct target *other;

	strict.style.skip = false;
	other = opened(&strict);
	assert_int_equal(compare(other, to, false), TARGET_HELD);
	assert_non_null(strstr(target_why(other), "unmirrorable"));
	target_close(other);
	assert_rows(t, from);
	assert_state(t, from);
	assert_int_equal(update(t, from, to), TARGET_OK);
	assert_rows(t, to);
	zone_unref(from);
	zone_unref(to);
}

static void
another_style_is_another_state(void **state)
{
	struct target *t = *state;
	struct zone *zone = first(t);
	struct target_conf later = conf;
	struct target_state s;
	struct target *other;
	bool known;

	later.style.version = 501;
	other = opened(&later);
	assert_int_equal(target_state(other, origin, &s, &known), TARGET_OK);
	assert_true(known);
	assert_int_equal(s.digest.word[0], 0);
	assert_int_equal(compare(other, zone, false), TARGET_OK);
	assert_counts(other, 0, 0, 0);
	target_close(other);
	zone_unref(zone);
}

static void
a_rollback_leaves_nothing(void **state)
{
	struct target *t = *state;
	struct zone *from = first(t), *to = zone_from("example.test", HEAD(2) "ns A 192.0.2.1\n");
	struct delta *delta = delta_between(from, to);

	assert_int_equal(target_begin(t), TARGET_OK);
	assert_int_equal(target_update(t, from, to, delta, NULL), TARGET_OK);
	target_rollback(t);
	assert_rows(t, from);
	assert_state(t, from);
	delta_free(delta);
	zone_unref(from);
	zone_unref(to);
}

static void
a_removed_zone_is_disabled_or_deleted(void **state)
{
	struct target *t = *state;
	struct zone *zone = first(t);
	struct target_state s;
	bool known;

	assert_int_equal(target_begin(t), TARGET_OK);
	assert_int_equal(target_disable(t, origin), TARGET_OK);
	assert_int_equal(target_commit(t), TARGET_OK);
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM records WHERE disabled = 1 AND type = 'SOA'"), "1");
	assert_int_equal(target_state(t, origin, &s, &known), TARGET_OK);
	assert_true(known && s.disabled);
	assert_int_equal(compare(t, zone, false), TARGET_OK);
	assert_counts(t, 0, 0, 1);
	assert_rows(t, zone);
	assert_int_equal(target_begin(t), TARGET_OK);
	assert_int_equal(target_delete(t, origin), TARGET_OK);
	assert_int_equal(target_commit(t), TARGET_OK);
	assert_counts(t, 13, 0, 0);
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM records"), "0");
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domains"), "0");
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM tandem_state"), "0");
	zone_unref(zone);
}

#define SIGNED "@ NSEC ns SOA NS\n@ RRSIG SOA 13 2 300 20300101000000 20200101000000 1 example.test. AAAA\n" \
	"@ RRSIG NSEC 13 2 300 20300101000000 20200101000000 1 example.test. AAAA\n"

static void
metadata_follows_the_signatures(void **state)
{
	struct target *t = *state;
	struct zone *from = first(t), *to = zone_from("example.test", HEAD(2) REST SIGNED);
	struct zone *back = zone_from("example.test", HEAD(3) REST);

	run(t, "INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, 'NSEC3NARROW', '1' FROM domains");
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domainmetadata"), "1");
	assert_int_equal(update(t, from, to), TARGET_OK);
	assert_rows(t, to);
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domainmetadata"), "1");
	assert_string_equal(value_of(t, "SELECT kind FROM domainmetadata"), "PRESIGNED");
	assert_int_equal(update(t, to, back), TARGET_OK);
	assert_rows(t, back);
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domainmetadata"), "0");
	zone_unref(from);
	zone_unref(to);
	zone_unref(back);
}

static void
metadata_that_is_right_stays(void **state)
{
	struct target *t = *state;
	struct zone *zone = zone_from("example.test", HEAD(1) REST
	    "@ RRSIG SOA 13 2 300 20300101000000 20200101000000 1 example.test. AAAA\n@ NSEC3PARAM 1 0 5 -\n"
	    "00000000000000000000000000000000 NSEC3 1 1 5 - 00000000000000000000000000000000 A\n");
	char id[256];

	assert_int_equal(compare(t, zone, false), TARGET_OK);
	assert_string_equal(value_of(t, "SELECT content FROM domainmetadata WHERE kind = 'NSEC3PARAM'"), "1 1 5 -");
	strcpy(id, value_of(t, "SELECT SUM(id) FROM domainmetadata"));
	run(t, "INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, 'X-OTHER', 'x' FROM domains");
	run(t, "INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, 'PRESIGNED', '1' FROM domains");
	assert_int_equal(compare(t, zone, false), TARGET_OK);
	assert_string_equal(value_of(t, "SELECT SUM(id) FROM domainmetadata WHERE kind <> 'X-OTHER'"), id);
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domainmetadata"), "3");
	zone_unref(zone);
}

static void
thousands_of_rows_come_and_go(void **state)
{
	struct target *t = *state;
	struct zone *small = first(t), *large, *other;
	char *text = xmalloc(1000000);
	size_t len = (size_t)sprintf(text, HEAD(2) "ns A 192.0.2.1\n");

	for (int i = 0; i < 5000; i++)
		len += (size_t)sprintf(text + len, "h%d TXT \"a text of some length, so that batches fill: %d\"\n", i, i);
	large = zone_from("example.test", text);
	len = (size_t)sprintf(text, HEAD(3) "ns A 192.0.2.1\n");
	for (int i = 0; i < 5000; i++)
		len += (size_t)sprintf(text + len, "h%d 60 TXT \"another text: %d\"\n", i, i);
	other = zone_from("example.test", text);
	assert_int_equal(update(t, small, large), TARGET_OK);
	assert_rows(t, large);
	assert_int_equal(update(t, large, other), TARGET_OK);
	assert_counts(t, 0, 0, 5001);
	assert_rows(t, other);
	assert_int_equal(compare(t, large, false), TARGET_OK);
	assert_counts(t, 0, 0, 5001);
	assert_rows(t, large);
	assert_int_equal(compare(t, small, false), TARGET_OK);
	assert_counts(t, 5000, 10, 1);
	assert_rows(t, small);
	free(text);
	zone_unref(small);
	zone_unref(large);
	zone_unref(other);
}

/* Rows of all kinds, as many as are written together. */
static struct zone *
many_kinds(int names)
{
	char *text = xmalloc(1000000);
	size_t len = (size_t)sprintf(text, HEAD(2) SIGNED "ns A 192.0.2.1\nns NSEC @ A NSEC\n");
	struct zone *zone;

	for (int i = 0; i < names; i++)
		len += (size_t)sprintf(text + len, "a.e%d MX %d mail\nq%d TXT \"it's\" \"\\\"\\\\\" ''\nq%d NSEC ns TXT\n"
		    "s%d NS ns.s%d\nns.s%d AAAA 2001:db8::1\nns.s%d TXT hidden\n", i, 65535 - i, i, i, i, i, i, i);
	zone = zone_from("example.test", text);
	free(text);
	return zone;
}

static void
rows_of_all_kinds_come_together(void **state)
{
	struct target *t = *state;
	struct zone *zone = many_kinds(1000);

	assert_int_equal(compare(t, zone, false), TARGET_OK);
	assert_rows(t, zone);
	assert_string_equal(value_of(t, "SELECT COUNT(*) FROM records WHERE type IS NULL AND content IS NULL AND ttl IS NULL "
	    "AND prio IS NULL AND ordername IS NULL"), "1000");
	zone_unref(zone);
}

/* Of thousands of rows that are written together one does not fit. */
static void
a_row_that_does_not_fit_holds_its_zone(void **state)
{
	struct target *t = *state;
	struct zone *small = first(t), *zone = many_kinds(1000);

	run(t, "ALTER TABLE records MODIFY prio SMALLINT");
	assert_int_equal(compare(t, zone, false), TARGET_HELD);
	assert_non_null(strstr(target_why(t), "prio"));
	assert_true(t->connected);
	assert_rows(t, small);
	run(t, "ALTER TABLE records MODIFY prio INT");
	assert_int_equal(compare(t, zone, false), TARGET_OK);
	assert_rows(t, zone);
	zone_unref(small);
	zone_unref(zone);
}

static void
what_another_tandem_writes_is_left_alone(void **state)
{
	struct target *t = *state;
	struct zone *zone = first(t), *next = zone_from("example.test", HEAD(2) REST);

	run(t, "UPDATE domains SET account = ''");
	run(t, "UPDATE tandem_state SET owner = 'tandem@other'");
	assert_int_equal(update(t, zone, next), TARGET_DRIFTED);
	assert_int_equal(compare(t, next, true), TARGET_FOREIGN);
	assert_non_null(strstr(target_why(t), "is written by \"tandem@other\""));
	/* As this host was, before it was renamed. */
	run(t, "UPDATE domains SET account = 'tandem@other'");
	assert_int_equal(compare(t, next, true), TARGET_FOREIGN);
	assert_non_null(strstr(target_why(t), "`owner \"tandem@other\";` in the mirror goes on with that"));
	assert_rows(t, zone);
	zone_unref(zone);
	zone_unref(next);
}

static void
an_owner_must_have_a_name(void **state)
{
	static const char *const owners[] = { NULL, "", "12345678901234567890123456789012345678901" };
	struct target_conf nobody = conf;

	(void)state;
	for (size_t i = 0; i < COUNT(owners); i++) {
		struct target *t;

		nobody.owner = owners[i];
		t = target_open(&nobody);
		assert_int_equal(target_connect(t), TARGET_BROKEN);
		target_close(t);
	}
}

static void
a_master_has_its_serial_notified(void **state)
{
	struct target_conf master = conf;
	struct zone *from = zone_from("example.test", HEAD(4294967295) REST), *to = first(*state);
	struct target *t;

	master.kind_master = true;
	t = opened(&master);
	assert_int_equal(compare(t, from, false), TARGET_OK);
	assert_string_equal(value_of(t, "SELECT type FROM domains"), "MASTER");
	assert_string_equal(value_of(t, "SELECT notified_serial FROM domains"), "4294967295");
	assert_int_equal(update(t, from, to), TARGET_OK);
	assert_string_equal(value_of(t, "SELECT notified_serial FROM domains"), "1");
	target_close(t);
	zone_unref(from);
	zone_unref(to);
}

static void
many_zones_share_a_transaction(void **state)
{
	struct target *t = *state;

	assert_int_equal(target_begin(t), TARGET_OK);
	for (int i = 0; i < 50; i++) {
		char name[64];
		struct zone *zone;

		snprintf(name, sizeof(name), "z%d.test", i);
		zone = zone_from(name, VERSION1);
		assert_int_equal(target_compare(t, zone, false, NULL), TARGET_OK);
		zone_unref(zone);
	}
	assert_int_equal(target_commit(t), TARGET_OK);
	assert_counts(t, 0, 650, 0);
	assert_int_equal(states(t), 50);
}

/* Random edits, applied as deltas or compared, end in the rows of a fresh export. */
static void
any_way_of_edits_ends_in_the_same_rows(void **state)
{
	static const char *const record[] = {
		"a A 192.0.2.1", "a A 192.0.2.2", "a TXT \"x\"", "a TXT \"X\"", "a TXT \"x \"", "b.a MX 5 a",
		"b.a MX 7 a", "c.b.a AAAA 2001:db8::1", "c NS ns.c", "ns.c A 192.0.2.3", "t.c TXT hidden",
		"d DNAME example.org.", "x.d A 192.0.2.4", "x.y.z TXT \"o'neil\\\\\"",
	};
	struct target *t = *state;
	struct zone *old = first(t);
	unsigned seed = 7;

	for (int round = 0; round < 60; round++) {
		char text[2048];
		size_t len = (size_t)sprintf(text, "$TTL %u\n@ SOA ns h %d 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n",
		    300 + round / 20, round);
		struct zone *zone;

		for (size_t i = 0; i < COUNT(record); i++) {
			seed = seed * 1103515245 + 12345;
			if (seed >> 16 & 1)
				len += (size_t)sprintf(text + len, "%s\n", record[i]);
		}
		assert_non_null(zone = zone_from("example.test", text));
		if ((seed >> 20) % 5 == 0)
			assert_int_equal(compare(t, zone, false), TARGET_OK);
		else if (update(t, old, zone) != TARGET_OK)
			fail_msg("%s", target_why(t));
		assert_rows(t, zone);
		zone_unref(old);
		old = zone;
	}
	zone_unref(old);
}

/* Calls of the database that end the connection at the n-th, before it is made or before its answer comes. */
static const struct target_ops *real;
static struct target_ops cut;
static int calls_left;
static bool answer_lost;

static bool
cut_now(struct target *t)
{
	if (--calls_left != 0)
		return false;
	target_fail(t, TARGET_LOST, "cut");
	return true;
}

#define CUT(call) do { \
	enum target_result result_; \
	if (cut_now(t) && !answer_lost) \
		return TARGET_LOST; \
	result_ = call; \
	return calls_left == 0 ? TARGET_LOST : result_; \
} while (0)

static enum target_result
cut_begin(struct target *t)
{
	CUT(real->begin(t));
}

static enum target_result
cut_commit(struct target *t)
{
	CUT(real->commit(t));
}

static enum target_result
cut_query(struct target *t, const struct text *text, sql_row_fn *fn, void *ctx)
{
	CUT(real->query(t, text, fn, ctx));
}

static enum target_result
cut_post(struct target *t, const struct text *text, int64_t expected)
{
	CUT(real->post(t, text, expected));
}

static enum target_result
cut_insert(struct target *t, int64_t domain, const struct row *row)
{
	CUT(real->insert(t, domain, row));
}

static enum target_result
cut_flush(struct target *t)
{
	CUT(real->flush(t));
}

/* Mirrors as one who remembers nothing: asks where the zone is, and goes on from there. */
static void
bring(struct target *t, struct zone *from, struct zone *to, bool by_delta)
{
	struct delta *delta = delta_between(from, to);

	for (int tries = 0; tries < 5; tries++) {
		struct target_state state;
		bool known;

		if (target_connect(t) != TARGET_OK)
			fail_msg("%s", target_why(t));
		if (target_state(t, origin, &state, &known) != TARGET_OK)
			continue;
		if (known && zone_digest_equal(state.digest, zone_digest(to)))
			break;
		if (target_begin(t) == TARGET_OK && (known && by_delta ?
		    target_update(t, from, to, delta, NULL) : target_compare(t, to, false, NULL)) == TARGET_OK)
			target_commit(t);
	}
	delta_free(delta);
}

static void
a_cut_at_any_call_is_made_good(void **state)
{
	struct target *t = *state;
	struct zone *from = zone_from("example.test", VERSION1);
	struct zone *to = zone_from("example.test", HEAD(2) "ns A 192.0.2.1\nx A 192.0.2.9\nq.r MX 1 x\n" SIGNED);
	int cuts = 0;

	real = t->ops;
	cut = *real;
	cut.begin = cut_begin;
	cut.commit = cut_commit;
	cut.query = cut_query;
	cut.post = cut_post;
	cut.insert = cut_insert;
	cut.flush = cut_flush;
	for (int way = 0; way < 4; way++) {
		for (int at = 1; ; at++) {
			t->ops = real;
			assert_int_equal(compare(t, from, false), TARGET_OK);
			t->ops = &cut;
			calls_left = at;
			answer_lost = way & 1;
			bring(t, from, to, way & 2);
			t->ops = real;
			assert_rows(t, to);
			assert_state(t, to);
			assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domains"), "1");
			assert_string_equal(value_of(t, "SELECT COUNT(*) FROM domainmetadata"), "1");
			if (calls_left > 0)
				break;
			cuts++;
		}
	}
	assert_true(cuts > 40);
	zone_unref(from);
	zone_unref(to);
}

static void
a_database_without_tables_is_named(void **state)
{
	struct target_conf bare = conf;
	struct target *t;

	run(*state, "CREATE DATABASE bare");
	bare.database = "bare";
	t = target_open(&bare);
	assert_int_equal(target_connect(t), TARGET_BROKEN);
	assert_non_null(strstr(target_why(t), "database bare has no table domains: load PowerDNS's schema.mysql.sql"));
	assert_int_equal(target_begin(t), TARGET_LOST);
	target_close(t);
	run(*state, "DROP DATABASE bare");
}

static void
a_table_without_transactions_is_refused(void **state)
{
	struct target *t = target_open(&conf);

	run(*state, "ALTER TABLE tandem_state ENGINE = MyISAM");
	assert_int_equal(target_connect(t), TARGET_BROKEN);
	assert_non_null(strstr(target_why(t), "ALTER TABLE tandem_state ENGINE = InnoDB"));
	run(*state, "ALTER TABLE tandem_state ENGINE = InnoDB");
	assert_int_equal(target_connect(t), TARGET_OK);
	target_close(t);
}

static void
a_record_above_the_packet_size_holds_its_zone(void **state)
{
	struct zone *zone, *small = first(*state);
	struct target_conf mine = conf;
	struct target_lease lease;
	char *text = xmalloc(40000), size[256];
	size_t len = (size_t)sprintf(text, HEAD(2) "ns A 192.0.2.9\nx TXT");
	struct target *t;

	for (int i = 0; i < 100; i++)
		len += (size_t)sprintf(text + len, " \"%200d\"", i);
	sprintf(text + len, "\n");
	zone = zone_from("example.test", text);
	sprintf(size, "SET GLOBAL max_allowed_packet = %.100s", value_of(*state, "SELECT @@global.max_allowed_packet"));
	run(*state, "SET GLOBAL max_allowed_packet = 16384");
	run(*state, "DELETE FROM tandem_lease");
	mine.token = "a";
	mine.instance = "here";
	t = opened(&mine);
	assert_int_equal(target_lease_read(t, &lease), TARGET_OK);
	assert_int_equal(target_lease_take(t, &lease), TARGET_OK);
	assert_int_equal(compare(t, zone, false), TARGET_HELD);
	assert_non_null(strstr(target_why(t), "its max_allowed_packet is 16384"));
	/* What was on its way with it does not come later. */
	assert_int_equal(target_lease_beat(t), TARGET_OK);
	assert_rows(t, small);
	assert_state(t, small);
	target_lease_release(t);
	target_close(t);
	run(*state, size);
	zone_unref(zone);
	zone_unref(small);
	free(text);
}

static void
hosts_are_tried_in_turn(void **state)
{
	struct target_conf net = conf;
	struct target *t;

	(void)state;
	net.socket = NULL;
	net.hosts = (const char *const[]){ "127.0.0.2", "127.0.0.1", "127.0.0.3", NULL };
	net.port = (unsigned)atoi(getenv("TANDEM_MYSQL_PORT"));
	net.user = "tandem";
	net.password = "wrong";
	t = target_open(&net);
	assert_int_equal(target_connect(t), TARGET_BROKEN);
	assert_non_null(strstr(target_why(t), "Access denied"));
	assert_null(strstr(target_why(t), "wrong"));
	net.password = getenv("TANDEM_MYSQL_PASSWORD");
	if (target_connect(t) != TARGET_OK)
		fail_msg("%s", target_why(t));
	zone_unref(first(t));
	target_close(t);
	net.hosts = (const char *const[]){ "127.0.0.2", NULL };
	t = target_open(&net);
	assert_int_equal(target_connect(t), TARGET_LOST);
	assert_non_null(strstr(target_why(t), "127.0.0.2"));
	target_close(t);
}

static void
a_killed_connection_is_lost_and_found(void **state)
{
	struct target *t = *state, *other;
	struct zone *from, *to = zone_from("example.test", HEAD(2) REST "y A 192.0.2.7\n");
	struct delta *delta;
	char kill[64];

	from = first(t);
	delta = delta_between(from, to);
	other = opened(&conf);
	snprintf(kill, sizeof(kill), "KILL %s", value_of(t, "SELECT CONNECTION_ID()"));
	assert_int_equal(target_begin(t), TARGET_OK);
	assert_int_equal(target_update(t, from, to, delta, NULL), TARGET_OK);
	run(other, kill);
	assert_int_equal(target_commit(t), TARGET_LOST);
	assert_false(t->connected);
	assert_int_equal(target_connect(t), TARGET_OK);
	assert_state(t, from);
	assert_int_equal(update(t, from, to), TARGET_OK);
	assert_rows(t, to);
	target_close(other);
	delta_free(delta);
	zone_unref(from);
	zone_unref(to);
}

static void
a_file_that_was_replaced_is_opened_again(void **state)
{
	struct target *t = *state;
	struct zone *zone = first(t);
	char *old = xasprintf("%s.old", file);

	assert_int_equal(rename(file, old), 0);
	assert_int_equal(target_begin(t), TARGET_LOST);
	assert_int_equal(target_connect(t), TARGET_OK);
	assert_int_equal(compare(t, zone, false), TARGET_OK);
	assert_counts(t, 0, 13, 0);
	assert_rows(t, zone);
	unlink(old);
	free(old);
	zone_unref(zone);
}

static void
a_file_in_no_directory_is_named(void **state)
{
	struct target_conf nowhere = conf;
	struct target *t;

	(void)state;
	nowhere.file = "/nowhere/at/all";
	t = target_open(&nowhere);
	assert_int_equal(target_connect(t), TARGET_BROKEN);
	assert_string_equal(target_why(t), "/nowhere/at/all: unable to open database file: No such file or directory");
	target_close(t);
}

static void
unlink_files(void)
{
	char *wal = xasprintf("%s-wal", file), *shm = xasprintf("%s-shm", file);

	unlink(file);
	unlink(wal);
	unlink(shm);
	free(wal);
	free(shm);
}

static void
add_supermaster(void *ctx, const struct target_supermaster *s)
{
	char *text = ctx;

	sprintf(text + strlen(text), "%s %s %s;", s->ip, s->nameserver, s->account);
}

static void
masters_of_new_zones_are_read(void **state)
{
	struct target *t = *state;
	char text[256] = "";

	run(t, "DELETE FROM supermasters");
	run(t, "INSERT INTO supermasters VALUES ('2001:db8::1', 'ns.b', ''), ('192.0.2.1', 'ns.a', 'x y')");
	assert_int_equal(target_supermasters(t, add_supermaster, text), TARGET_OK);
	assert_string_equal(text, "192.0.2.1 ns.a x y;2001:db8::1 ns.b ;");
	run(t, "ALTER TABLE supermasters RENAME TO elsewhere");
	assert_int_equal(target_supermasters(t, add_supermaster, text), TARGET_HELD);
	assert_true(t->connected);
	run(t, "ALTER TABLE elsewhere RENAME TO supermasters");
	run(t, "DELETE FROM supermasters");
}

int
main(void)
{
#define EACH(f) cmocka_unit_test_setup_teardown(f, begin_empty, end)
	static const struct CMUnitTest both[] = {
		EACH(a_first_mirror_writes_all_rows),
		EACH(a_delta_touches_only_what_differs),
		EACH(drift_is_seen_and_repaired_row_by_row),
		EACH(what_differs_is_told_and_left),
		EACH(one_of_two_has_the_lease),
		EACH(a_group_that_was_prepared_ends_in_the_same_rows),
		EACH(a_lost_state_row_is_written_again),
		EACH(a_domain_that_was_deleted_is_made_again),
		EACH(a_group_makes_deleted_domains_again),
		EACH(a_domain_that_took_the_id_is_left_alone),
		EACH(a_domain_that_took_the_name_is_adopted_or_left),
		EACH(states_without_their_domain_are_swept),
		EACH(what_was_exported_is_kept_with_the_state),
		EACH(anothers_domain_is_left_alone),
		EACH(what_another_tandem_writes_is_left_alone),
		EACH(an_owner_must_have_a_name),
		EACH(an_adopted_domain_keeps_its_rows),
		EACH(a_domain_that_powerdns_signs_is_not_adopted),
		EACH(what_cannot_be_mirrored_holds_the_zone),
		EACH(another_style_is_another_state),
		EACH(a_rollback_leaves_nothing),
		EACH(a_removed_zone_is_disabled_or_deleted),
		EACH(metadata_follows_the_signatures),
		EACH(masters_of_new_zones_are_read),
		EACH(metadata_that_is_right_stays),
		EACH(a_master_has_its_serial_notified),
		EACH(many_zones_share_a_transaction),
		EACH(thousands_of_rows_come_and_go),
		EACH(rows_of_all_kinds_come_together),
		EACH(any_way_of_edits_ends_in_the_same_rows),
		EACH(a_cut_at_any_call_is_made_good),
	};
	static const struct CMUnitTest mysql[] = {
		EACH(a_killed_connection_is_lost_and_found),
		EACH(a_database_without_tables_is_named),
		EACH(a_table_without_transactions_is_refused),
		EACH(a_record_above_the_packet_size_holds_its_zone),
		EACH(a_row_that_does_not_fit_holds_its_zone),
		EACH(hosts_are_tried_in_turn),
	};
	static const struct CMUnitTest sqlite[] = {
		EACH(a_file_that_was_replaced_is_opened_again),
		EACH(a_file_in_no_directory_is_named),
	};
	struct CMUnitTest tests[COUNT(both) + COUNT(mysql)];
	size_t count = COUNT(both);
	int failed;

	conf.socket = getenv("TANDEM_MYSQL_SOCKET");
	memcpy(tests, both, sizeof(both));
	if (conf.socket != NULL) {
		conf.type = TARGET_MYSQL;
		conf.user = "root";
		conf.database = "powerdns";
		memcpy(tests + count, mysql, sizeof(mysql));
		count += COUNT(mysql);
	} else {
		conf.type = TARGET_SQLITE;
		conf.file = file;
		close(mkstemp(file));
		memcpy(tests + count, sqlite, sizeof(sqlite));
		count += COUNT(sqlite);
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests("target", tests, count, NULL, NULL);
	if (conf.socket == NULL)
		unlink_files();
	return failed;
}
