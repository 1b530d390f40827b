/* target_read.c - what others have written: the records of any domain, the masters of new zones. */
#include "sync/target_impl.h"

struct record_reading {
	target_record_fn *fn;
	void *ctx;
};

static void
record_row(void *ctx, const char *const *value, const size_t *len)
{
	struct record_reading *r = ctx;

	(void)len;
	r->fn(r->ctx, &(struct target_record){ value[0], value[1], value[2], value[3], value[4] });
}

enum target_result
target_records(struct target *t, const char *name, target_record_fn *fn, void *ctx, bool *known, bool *presigned)
{
	struct record_reading r = { fn, ctx };
	enum target_result result;
	int64_t id = 0, signs = 0;

	result = t->connected ? t->ops->snapshot(t) : target_fail(t, TARGET_LOST, "not connected");
	t->begun = result == TARGET_OK;
	if (result == TARGET_OK)
		result = t->ops->query(t, target_sql(t, "SELECT id FROM domains WHERE name = %q", name), sql_count, &id);
	if (result == TARGET_OK)
		result = t->ops->query(t, target_sql(t, "SELECT COUNT(*) FROM domainmetadata WHERE domain_id = %n "
		    "AND kind = 'PRESIGNED'", id), sql_count, &signs);
	*known = id != 0;
	*presigned = signs > 0;
	if (result == TARGET_OK)
		result = t->ops->query(t, target_sql(t, "SELECT name, type, content, ttl, prio FROM records "
		    "WHERE domain_id = %n AND type IS NOT NULL AND disabled = 0", id), record_row, &r);
	if (result == TARGET_OK)
		target_rollback(t);
	return target_done(t, result);
}

struct supermaster_reading {
	target_supermaster_fn *fn;
	void *ctx;
};

static void
supermaster_row(void *ctx, const char *const *value, const size_t *len)
{
	const struct supermaster_reading *r = ctx;

	(void)len;
	if (value[0] != NULL && value[1] != NULL)
		r->fn(r->ctx, &(struct target_supermaster){ value[0], value[1], value[2] });
}

/* Outside of a transaction, so that nothing has to be given up when the table is not for us. */
enum target_result
target_supermasters(struct target *t, target_supermaster_fn *fn, void *ctx)
{
	struct supermaster_reading r = { fn, ctx };
	enum target_result result;

	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	result = t->ops->query(t, target_sql(t, "SELECT ip, nameserver, account FROM supermasters "
	    "ORDER BY ip, nameserver, account"), supermaster_row, &r);
	return result == TARGET_BROKEN ? TARGET_HELD : target_done(t, result);
}
