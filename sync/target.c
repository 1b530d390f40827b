#include "sync/target.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/steady.h"
#include "sync/target_impl.h"

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
	t->begun_at = steady_now();
	if (result == TARGET_OK && t->conf->token != NULL)
		result = target_lease_hold(t);
	return target_done(t, result);
}

enum target_result
target_commit(struct target *t)
{
	enum target_result result = target_post_states(t);

	/* Who waits for the lease must see that a long transaction was life, too. */
	if (result == TARGET_OK && t->conf->token != NULL && steady_now() - t->begun_at > 1)
		result = t->ops->post(t, target_sql(t, LEASE_BEAT, t->conf->owner, t->conf->token), 1);
	if (result == TARGET_OK)
		result = t->ops->flush(t);
	if (result == TARGET_OK)
		result = t->ops->commit(t);
	t->begun = t->begun && result != TARGET_OK;
	return target_done(t, result);
}
