/* target_zone.c - one zone in the database: brought to a version, disabled, deleted. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "sync/target_impl.h"

static enum target_result
update(struct target *t, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	struct rows_meta old, new;
	struct domain d;
	enum target_result result;

	if ((result = domain_find(t, zone_origin(to), &d)) != TARGET_OK)
		return result;
	if (!domain_ours(t, &d) || d.serial != delta_from(delta) || !domain_at(t, &d, delta_from_digest(delta)))
		return target_fail(t, TARGET_DRIFTED, "the database is not at serial %" PRIu32,
		    delta_from(delta));
	result = target_rows_diff(t, d.id, from, to, delta, sink);
	rows_meta(from, &old);
	rows_meta(to, &new);
	if (result == TARGET_OK && (old.presigned != new.presigned ||
	    strcmp(old.nsec3param, new.nsec3param) != 0))
		result = target_meta_write(t, d.id, &new);
	if (result == TARGET_OK)
		result = domain_set_state(t, &d, to);
	return result;
}

enum target_result
target_update(struct target *t, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	return target_done(t, update(t, from, to, delta, sink));
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
		if ((result = domain_own(t, &d, adopt)) == TARGET_OK)
			result = target_rows_compare(t, d.id, zone, sink);
	} else {
		t->counts.domains_created++;
		d.make = !d.fresh;
		if ((result = domain_make(t, &d, 1)) == TARGET_OK)
			result = target_rows_new(t, d.id, zone, sink);
	}
	rows_meta(zone, &meta);
	if (result == TARGET_OK && (!d.fresh || meta.presigned))
		result = target_meta_write(t, d.id, &meta);
	if (result == TARGET_OK)
		result = domain_set_state(t, &d, zone);
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

	if (result != TARGET_OK || !domain_ours(t, &d) || !d.state)
		return result;
	t->counts.updated++;
	result = t->ops->post(t, target_sql(t, "UPDATE records SET disabled = 1 WHERE domain_id = %n AND name = %q "
	    "AND type = 'SOA'", d.id, d.name), -1);
	if (result == TARGET_OK)
		result = t->ops->post(t, target_sql(t, "UPDATE tandem_state SET digest = 'disabled', changed_at = %n "
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

	if (result != TARGET_OK || !domain_ours(t, &d))
		return result;
	result = t->ops->query(t, target_sql(t, "SELECT COUNT(*) FROM records WHERE domain_id = %n", d.id),
	    sql_count, &rows);
	for (size_t i = 0; i < sizeof(child) / sizeof(*child) && result == TARGET_OK; i++)
		result = t->ops->post(t, target_sql(t, "DELETE FROM %s WHERE domain_id = %n", child[i], d.id), -1);
	if (result == TARGET_OK)
		result = t->ops->post(t, target_sql(t, "DELETE FROM domains WHERE id = %n", d.id), 1);
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

	if (result == TARGET_OK && domain_ours(t, &d))
		result = target_export_rows(t, d.id, meta, count);
	if (result == TARGET_OK && domain_ours(t, &d))
		result = domain_set_exported(t, &d, export_hash(meta, count));
	return target_done(t, result);
}
