#include "sync/target.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sync/pdns_text.h"
#include "sync/target_impl.h"
#include "zonefile/name.h"

enum target_result
target_fail(struct target *t, enum target_result result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return result;
}

struct target *
target_open(const struct target_conf *conf)
{
	struct target *t = conf->type == TARGET_SQLITE ? target_sqlite_open() :
	    target_mysql_open();

	t->conf = conf;
	return t;
}

static void
disconnect(struct target *t)
{
	t->ops->disconnect(t);
	t->connected = t->begun = false;
}

void
target_close(struct target *t)
{
	if (t == NULL)
		return;
	disconnect(t);
	free(t->sql.s);
	t->ops->close(t);
}

const char *
target_why(const struct target *t)
{
	return t->why;
}

bool
target_connected(const struct target *t)
{
	return t->connected;
}

const struct target_counts *
target_counts(const struct target *t)
{
	return &t->counts;
}

void
target_rollback(struct target *t)
{
	if (t->begun)
		t->ops->rollback(t);
	t->begun = false;
}

/* Every way out: what is not done is undone. */
static enum target_result
done(struct target *t, enum target_result result)
{
	if (result == TARGET_LOST || result == TARGET_BROKEN)
		disconnect(t);
	else if (result != TARGET_OK)
		target_rollback(t);
	return result;
}

enum target_result
target_connect(struct target *t)
{
	enum target_result result;

	if (t->connected)
		return TARGET_OK;
	/* An empty account means a domain of nobody. */
	if (t->conf->owner == NULL || *t->conf->owner == '\0' || strlen(t->conf->owner) > 40)
		return target_fail(t, TARGET_BROKEN,
		    "owner must have 1 to 40 characters, to fit domains.account");
	result = t->ops->connect(t);
	t->connected = result == TARGET_OK;
	if (!t->connected)
		disconnect(t);
	return result;
}

enum target_result
target_begin(struct target *t)
{
	enum target_result result;

	t->counts = (struct target_counts){ 0 };
	result = t->connected ? t->ops->begin(t) : target_fail(t, TARGET_LOST, "not connected");
	t->begun = result == TARGET_OK;
	return done(t, result);
}

enum target_result
target_commit(struct target *t)
{
	enum target_result result = t->ops->commit(t);

	t->begun = t->begun && result != TARGET_OK;
	return done(t, result);
}

/* How rows are derived, apart from the zone: what was written in another form is in step with no version. */
#define FORM_MAX 32
static const char *
form(const struct target *t, char out[FORM_MAX])
{
	snprintf(out, FORM_MAX, "1 %u %s", t->conf->style.version, t->conf->style.skip ? "skip" : "fail");
	return out;
}

static struct zone_digest
digest_parse(const char *text)
{
	struct zone_digest digest = { { 0, 0 } };
	char again[ZONE_DIGEST_TEXT];

	if (sscanf(text, "%16" SCNx64 "%16" SCNx64, &digest.word[0], &digest.word[1]) != 2 ||
	    strcmp(zone_digest_print(again, digest), text) != 0)
		digest = (struct zone_digest){ { 0, 0 } };
	return digest;
}

struct states {
	target_state_fn *fn;
	void *ctx;
	char form[FORM_MAX];
};

static void
states_row(void *ctx, const char *const *value, const size_t *len)
{
	struct states *s = ctx;
	struct target_state state = { .name = value[0] };

	(void)len;
	state.serial = (uint32_t)strtoul(value[1], NULL, 10);
	if (strcmp(value[3], s->form) == 0)
		state.digest = digest_parse(value[2]);
	state.disabled = strcmp(value[2], "disabled") == 0;
	state.changed_at = strtoll(value[4], NULL, 10);
	s->fn(s->ctx, &state);
}

/* The ids of SQLite's tables are given out again, and operators delete domains: a state counts only beside its domain. */
#define STATES "SELECT s.name, s.serial, s.digest, s.form, s.changed_at FROM tandem_state s JOIN domains d " \
	"ON d.id = s.domain_id AND d.name = s.name AND d.account = s.owner WHERE s.owner = %q"

enum target_result
target_states(struct target *t, target_state_fn *fn, void *ctx)
{
	struct states s = { .fn = fn, .ctx = ctx };

	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	form(t, s.form);
	return done(t, t->ops->query(t, target_sql(t, STATES, t->conf->owner), states_row, &s));
}

struct one_state {
	struct target *t;
	struct target_state *state;
	bool known;
};

static void
one_state(void *ctx, const struct target_state *state)
{
	struct one_state *one = ctx;

	one->known = true;
	*one->state = *state;
	one->state->name = one->t->state_name;
}

static enum target_result
zone_name(struct target *t, const uint8_t *origin, char name[PDNS_NAME_TEXT])
{
	uint8_t lower[DNAME_MAX];

	name_lower(lower, origin);
	if (pdns_name(name, lower) > PDNS_NAME_MAX)
		return target_fail(t, TARGET_HELD,
		    "its name is longer than the 255 characters of PowerDNS's column");
	return TARGET_OK;
}

enum target_result
target_state(struct target *t, const uint8_t *origin, struct target_state *state, bool *known)
{
	struct one_state one = { t, state, false };
	struct states s = { .fn = one_state, .ctx = &one };
	char name[PDNS_NAME_TEXT];
	enum target_result result;

	*known = false;
	if ((result = zone_name(t, origin, name)) != TARGET_OK)
		return result;
	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	strcpy(t->state_name, name);
	form(t, s.form);
	result = t->ops->query(t, target_sql(t, STATES " AND s.name = %q", t->conf->owner, name), states_row, &s);
	*known = one.known;
	return done(t, result);
}

/* The domain under way, as it stands in the database. */
struct domain {
	char name[PDNS_NAME_TEXT];
	bool there, state;		/* a row in domains, one in tandem_state */
	int64_t id;
	char account[64], type[16], owner[64], digest[ZONE_DIGEST_TEXT + 8], form[FORM_MAX];
	uint32_t serial;
};

static void
copy(char *out, size_t size, const char *value)
{
	snprintf(out, size, "%s", value != NULL ? value : "");
}

static void
domain_row(void *ctx, const char *const *value, const size_t *len)
{
	struct domain *d = ctx;

	(void)len;
	d->there = true;
	d->id = strtoll(value[0], NULL, 10);
	copy(d->account, sizeof(d->account), value[1]);
	copy(d->type, sizeof(d->type), value[2]);
	d->state = value[3] != NULL && value[6] != NULL && strcmp(value[6], d->name) == 0;
	copy(d->owner, sizeof(d->owner), value[3]);
	d->serial = value[4] != NULL ? (uint32_t)strtoul(value[4], NULL, 10) : 0;
	copy(d->digest, sizeof(d->digest), value[5]);
	copy(d->form, sizeof(d->form), value[7]);
}

static enum target_result
domain_find(struct target *t, const uint8_t *origin, struct domain *d)
{
	enum target_result result;

	*d = (struct domain){ .there = false };
	if ((result = zone_name(t, origin, d->name)) != TARGET_OK)
		return result;
	if (!t->begun)
		return target_fail(t, TARGET_LOST, "not connected");
	return t->ops->query(t, target_sql(t, "SELECT d.id, d.account, d.type, s.owner, s.serial, s.digest, s.name, s.form "
	    "FROM domains d LEFT JOIN tandem_state s ON s.domain_id = d.id WHERE d.name = %q%s",
	    d->name, t->ops->for_update), domain_row, d);
}

static bool
is_ours(const struct target *t, const struct domain *d)
{
	return d->there && strcmp(d->account, t->conf->owner) == 0 &&
	    (!d->state || strcmp(d->owner, t->conf->owner) == 0);
}

static enum target_result
post(struct target *t, const struct text *text, int64_t expected)
{
	return t->ops->post(t, text, expected);
}

/* PRESIGNED and NSEC3PARAM, and what would make PowerDNS answer from something else than our rows. */
struct meta {
	const struct rows_meta *want;
	bool presigned, nsec3param;	/* there and right */
	int64_t wrong[64];
	unsigned wrongs;
};

static void
meta_row(void *ctx, const char *const *value, const size_t *len)
{
	struct meta *m = ctx;
	const char *content = value[2] != NULL ? value[2] : "";

	(void)len;
	if (strcmp(value[1], "PRESIGNED") == 0 && m->want->presigned && !m->presigned &&
	    strcmp(content, "1") == 0)
		m->presigned = true;
	else if (strcmp(value[1], "NSEC3PARAM") == 0 && *m->want->nsec3param != '\0' &&
	    !m->nsec3param && strcmp(content, m->want->nsec3param) == 0)
		m->nsec3param = true;
	else if (m->wrongs < sizeof(m->wrong) / sizeof(*m->wrong))
		m->wrong[m->wrongs++] = strtoll(value[0], NULL, 10);
}

static enum target_result
write_meta(struct target *t, const struct domain *d, const struct rows_meta *want)
{
	struct meta m = { .want = want };
	enum target_result result;

	result = t->ops->query(t, target_sql(t, "SELECT id, kind, content FROM domainmetadata WHERE domain_id = %n "
	    "AND kind IN ('PRESIGNED', 'NSEC3PARAM', 'NSEC3NARROW', 'SOA-EDIT')", d->id), meta_row, &m);
	for (unsigned i = 0; i < m.wrongs && result == TARGET_OK; i++)
		result = post(t, target_sql(t, "DELETE FROM domainmetadata WHERE id = %n", m.wrong[i]), 1);
	if (result == TARGET_OK && want->presigned && !m.presigned)
		result = post(t, target_sql(t, "INSERT INTO domainmetadata (domain_id, kind, content) "
		    "VALUES (%n, 'PRESIGNED', '1')", d->id), 1);
	if (result == TARGET_OK && *want->nsec3param != '\0' && !m.nsec3param)
		result = post(t, target_sql(t, "INSERT INTO domainmetadata (domain_id, kind, content) "
		    "VALUES (%n, 'NSEC3PARAM', %q)", d->id, want->nsec3param), 1);
	return result;
}

static enum target_result
write_state(struct target *t, const struct domain *d, const struct zone *zone)
{
	char digest[ZONE_DIGEST_TEXT], ours[FORM_MAX];
	int64_t serial = zone_serial(zone), now = time(NULL);
	enum target_result result = TARGET_OK;

	zone_digest_print(digest, zone_digest(zone));
	form(t, ours);
	if (t->conf->kind_master)
		result = post(t, target_sql(t, "UPDATE domains SET notified_serial = %n WHERE id = %n",
		    serial, d->id), 1);
	if (result != TARGET_OK)
		return result;
	if (d->state)
		return post(t, target_sql(t, "UPDATE tandem_state SET serial = %n, digest = %q, form = %q, changed_at = %n "
		    "WHERE domain_id = %n AND owner = %q", serial, digest, ours, now, d->id, t->conf->owner), 1);
	/* One of another domain that had this id is no longer of use. */
	result = post(t, target_sql(t, "DELETE FROM tandem_state WHERE domain_id = %n", d->id), -1);
	if (result != TARGET_OK)
		return result;
	return post(t, target_sql(t, "INSERT INTO tandem_state (domain_id, owner, name, serial, digest, form, changed_at) "
	    "VALUES (%n, %q, %q, %n, %q, %q, %n)", d->id, t->conf->owner, d->name, serial, digest, ours, now), 1);
}

static enum target_result
update(struct target *t, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	char digest[ZONE_DIGEST_TEXT], ours[FORM_MAX];
	struct rows_meta old, new;
	struct domain d;
	enum target_result result;

	if ((result = domain_find(t, zone_origin(to), &d)) != TARGET_OK)
		return result;
	zone_digest_print(digest, delta_from_digest(delta));
	if (!is_ours(t, &d) || !d.state || d.serial != delta_from(delta) || strcmp(d.digest, digest) != 0 ||
	    strcmp(d.form, form(t, ours)) != 0)
		return target_fail(t, TARGET_DRIFTED, "the database is not at serial %" PRIu32,
		    delta_from(delta));
	result = target_rows_diff(t, d.id, from, to, delta, sink);
	rows_meta(from, &old);
	rows_meta(to, &new);
	if (result == TARGET_OK && (old.presigned != new.presigned ||
	    strcmp(old.nsec3param, new.nsec3param) != 0))
		result = write_meta(t, &d, &new);
	if (result == TARGET_OK)
		result = write_state(t, &d, to);
	return result == TARGET_OK ? t->ops->flush(t) : result;
}

enum target_result
target_update(struct target *t, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	return done(t, update(t, from, to, delta, sink));
}

static void
count_row(void *ctx, const char *const *value, const size_t *len)
{
	(void)len;
	*(int64_t *)ctx = strtoll(value[0], NULL, 10);
}

static const char *
kind(const struct target *t)
{
	return t->conf->kind_master ? "MASTER" : "NATIVE";
}

static enum target_result
create(struct target *t, struct domain *d)
{
	enum target_result result;

	result = post(t, target_sql(t, "INSERT INTO domains (name, type, account) VALUES (%q, %q, %q)", d->name,
	    kind(t), t->conf->owner), 1);
	if (result == TARGET_OK)
		result = t->ops->flush(t);
	if (result == TARGET_OK)
		result = t->ops->query(t, target_sql(t, "SELECT id FROM domains WHERE name = %q", d->name),
		    count_row, &d->id);
	t->counts.domains_created++;
	return result;
}

/* May we write this domain?  If it is nobody's, take it. */
static enum target_result
own(struct target *t, struct domain *d, bool adopt)
{
	enum target_result result;
	int64_t keys = 0;

	if (is_ours(t, d)) {
		if (strcmp(d->type, kind(t)) == 0)
			return TARGET_OK;
		return post(t, target_sql(t, "UPDATE domains SET type = %q WHERE id = %n", kind(t), d->id), 1);
	}
	if (d->account[0] != '\0' && strcmp(d->account, t->conf->owner) != 0)
		return target_fail(t, TARGET_HELD, "the database has a domain %s that belongs to \"%s\"; "
		    "to take it over, empty its domains.account and set `adopt yes;`", d->name, d->account);
	if (d->state && strcmp(d->owner, t->conf->owner) != 0)
		return target_fail(t, TARGET_HELD, "the database has a domain %s that is written by \"%s\"; "
		    "to take it over, delete its row in tandem_state and set `adopt yes;`", d->name, d->owner);
	if (!adopt && !t->conf->adopt)
		return target_fail(t, TARGET_HELD, "the database has a domain %s that belongs to nobody; "
		    "`adopt yes;` in the mirror takes it over, changing only what differs", d->name);
	result = t->ops->query(t, target_sql(t, "SELECT COUNT(*) FROM cryptokeys WHERE domain_id = %n", d->id),
	    count_row, &keys);
	if (result == TARGET_OK && keys > 0)
		return target_fail(t, TARGET_HELD, "PowerDNS signs the domain %s itself; "
		    "delete its rows in cryptokeys first", d->name);
	if (result != TARGET_OK)
		return result;
	return post(t, target_sql(t, "UPDATE domains SET account = %q, type = %q, master = NULL WHERE id = %n",
	    t->conf->owner, kind(t), d->id), 1);
}

static enum target_result
compare(struct target *t, const struct zone *zone, bool adopt, struct sink *sink)
{
	struct rows_meta meta;
	struct domain d;
	enum target_result result;

	if ((result = domain_find(t, zone_origin(zone), &d)) != TARGET_OK)
		return result;
	if (d.there) {
		if ((result = own(t, &d, adopt)) == TARGET_OK)
			result = target_rows_compare(t, d.id, zone, sink);
	} else if ((result = create(t, &d)) == TARGET_OK)
		result = target_rows_new(t, d.id, zone, sink);
	rows_meta(zone, &meta);
	if (result == TARGET_OK && (d.there || meta.presigned))
		result = write_meta(t, &d, &meta);
	if (result == TARGET_OK)
		result = write_state(t, &d, zone);
	return result == TARGET_OK ? t->ops->flush(t) : result;
}

enum target_result
target_compare(struct target *t, const struct zone *zone, bool adopt, struct sink *sink)
{
	return done(t, compare(t, zone, adopt, sink));
}

static enum target_result
disable(struct target *t, const uint8_t *origin)
{
	struct domain d;
	enum target_result result = domain_find(t, origin, &d);

	if (result != TARGET_OK || !is_ours(t, &d) || !d.state)
		return result;
	t->counts.updated++;
	result = post(t, target_sql(t, "UPDATE records SET disabled = 1 WHERE domain_id = %n AND name = %q "
	    "AND type = 'SOA'", d.id, d.name), -1);
	if (result == TARGET_OK)
		result = post(t, target_sql(t, "UPDATE tandem_state SET digest = 'disabled', changed_at = %n "
		    "WHERE domain_id = %n", (int64_t)time(NULL), d.id), 1);
	return result == TARGET_OK ? t->ops->flush(t) : result;
}

enum target_result
target_disable(struct target *t, const uint8_t *origin)
{
	return done(t, disable(t, origin));
}

/* Children first: with foreign keys a domain's end would end them, too, but silently. */
static enum target_result
delete_domain(struct target *t, const uint8_t *origin)
{
	static const char *const child[] = {
		"records", "domainmetadata", "cryptokeys", "comments", "tandem_state",
	};
	struct domain d;
	int64_t rows = 0;
	enum target_result result = domain_find(t, origin, &d);

	if (result != TARGET_OK || !is_ours(t, &d))
		return result;
	result = t->ops->query(t, target_sql(t, "SELECT COUNT(*) FROM records WHERE domain_id = %n", d.id),
	    count_row, &rows);
	for (size_t i = 0; i < sizeof(child) / sizeof(*child) && result == TARGET_OK; i++)
		result = post(t, target_sql(t, "DELETE FROM %s WHERE domain_id = %n", child[i], d.id), -1);
	if (result == TARGET_OK)
		result = post(t, target_sql(t, "DELETE FROM domains WHERE id = %n", d.id), 1);
	t->counts.deleted += (uint64_t)rows;
	t->counts.domains_deleted++;
	return result == TARGET_OK ? t->ops->flush(t) : result;
}

enum target_result
target_delete(struct target *t, const uint8_t *origin)
{
	return done(t, delete_domain(t, origin));
}
