/* target_state.c - where the zones are: tandem_state, in the target's own database. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sync/target_impl.h"
#include "zonefile/arena.h"

/* How rows are derived, apart from the zone: what was written in another form is in step with no version.  Behind it
 * stands what was exported. */
static const char *
form(const struct target *t, char out[FORM_MAX])
{
	snprintf(out, FORM_MAX, "1 %u %s", t->conf->style.version, t->conf->style.skip ? "skip" : "fail");
	return out;
}

static const char *
form_with(const struct target *t, uint64_t exported, char out[FORM_MAX])
{
	size_t len = strlen(form(t, out));

	if (exported != 0)
		snprintf(out + len, FORM_MAX - len, " %" PRIx64, exported);
	return out;
}

static bool
form_is(const char *text, const char *ours)
{
	size_t len = strlen(ours);

	return strncmp(text, ours, len) == 0 && (text[len] == '\0' || text[len] == ' ');
}

/* The fourth word. */
static uint64_t
form_exported(const char *text)
{
	for (int i = 0; i < 3 && text != NULL; i++)
		if ((text = strchr(text, ' ')) != NULL)
			text++;
	return text != NULL ? strtoull(text, NULL, 16) : 0;
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

bool
domain_at(const struct target *t, const struct domain *d, struct zone_digest at)
{
	char digest[ZONE_DIGEST_TEXT], ours[FORM_MAX];

	return d->state && strcmp(d->digest, zone_digest_print(digest, at)) == 0 && form_is(d->form, form(t, ours));
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
	if (form_is(value[3], s->form))
		state.digest = digest_parse(value[2]);
	state.disabled = strcmp(value[2], "disabled") == 0;
	state.changed_at = strtoll(value[4], NULL, 10);
	state.exported = form_exported(value[3]);
	s->fn(s->ctx, &state);
}

#define STATES "SELECT s.name, s.serial, s.digest, s.form, s.changed_at FROM tandem_state s "
/* PowerDNS's columns may have a collation that the server compares with that of no other column. */
#define BESIDE "d.id = s.domain_id AND HEX(LOWER(d.name)) = HEX(s.name) AND d.account = %q "

enum target_result
target_states(struct target *t, target_state_fn *fn, void *ctx)
{
	struct states s = { .fn = fn, .ctx = ctx };

	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	form(t, s.form);
	return target_done(t, t->ops->query(t, target_sql(t, STATES "WHERE s.owner = %q", t->conf->owner), states_row, &s));
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

enum target_result
target_state(struct target *t, const uint8_t *origin, struct target_state *state, bool *known)
{
	struct one_state one = { t, state, false };
	struct states s = { .fn = one_state, .ctx = &one };
	char name[PDNS_NAME_TEXT];
	enum target_result result;

	*known = false;
	if ((result = domain_name(t, origin, name)) != TARGET_OK)
		return result;
	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	strcpy(t->state_name, name);
	form(t, s.form);
	result = t->ops->query(t, target_sql(t, STATES "JOIN domains d ON " BESIDE "WHERE s.owner = %q AND s.name = %q AND d.name = %q",
	    t->conf->owner, t->conf->owner, name, name), states_row, &s);
	*known = one.known;
	return target_done(t, result);
}

/* --- those that are of no use ------------------------------------------ */

#define SWEEP_IDS 1000			/* in a statement */

struct ids {
	int64_t *id;
	size_t count, room;
};

static void
id_row(void *ctx, const char *const *value, const size_t *len)
{
	struct ids *ids = ctx;

	(void)len;
	if (ids->count == ids->room)
		ids->id = xrealloc(ids->id, (ids->room = ids->room * 2 + 64) * sizeof(*ids->id));
	ids->id[ids->count++] = strtoll(value[0], NULL, 10);
}

/* What another connection has written meanwhile stays. */
static enum target_result
forget_states(struct target *t, const struct ids *ids)
{
	enum target_result result = target_begin(t);

	for (size_t at = 0; at < ids->count && result == TARGET_OK; at += SWEEP_IDS) {
		struct text *sql = target_sql(t, "DELETE FROM tandem_state WHERE owner = %q AND NOT EXISTS (SELECT 1 FROM domains d "
		    "WHERE d.id = tandem_state.domain_id AND HEX(LOWER(d.name)) = HEX(tandem_state.name) AND d.account = %q) "
		    "AND domain_id IN (%n", t->conf->owner, t->conf->owner, ids->id[at]);

		for (size_t i = at + 1; i < ids->count && i < at + SWEEP_IDS; i++) {
			text_str(sql, ", ");
			text_number(sql, ids->id[i]);
		}
		text_str(sql, ")");
		result = t->ops->post(t, sql, -1);
	}
	return result == TARGET_OK ? target_commit(t) : target_done(t, result);
}

enum target_result
target_sweep(struct target *t, size_t *gone)
{
	struct ids ids = { .count = 0 };
	enum target_result result;

	*gone = 0;
	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	result = target_done(t, t->ops->query(t, target_sql(t, "SELECT s.domain_id FROM tandem_state s LEFT JOIN domains d ON "
	    BESIDE "WHERE s.owner = %q AND d.id IS NULL", t->conf->owner, t->conf->owner), id_row, &ids));
	if (result == TARGET_OK && ids.count > 0 && (result = forget_states(t, &ids)) == TARGET_OK)
		*gone = ids.count;
	free(ids.id);
	return result;
}

/* --- written ------------------------------------------------------------ */

/* A state of another domain that had this id is no longer of use, nor those of others that had this name. */
static enum target_result
forget_others(struct target *t, const struct domain *d)
{
	struct ids ids = { .count = 0 };
	enum target_result result;

	result = t->ops->query(t, target_sql(t, "SELECT domain_id FROM tandem_state WHERE owner = %q AND name = %q",
	    t->conf->owner, d->name), id_row, &ids);
	if (result == TARGET_OK)
		result = t->ops->post(t, target_sql(t, "DELETE FROM tandem_state WHERE domain_id = %n", d->id), -1);
	for (size_t i = 0; i < ids.count && result == TARGET_OK; i++)
		result = t->ops->post(t, target_sql(t, "DELETE FROM tandem_state WHERE domain_id = %n", ids.id[i]), -1);
	free(ids.id);
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

enum target_result
domain_set_state(struct target *t, const struct domain *d, const struct zone *zone)
{
	char digest[ZONE_DIGEST_TEXT], ours[FORM_MAX];
	int64_t serial = zone_serial(zone), now = time(NULL);
	enum target_result result = TARGET_OK;

	zone_digest_print(digest, zone_digest(zone));
	form_with(t, d->state ? form_exported(d->form) : 0, ours);
	if (t->conf->kind_master)
		result = t->ops->post(t, target_sql(t, "UPDATE domains SET notified_serial = %n WHERE id = %n",
		    serial, d->id), 1);
	if (result != TARGET_OK)
		return result;
	if (d->state)
		return t->ops->post(t, target_sql(t, "UPDATE tandem_state SET serial = %n, digest = %q, form = %q, changed_at = %n "
		    "WHERE domain_id = %n AND owner = %q", serial, digest, ours, now, d->id, t->conf->owner), 1);
	if (d->fresh)
		return add_state(t, d, serial, digest, ours, now);
	if ((result = forget_others(t, d)) != TARGET_OK)
		return result;
	return t->ops->post(t, target_sql(t, "INSERT INTO tandem_state (domain_id, owner, name, serial, digest, form, changed_at) "
	    "VALUES (%n, %q, %q, %n, %q, %q, %n)", d->id, t->conf->owner, d->name, serial, digest, ours, now), 1);
}

enum target_result
domain_set_exported(struct target *t, const struct domain *d, uint64_t exported)
{
	enum target_result result = target_post_states(t);
	char ours[FORM_MAX];

	if (result == TARGET_OK)
		result = t->ops->post(t, target_sql(t, "UPDATE tandem_state SET form = %q WHERE domain_id = %n AND owner = %q",
		    form_with(t, exported, ours), d->id, t->conf->owner), -1);
	return result;
}

enum target_result
target_post_states(struct target *t)
{
	enum target_result result = t->state_rows > 0 ? t->ops->post(t, &t->states, t->state_rows) : TARGET_OK;

	t->states.len = t->state_rows = 0;
	return result;
}
