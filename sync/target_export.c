/* target_export.c - what PowerDNS is told beside records: who may transfer a zone, keys, masters of new zones. */
#include <stdlib.h>
#include <string.h>

#include "sync/target_impl.h"
#include "zonefile/arena.h"
#include "zonefile/hash.h"

/* The kinds that are ours in a domain of ours. */
#define KINDS "'ALLOW-AXFR-FROM', 'TSIG-ALLOW-AXFR', 'ALSO-NOTIFY'"

uint64_t
export_hash(const struct target_meta *meta, size_t count)
{
	uint64_t h = 1;

	for (size_t i = 0; i < count; i++)
		h = hash_bytes(hash_bytes(h, meta[i].kind, strlen(meta[i].kind)), meta[i].content, strlen(meta[i].content));
	/* 0 is "never exported". */
	return h | 1;
}

/* What is there: rows that are wanted are struck off, others go. */
struct present {
	const struct target_meta *meta;
	size_t count;
	bool *there;
	int64_t *wrong;
	size_t wrongs;
};

static void
present_row(void *ctx, const char *const *value, const size_t *len)
{
	struct present *p = ctx;

	(void)len;
	for (size_t i = 0; i < p->count; i++)
		if (!p->there[i] && strcmp(p->meta[i].kind, value[1]) == 0 && value[2] != NULL &&
		    strcmp(p->meta[i].content, value[2]) == 0) {
			p->there[i] = true;
			return;
		}
	p->wrong = xrealloc(p->wrong, (p->wrongs + 1) * sizeof(*p->wrong));
	p->wrong[p->wrongs++] = strtoll(value[0], NULL, 10);
}

static enum target_result
write_present(struct target *t, int64_t domain, const struct present *p)
{
	enum target_result result = TARGET_OK;

	for (size_t i = 0; i < p->wrongs && result == TARGET_OK; i++)
		result = t->ops->post(t, target_sql(t, "DELETE FROM domainmetadata WHERE id = %n", p->wrong[i]), 1);
	for (size_t i = 0; i < p->count && result == TARGET_OK; i++)
		if (!p->there[i]) {
			result = t->ops->post(t, target_sql(t, "INSERT INTO domainmetadata (domain_id, kind, content) "
			    "VALUES (%n, %q, %q)", domain, p->meta[i].kind, p->meta[i].content), 1);
			t->counts.meta++;
		}
	t->counts.meta += p->wrongs;
	return result;
}

enum target_result
target_export_rows(struct target *t, int64_t domain, const struct target_meta *meta, size_t count)
{
	struct present p = { .meta = meta, .count = count, .there = xcalloc(count + 1, sizeof(*p.there)) };
	enum target_result result;

	result = t->ops->query(t, target_sql(t, "SELECT id, kind, content FROM domainmetadata WHERE domain_id = %n "
	    "AND kind IN (" KINDS ")", domain), present_row, &p);
	if (result == TARGET_OK)
		result = write_present(t, domain, &p);
	free(p.wrong);
	free(p.there);
	return result;
}

/* --- for all zones ----------------------------------------------------- */

static void
value_row(void *ctx, const char *const *value, const size_t *len)
{
	(void)len;
	*(char **)ctx = xstrdup(value[0] != NULL ? value[0] : "");
}

/* Keys may be somebody else's too: none is deleted. */
static enum target_result
export_key(struct target *t, const struct target_key *key)
{
	enum target_result result;
	char *secret = NULL;

	result = t->ops->query(t, target_sql(t, "SELECT secret FROM tsigkeys WHERE name = %q AND algorithm = %q",
	    key->name, key->algorithm), value_row, &secret);
	if (result == TARGET_OK && secret == NULL)
		result = t->ops->post(t, target_sql(t, "INSERT INTO tsigkeys (name, algorithm, secret) VALUES (%q, %q, %q)",
		    key->name, key->algorithm, key->secret), 1);
	else if (result == TARGET_OK && strcmp(secret, key->secret) != 0)
		result = t->ops->post(t, target_sql(t, "UPDATE tsigkeys SET secret = %q WHERE name = %q AND algorithm = %q",
		    key->secret, key->name, key->algorithm), 1);
	free(secret);
	return result;
}

static enum target_result
export_supermaster(struct target *t, const struct target_supermaster *s)
{
	enum target_result result;
	char *there = NULL;

	result = t->ops->query(t, target_sql(t, "SELECT account FROM supermasters WHERE ip = %q AND nameserver = %q",
	    s->ip, s->nameserver), value_row, &there);
	if (result == TARGET_OK && there == NULL)
		result = t->ops->post(t, target_sql(t, "INSERT INTO supermasters (ip, nameserver, account) VALUES (%q, %q, %q)",
		    s->ip, s->nameserver, s->account), 1);
	free(there);
	return result;
}

enum target_result
target_export_all(struct target *t)
{
	enum target_result result = target_begin(t);

	for (size_t i = 0; i < t->conf->key_count && result == TARGET_OK; i++)
		result = export_key(t, &t->conf->keys[i]);
	for (size_t i = 0; i < t->conf->supermaster_count && result == TARGET_OK; i++)
		result = export_supermaster(t, &t->conf->supermasters[i]);
	return result == TARGET_OK ? target_commit(t) : target_done(t, result);
}
