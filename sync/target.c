#include "sync/target.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sync/pdns_text.h"
#include "sync/target_impl.h"
#include "zonefile/arena.h"
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

void
target_disconnect(struct target *t)
{
	t->ops->disconnect(t);
	t->connected = t->begun = false;
}

void
target_close(struct target *t)
{
	if (t == NULL)
		return;
	target_disconnect(t);
	free(t->sql.s);
	free(t->states.s);
	free(t->domain);
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

/* What is not done is undone. */
enum target_result
target_done(struct target *t, enum target_result result)
{
	if (result == TARGET_LOST || result == TARGET_BROKEN)
		target_disconnect(t);
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
		target_disconnect(t);
	return result;
}

enum target_result
target_begin(struct target *t)
{
	enum target_result result;

	t->counts = (struct target_counts){ 0 };
	t->states.len = t->state_rows = 0;
	t->domains = t->domain_at = 0;
	result = t->connected ? t->ops->begin(t) : target_fail(t, TARGET_LOST, "not connected");
	t->begun = result == TARGET_OK;
	t->begun_at = time(NULL);
	if (result == TARGET_OK && t->conf->token != NULL)
		result = target_lease_hold(t);
	return target_done(t, result);
}

enum target_result
target_commit(struct target *t)
{
	enum target_result result = TARGET_OK;

	if (t->state_rows > 0)
		result = t->ops->post(t, &t->states, t->state_rows);
	/* Who waits for the lease must see that a long transaction was life, too. */
	if (result == TARGET_OK && t->conf->token != NULL && time(NULL) - t->begun_at > 1)
		result = t->ops->post(t, target_sql(t, LEASE_BEAT, t->conf->owner, t->conf->token), 1);
	if (result == TARGET_OK)
		result = t->ops->flush(t);
	if (result == TARGET_OK)
		result = t->ops->commit(t);
	t->begun = t->begun && result != TARGET_OK;
	return target_done(t, result);
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
	return target_done(t, t->ops->query(t, target_sql(t, STATES, t->conf->owner), states_row, &s));
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
	return target_done(t, result);
}

static enum target_result
post(struct target *t, const struct text *text, int64_t expected)
{
	return t->ops->post(t, text, expected);
}

/* A domain as it stands in the database. */
struct domain {
	char name[PDNS_NAME_TEXT];
	bool there, state;		/* a row in domains, one in tandem_state */
	bool make, fresh;		/* to be made when it is not there; made in this transaction */
	int64_t id;
	char account[64], type[16], owner[64], digest[ZONE_DIGEST_TEXT + 8], form[FORM_MAX];
	uint32_t serial;
};

static void
copy(char *out, size_t size, const char *value)
{
	snprintf(out, size, "%s", value != NULL ? value : "");
}

struct domains {
	struct domain *d;
	size_t count;
};

static struct domain *
domain_named(const struct domains *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcasecmp(list->d[i].name, name) == 0)
			return &list->d[i];
	return NULL;
}

static void
domain_row(void *ctx, const char *const *value, const size_t *len)
{
	struct domain *d = domain_named(ctx, value[8]);

	(void)len;
	if (d == NULL)
		return;
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

/* " IN ('a', 'b')"; only those to be made, or all. */
static void
put_names(struct text *out, const struct domain *d, size_t count, bool make)
{
	const char *before = " IN (";

	for (size_t i = 0; i < count; i++) {
		if (make && !d[i].make)
			continue;
		text_str(out, before);
		text_quote(out, d[i].name, strlen(d[i].name));
		before = ", ";
	}
	text_str(out, ")");
}

/* What is there of the domains that have names. */
static enum target_result
domains_find(struct target *t, struct domain *d, size_t count, const char *lock)
{
	struct text *sql = target_sql(t, "SELECT d.id, d.account, d.type, s.owner, s.serial, s.digest, s.name, s.form, d.name "
	    "FROM domains d LEFT JOIN tandem_state s ON s.domain_id = d.id WHERE d.name");

	put_names(sql, d, count, false);
	text_str(sql, lock);
	return t->ops->query(t, sql, domain_row, &(struct domains){ d, count });
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
	if (t->domain_at < t->domains && strcmp(t->domain[t->domain_at].name, d->name) == 0) {
		*d = t->domain[t->domain_at++];
		return TARGET_OK;
	}
	return domains_find(t, d, 1, t->ops->for_update);
}

static const char *
kind(const struct target *t)
{
	return t->conf->kind_master ? "MASTER" : "NATIVE";
}

static void
id_row(void *ctx, const char *const *value, const size_t *len)
{
	struct domain *d = domain_named(ctx, value[1]);

	(void)len;
	if (d != NULL && d->make)
		d->id = strtoll(value[0], NULL, 10);
}

/* Those that are to be made. */
static enum target_result
create(struct target *t, struct domain *d, size_t count)
{
	struct text *sql = target_sql(t, "INSERT INTO domains (name, type, account) VALUES ");
	enum target_result result;
	int64_t rows = 0;

	for (size_t i = 0; i < count; i++) {
		if (!d[i].make)
			continue;
		text_str(sql, rows++ > 0 ? ", (" : "(");
		text_quote(sql, d[i].name, strlen(d[i].name));
		text_str(sql, ", ");
		text_quote(sql, kind(t), strlen(kind(t)));
		text_str(sql, ", ");
		text_quote(sql, t->conf->owner, strlen(t->conf->owner));
		text_str(sql, ")");
	}
	if (rows == 0)
		return TARGET_OK;
	result = post(t, sql, rows);
	if (result == TARGET_OK)
		result = t->ops->flush(t);
	if (result != TARGET_OK)
		return result;
	sql = target_sql(t, "SELECT id, name FROM domains WHERE name");
	put_names(sql, d, count, true);
	result = t->ops->query(t, sql, id_row, &(struct domains){ d, count });
	if (result != TARGET_OK)
		return result;
	/* A state of another domain that had this id is no longer of use. */
	sql = target_sql(t, "DELETE FROM tandem_state WHERE domain_id IN (-1");
	for (size_t i = 0; i < count; i++) {
		if (!d[i].make)
			continue;
		text_str(sql, ", ");
		text_number(sql, d[i].id);
		d[i].there = d[i].fresh = true;
		d[i].make = false;
	}
	text_str(sql, ")");
	return post(t, sql, -1);
}

static enum target_result
prepare(struct target *t, const struct target_intent *intent, size_t count)
{
	struct domain *d;
	enum target_result result;
	size_t n = 0;

	if (!t->begun)
		return target_fail(t, TARGET_LOST, "not connected");
	if (count > t->domain_room)
		t->domain = xrealloc(t->domain, (t->domain_room = count) * sizeof(*t->domain));
	d = t->domain;
	for (size_t i = 0; i < count; i++) {
		d[n] = (struct domain){ .make = intent[i].create };
		if (zone_name(t, intent[i].origin, d[n].name) == TARGET_OK)
			n++;
	}
	if (n == 0 || (result = domains_find(t, d, n, t->ops->for_update)) != TARGET_OK)
		return n == 0 ? TARGET_OK : result;
	for (size_t i = 0; i < n; i++)
		d[i].make = d[i].make && !d[i].there;
	if ((result = create(t, d, n)) == TARGET_OK)
		t->domains = n;
	return result;
}

enum target_result
target_prepare(struct target *t, const struct target_intent *intent, size_t count)
{
	return target_done(t, prepare(t, intent, count));
}
static bool
is_ours(const struct target *t, const struct domain *d)
{
	return d->there && strcmp(d->account, t->conf->owner) == 0 &&
	    (!d->state || strcmp(d->owner, t->conf->owner) == 0);
}

#define META "SELECT id, kind, content FROM domainmetadata WHERE domain_id = %n " \
	"AND kind IN ('PRESIGNED', 'NSEC3PARAM', 'NSEC3NARROW', 'SOA-EDIT')"

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

	result = t->ops->query(t, target_sql(t, META, d->id), meta_row, &m);
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

/* Those of many new domains share a statement. */
static enum target_result
add_state(struct target *t, const struct domain *d, int64_t serial, const char *digest, const char *ours, int64_t now)
{
	struct text *row = target_sql(t, "(%n, %q, %q, %n, %q, %q, %n)", d->id, t->conf->owner, d->name, serial, digest,
	    ours, now);

	text_str(&t->states, t->state_rows++ > 0 ? ", " :
	    "INSERT INTO tandem_state (domain_id, owner, name, serial, digest, form, changed_at) VALUES ");
	text_put(&t->states, row->s, row->len);
	return TARGET_OK;
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
	if (d->fresh)
		return add_state(t, d, serial, digest, ours, now);
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
	return result;
}

enum target_result
target_update(struct target *t, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	return target_done(t, update(t, from, to, delta, sink));
}

static void
count_row(void *ctx, const char *const *value, const size_t *len)
{
	(void)len;
	*(int64_t *)ctx = strtoll(value[0], NULL, 10);
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
	if (d.there && !d.fresh) {
		if ((result = own(t, &d, adopt)) == TARGET_OK)
			result = target_rows_compare(t, d.id, zone, sink);
	} else {
		t->counts.domains_created++;
		d.make = !d.fresh;
		if ((result = create(t, &d, 1)) == TARGET_OK)
			result = target_rows_new(t, d.id, zone, sink);
	}
	rows_meta(zone, &meta);
	if (result == TARGET_OK && (!d.fresh || meta.presigned))
		result = write_meta(t, &d, &meta);
	if (result == TARGET_OK)
		result = write_state(t, &d, zone);
	return result;
}

enum target_result
target_compare(struct target *t, const struct zone *zone, bool adopt, struct sink *sink)
{
	return target_done(t, compare(t, zone, adopt, sink));
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
	return result;
}

enum target_result
target_disable(struct target *t, const uint8_t *origin)
{
	return target_done(t, disable(t, origin));
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
	return result;
}

enum target_result
target_delete(struct target *t, const uint8_t *origin)
{
	return target_done(t, delete_domain(t, origin));
}

enum target_result
target_export(struct target *t, const uint8_t *origin, const struct target_meta *meta, size_t count)
{
	struct domain d;
	enum target_result result = domain_find(t, origin, &d);

	if (result == TARGET_OK && is_ours(t, &d))
		result = target_export_rows(t, d.id, meta, count);
	return target_done(t, result);
}

/* What is not right about the domain and its metadata. */
static enum target_result
verify_domain(struct target *t, const struct domain *d, const struct zone *zone,
    target_difference_fn *fn, void *ctx, struct target_verdict *verdict)
{
	struct rows_meta want;
	struct meta m = { .want = &want };
	enum target_result result;
	uint64_t before = verdict->wrong;

	rows_meta(zone, &want);
	result = t->ops->query(t, target_sql(t, META, d->id), meta_row, &m);
	if (result != TARGET_OK)
		return result;
	verdict->wrong += (strcmp(d->type, kind(t)) != 0) + m.wrongs + (want.presigned && !m.presigned) +
	    (*want.nsec3param != '\0' && !m.nsec3param);
	if (verdict->wrong > before)
		fn(ctx, "wrong", strcmp(d->type, kind(t)) != 0 ? "domains.type" : "domainmetadata");
	return TARGET_OK;
}

static enum target_result
verify(struct target *t, const struct zone *zone, target_difference_fn *fn, void *ctx, struct target_verdict *verdict)
{
	char digest[ZONE_DIGEST_TEXT], ours[FORM_MAX];
	enum target_result result;
	struct domain d = { .there = false };

	if ((result = zone_name(t, zone_origin(zone), d.name)) != TARGET_OK ||
	    (result = domains_find(t, &d, 1, "")) != TARGET_OK)
		return result;
	verdict->known = is_ours(t, &d) && d.state;
	verdict->serial = d.serial;
	zone_digest_print(digest, zone_digest(zone));
	verdict->behind = strcmp(d.digest, digest) != 0 || strcmp(d.form, form(t, ours)) != 0;
	if (!verdict->known || verdict->behind)
		return TARGET_OK;
	result = target_rows_verify(t, d.id, zone, fn, ctx, verdict);
	return result == TARGET_OK ? verify_domain(t, &d, zone, fn, ctx, verdict) : result;
}

enum target_result
target_verify(struct target *t, const struct zone *zone, target_difference_fn *fn, void *ctx,
    struct target_verdict *verdict)
{
	enum target_result result;

	*verdict = (struct target_verdict){ .known = false };
	result = t->connected ? t->ops->snapshot(t) : target_fail(t, TARGET_LOST, "not connected");
	t->begun = result == TARGET_OK;
	if (result == TARGET_OK)
		result = verify(t, zone, fn, ctx, verdict);
	if (result == TARGET_OK)
		target_rollback(t);
	return target_done(t, result);
}

/* --- any domain, for reading ------------------------------------------- */

struct reading {
	target_record_fn *fn;
	void *ctx;
};

static void
record_row(void *ctx, const char *const *value, const size_t *len)
{
	struct reading *r = ctx;

	(void)len;
	r->fn(r->ctx, &(struct target_record){ value[0], value[1], value[2], value[3], value[4] });
}

enum target_result
target_records(struct target *t, const char *name, target_record_fn *fn, void *ctx, bool *known, bool *presigned)
{
	struct reading r = { fn, ctx };
	enum target_result result;
	int64_t id = 0, signs = 0;

	result = t->connected ? t->ops->snapshot(t) : target_fail(t, TARGET_LOST, "not connected");
	t->begun = result == TARGET_OK;
	if (result == TARGET_OK)
		result = t->ops->query(t, target_sql(t, "SELECT id FROM domains WHERE name = %q", name), count_row, &id);
	if (result == TARGET_OK)
		result = t->ops->query(t, target_sql(t, "SELECT COUNT(*) FROM domainmetadata WHERE domain_id = %n "
		    "AND kind = 'PRESIGNED'", id), count_row, &signs);
	*known = id != 0;
	*presigned = signs > 0;
	if (result == TARGET_OK)
		result = t->ops->query(t, target_sql(t, "SELECT name, type, content, ttl, prio FROM records "
		    "WHERE domain_id = %n AND type IS NOT NULL AND disabled = 0", id), record_row, &r);
	if (result == TARGET_OK)
		target_rollback(t);
	return target_done(t, result);
}
