/* target_domain.c - a domain as it stands in the database, and made when it is not there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/target_impl.h"
#include "zonefile/arena.h"
#include "zonefile/name.h"

enum target_result
domain_name(struct target *t, const uint8_t *origin, char name[PDNS_NAME_TEXT])
{
	uint8_t lower[DNAME_MAX];

	name_lower(lower, origin);
	if (pdns_name(name, lower) > PDNS_NAME_MAX)
		return target_fail(t, TARGET_HELD,
		    "its name is longer than the 255 characters of PowerDNS's column");
	return TARGET_OK;
}

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
find(struct target *t, struct domain *d, size_t count, const char *lock)
{
	struct text *sql = target_sql(t, "SELECT d.id, d.account, d.type, s.owner, s.serial, s.digest, s.name, s.form, d.name "
	    "FROM domains d LEFT JOIN tandem_state s ON s.domain_id = d.id WHERE d.name");

	put_names(sql, d, count, false);
	text_str(sql, lock);
	return t->ops->query(t, sql, domain_row, &(struct domains){ d, count });
}

enum target_result
domain_find(struct target *t, const uint8_t *origin, struct domain *d)
{
	enum target_result result;

	*d = (struct domain){ .there = false };
	if ((result = domain_name(t, origin, d->name)) != TARGET_OK)
		return result;
	if (!t->begun)
		return target_fail(t, TARGET_LOST, "not connected");
	if (t->domain_at < t->domains && strcmp(t->domain[t->domain_at].name, d->name) == 0) {
		*d = t->domain[t->domain_at++];
		return TARGET_OK;
	}
	return find(t, d, 1, t->ops->for_update);
}

enum target_result
domain_look(struct target *t, const uint8_t *origin, struct domain *d)
{
	enum target_result result;

	*d = (struct domain){ .there = false };
	result = domain_name(t, origin, d->name);
	return result == TARGET_OK ? find(t, d, 1, "") : result;
}

bool
domain_ours(const struct target *t, const struct domain *d)
{
	return d->there && strcmp(d->account, t->conf->owner) == 0 &&
	    (!d->state || strcmp(d->owner, t->conf->owner) == 0);
}

const char *
target_kind(const struct target *t)
{
	return t->conf->kind_master ? "MASTER" : "NATIVE";
}

enum target_result
domain_own(struct target *t, struct domain *d, bool adopt)
{
	enum target_result result;
	int64_t keys = 0;

	if (domain_ours(t, d)) {
		if (strcmp(d->type, target_kind(t)) == 0)
			return TARGET_OK;
		return t->ops->post(t, target_sql(t, "UPDATE domains SET type = %q WHERE id = %n", target_kind(t), d->id), 1);
	}
	/* The default owner has the host's name in it. */
	if (d->state && strcmp(d->account, d->owner) == 0)
		return target_fail(t, TARGET_FOREIGN, "the database has a domain %s that tandemd wrote as owner \"%s\"; `owner \"%s\";` "
		    "in the mirror goes on with that, as when this host was renamed; to take it over as \"%s\", empty its "
		    "domains.account, delete its row in tandem_state, then 'mirror adopt %s'", d->name, d->owner, d->owner,
		    t->conf->owner, d->name);
	if (d->account[0] != '\0' && strcmp(d->account, t->conf->owner) != 0)
		return target_fail(t, TARGET_FOREIGN, "the database has a domain %s that belongs to \"%s\"; "
		    "to take it over, empty its domains.account, then 'mirror adopt %s'", d->name, d->account, d->name);
	if (d->state && strcmp(d->owner, t->conf->owner) != 0)
		return target_fail(t, TARGET_FOREIGN, "the database has a domain %s that is written by \"%s\"; "
		    "to take it over, delete its row in tandem_state, then 'mirror adopt %s'", d->name, d->owner, d->name);
	if (!adopt && !t->conf->adopt)
		return target_fail(t, TARGET_FOREIGN, "the database has a domain %s that belongs to nobody; "
		    "'mirror adopt %s', or `adopt yes;` in the mirror for all, takes it over, changing only what differs",
		    d->name, d->name);
	result = t->ops->query(t, target_sql(t, "SELECT COUNT(*) FROM cryptokeys WHERE domain_id = %n", d->id),
	    sql_count, &keys);
	if (result == TARGET_OK && keys > 0)
		return target_fail(t, TARGET_FOREIGN, "PowerDNS signs the domain %s itself; "
		    "delete its rows in cryptokeys first", d->name);
	if (result != TARGET_OK)
		return result;
	return t->ops->post(t, target_sql(t, "UPDATE domains SET account = %q, type = %q, master = NULL WHERE id = %n",
	    t->conf->owner, target_kind(t), d->id), 1);
}

struct made {
	struct domains list;
	struct text stale;		/* ids of other domains that had these names */
};

static void
id_row(void *ctx, const char *const *value, const size_t *len)
{
	struct made *made = ctx;
	struct domain *d;

	(void)len;
	if (value[1] == NULL) {
		text_str(&made->stale, ", ");
		text_str(&made->stale, value[0]);
	} else if ((d = domain_named(&made->list, value[1])) != NULL && d->make) {
		d->id = strtoll(value[0], NULL, 10);
	}
}

enum target_result
domain_make(struct target *t, struct domain *d, size_t count)
{
	struct text *sql = target_sql(t, "INSERT INTO domains (name, type, account) VALUES ");
	struct made made = { .list = { d, count } };
	enum target_result result;
	int64_t rows = 0;

	for (size_t i = 0; i < count; i++) {
		if (!d[i].make)
			continue;
		text_str(sql, rows++ > 0 ? ", (" : "(");
		text_quote(sql, d[i].name, strlen(d[i].name));
		text_str(sql, ", ");
		text_quote(sql, target_kind(t), strlen(target_kind(t)));
		text_str(sql, ", ");
		text_quote(sql, t->conf->owner, strlen(t->conf->owner));
		text_str(sql, ")");
	}
	if (rows == 0)
		return TARGET_OK;
	result = t->ops->post(t, sql, rows);
	if (result == TARGET_OK)
		result = t->ops->flush(t);
	if (result != TARGET_OK)
		return result;
	sql = target_sql(t, "SELECT id, name FROM domains WHERE name");
	put_names(sql, d, count, true);
	/* To delete by name would wait for whoever makes others. */
	text_str(sql, " UNION ALL SELECT domain_id, NULL FROM tandem_state WHERE owner = ");
	text_quote(sql, t->conf->owner, strlen(t->conf->owner));
	text_str(sql, " AND name");
	put_names(sql, d, count, true);
	if ((result = t->ops->query(t, sql, id_row, &made)) != TARGET_OK) {
		free(made.stale.s);
		return result;
	}
	/* A state of another domain that had this id, or this name, is no longer of use. */
	sql = target_sql(t, "DELETE FROM tandem_state WHERE domain_id IN (-1");
	if (made.stale.len > 0)
		text_put(sql, made.stale.s, made.stale.len);
	free(made.stale.s);
	for (size_t i = 0; i < count; i++) {
		if (!d[i].make)
			continue;
		text_str(sql, ", ");
		text_number(sql, d[i].id);
		d[i].there = d[i].fresh = true;
		d[i].make = false;
	}
	text_str(sql, ")");
	return t->ops->post(t, sql, -1);
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
		if (domain_name(t, intent[i].origin, d[n].name) == TARGET_OK)
			n++;
	}
	if (n == 0 || (result = find(t, d, n, t->ops->for_update)) != TARGET_OK)
		return n == 0 ? TARGET_OK : result;
	for (size_t i = 0; i < n; i++)
		d[i].make = d[i].make && !d[i].there;
	if ((result = domain_make(t, d, n)) == TARGET_OK)
		t->domains = n;
	return result;
}

enum target_result
target_prepare(struct target *t, const struct target_intent *intent, size_t count)
{
	return target_done(t, prepare(t, intent, count));
}
