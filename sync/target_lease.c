/* target_lease.c - which of several instances writes.
 *
 * Two rows an owner.  "fence" names the holder; each transaction of the holder reads it with a shared lock, so that it
 * changes only between them.  "beat" is counted up by the holder; who waits takes over when it has not moved for long
 * by a clock of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/target_impl.h"

struct fence {
	struct target_lease lease;
	char beat_token[40];
	bool fence, beat;
};

static void
lease_row(void *ctx, const char *const *value, const size_t *len)
{
	struct fence *f = ctx;

	(void)len;
	if (strcmp(value[0], "fence") == 0) {
		f->fence = true;
		snprintf(f->lease.token, sizeof(f->lease.token), "%s", value[1]);
		snprintf(f->lease.holder, sizeof(f->lease.holder), "%s", value[2]);
	} else {
		f->beat = true;
		f->lease.beat = strtoll(value[3], NULL, 10);
	}
}

static enum target_result
read_rows(struct target *t, struct fence *f, const char *lock)
{
	*f = (struct fence){ .fence = false };
	return t->ops->query(t, target_sql(t, "SELECT part, token, instance, beat FROM tandem_lease WHERE owner = %q%s",
	    t->conf->owner, lock), lease_row, f);
}

enum target_result
target_lease_read(struct target *t, struct target_lease *lease)
{
	enum target_result result;
	struct fence f;

	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	result = read_rows(t, &f, "");
	*lease = f.lease;
	lease->ours = f.fence && strcmp(lease->token, t->conf->token) == 0;
	return target_done(t, result);
}

static enum target_result
make_row(struct target *t, const char *part)
{
	return t->ops->post(t, target_sql(t, "INSERT INTO tandem_lease (owner, part, token, instance, beat) "
	    "VALUES (%q, %q, %q, %q, 0)", t->conf->owner, part, t->conf->token, t->conf->instance), 1);
}

static enum target_result
take(struct target *t, const struct target_lease *seen)
{
	enum target_result result;
	struct fence f;

	if ((result = read_rows(t, &f, t->ops->for_update)) != TARGET_OK)
		return result;
	if (strcmp(f.lease.token, seen->token) != 0 || f.lease.beat != seen->beat)
		return target_fail(t, TARGET_STANDBY, "%s has the lease", f.lease.holder);
	if (!f.fence)
		result = make_row(t, "fence");
	if (result == TARGET_OK && !f.beat)
		result = make_row(t, "beat");
	if (result == TARGET_OK)
		result = t->ops->post(t, target_sql(t, "UPDATE tandem_lease SET token = %q, instance = %q, beat = beat + 1 "
		    "WHERE owner = %q", t->conf->token, t->conf->instance, t->conf->owner), 2);
	if (result == TARGET_OK)
		result = t->ops->flush(t);
	return result == TARGET_OK ? t->ops->commit(t) : result;
}

enum target_result
target_lease_take(struct target *t, const struct target_lease *seen)
{
	enum target_result result;

	result = t->connected ? t->ops->begin(t) : target_fail(t, TARGET_LOST, "not connected");
	t->begun = result == TARGET_OK;
	if (result == TARGET_OK)
		result = take(t, seen);
	t->begun = t->begun && result != TARGET_OK;
	/* Another one was at the same row first. */
	if (result == TARGET_HELD || result == TARGET_DRIFTED)
		result = TARGET_AGAIN;
	return target_done(t, result);
}

enum target_result
target_lease_hold(struct target *t)
{
	enum target_result result;
	struct fence f;

	result = t->ops->query(t, target_sql(t, "SELECT part, token, instance, beat FROM tandem_lease WHERE owner = %q "
	    "AND part = 'fence'%s", t->conf->owner, t->ops->for_share), lease_row, memset(&f, 0, sizeof(f)));
	if (result == TARGET_OK && strcmp(f.lease.token, t->conf->token) != 0)
		return target_fail(t, TARGET_STANDBY, "%s has taken over", f.lease.holder);
	return result;
}

enum target_result
target_lease_beat(struct target *t)
{
	enum target_result result;

	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	result = t->ops->post(t, target_sql(t, LEASE_BEAT, t->conf->owner, t->conf->token), 1);
	if (result == TARGET_OK)
		result = t->ops->flush(t);
	if (result == TARGET_DRIFTED)
		result = target_fail(t, TARGET_STANDBY, "another instance has taken over");
	return target_done(t, result);
}

void
target_lease_release(struct target *t)
{
	if (t->connected && t->ops->post(t, target_sql(t, "UPDATE tandem_lease SET token = '' WHERE owner = %q AND token = %q",
	    t->conf->owner, t->conf->token), -1) == TARGET_OK)
		t->ops->flush(t);
}
