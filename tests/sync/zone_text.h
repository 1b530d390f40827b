/* zone_text.h - zones from text, and rows as lines, for tests. */
#ifndef TESTS_SYNC_ZONE_TEXT_H
#define TESTS_SYNC_ZONE_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sync/rows.h"
#include "zonefile/arena.h"
#include "zonefile/master.h"
#include "zonefile/name.h"

#define APEX "$TTL 300\n@ SOA ns hostmaster 7 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n"

/* The text after a line of origin; NULL with reports on standard error. */
static inline struct zone *
zone_from(const char *origin, const char *text)
{
	static const uint8_t root[] = "";
	char path[] = "/tmp/zone_text.XXXXXX";
	struct sink sink = { .fn = report_to_file, .ctx = stderr };
	uint8_t name[DNAME_MAX];
	struct zone *zone;
	FILE *f = fdopen(mkstemp(path), "w");

	fputs(text, f);
	fclose(f);
	name_parse(name, origin, strlen(origin), root);
	zone = master_load(path, name, NULL, &sink, NULL);
	unlink(path);
	return zone;
}

/* Lines "name|type|content|ttl|prio|disabled|ordername|auth", "-" for NULL. */
struct lines {
	char **line;
	size_t count;
};

static inline char *
row_line(const struct row *r)
{
	if (r->type == NULL)
		return xasprintf("%s|-|-|-|-|%d|%s|%d", r->name, r->disabled,
		    r->ordername != NULL ? r->ordername : "-", r->auth);
	return xasprintf("%s|%s|%s|%u|%u|%d|%s|%d", r->name, r->type, r->content, r->ttl, r->prio,
	    r->disabled, r->ordername != NULL ? r->ordername : "-", r->auth);
}

static inline int
lines_add(void *ctx, const struct row *row)
{
	struct lines *l = ctx;

	l->line = xrealloc(l->line, (l->count + 1) * sizeof(*l->line));
	l->line[l->count++] = row_line(row);
	return 0;
}

static inline int
lines_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void
lines_sort(struct lines *l)
{
	qsort(l->line, l->count, sizeof(*l->line), lines_order);
}

static inline void
lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->line[i]);
	free(l->line);
	*l = (struct lines){ 0 };
}

/* Keeps the last report. */
static inline void
last_report(void *ctx, const struct report *r)
{
	snprintf(ctx, 512, "%s", r->text);
}
#endif
