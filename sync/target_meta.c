/* target_meta.c - what signed zones need in domainmetadata: PRESIGNED and NSEC3PARAM, and nothing against them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/target_impl.h"

#define META "SELECT id, kind, content FROM domainmetadata WHERE domain_id = %n " \
	"AND kind IN ('PRESIGNED', 'NSEC3PARAM', 'NSEC3NARROW', 'SOA-EDIT')"

/* PRESIGNED and NSEC3PARAM, and what would make PowerDNS answer from something else than our rows. */
struct meta {
	const struct rows_meta *want;
	target_difference_fn *fn;	/* NULL: nobody hears of what is wrong */
	void *ctx;
	bool presigned, nsec3param;	/* there and right */
	int64_t wrong[64];
	unsigned wrongs;
};

static void __attribute__((format(printf, 2, 3)))
say(const struct meta *m, const char *fmt, ...)
{
	char text[ROWS_NSEC3PARAM_MAX + 100];
	int len = snprintf(text, sizeof(text), "domainmetadata ");
	va_list args;

	if (m->fn == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, args);
	va_end(args);
	m->fn(m->ctx, "wrong", text);
}

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
	else if (m->wrongs < sizeof(m->wrong) / sizeof(*m->wrong)) {
		m->wrong[m->wrongs++] = strtoll(value[0], NULL, 10);
		say(m, "%s '%.200s' must not be there", value[1], content);
	}
}

enum target_result
target_meta_write(struct target *t, int64_t domain, const struct rows_meta *want)
{
	struct meta m = { .want = want };
	enum target_result result;

	result = t->ops->query(t, target_sql(t, META, domain), meta_row, &m);
	for (unsigned i = 0; i < m.wrongs && result == TARGET_OK; i++)
		result = t->ops->post(t, target_sql(t, "DELETE FROM domainmetadata WHERE id = %n", m.wrong[i]), 1);
	if (result == TARGET_OK && want->presigned && !m.presigned)
		result = t->ops->post(t, target_sql(t, "INSERT INTO domainmetadata (domain_id, kind, content) "
		    "VALUES (%n, 'PRESIGNED', '1')", domain), 1);
	if (result == TARGET_OK && *want->nsec3param != '\0' && !m.nsec3param)
		result = t->ops->post(t, target_sql(t, "INSERT INTO domainmetadata (domain_id, kind, content) "
		    "VALUES (%n, 'NSEC3PARAM', %q)", domain, want->nsec3param), 1);
	return result;
}

enum target_result
target_meta_check(struct target *t, int64_t domain, const struct rows_meta *want, target_difference_fn *fn, void *ctx,
    uint64_t *wrong)
{
	struct meta m = { .want = want, .fn = fn, .ctx = ctx };
	enum target_result result = t->ops->query(t, target_sql(t, META, domain), meta_row, &m);
	bool presigned = result == TARGET_OK && want->presigned && !m.presigned;
	bool nsec3param = result == TARGET_OK && *want->nsec3param != '\0' && !m.nsec3param;

	if (presigned)
		say(&m, "PRESIGNED '1' is missing");
	if (nsec3param)
		say(&m, "NSEC3PARAM '%s' is missing", want->nsec3param);
	*wrong += m.wrongs + presigned + nsec3param;
	return result;
}
