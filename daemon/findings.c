#include "daemon/findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"

void
findings_note(void *ctx, const struct report *report)
{
	struct findings *f = ctx;
	char line[1024];

	if (report->severity == NOTE)
		return;
	report_format(line, sizeof(line), report);
	if (report->severity == ERROR) {
		f->errors++;
		text_print(&f->error, "%s\n", line);
	} else if (f->warnings++ < FINDINGS_SHOWN) {
		text_print(&f->warning, "%s\n", line);
	}
}

void
findings_count(struct findings *f, const struct sink *sink)
{
	f->errors = sink->errors;
	f->warnings = sink->warnings;
}

char *
findings_first(const struct findings *f, char *out, size_t size)
{
	const char *end = f->error.len > 0 ? memchr(f->error.octets, '\n', f->error.len) : NULL;
	char more[32] = "";

	if (f->errors > 1)
		snprintf(more, sizeof(more), " (and %u more)", f->errors - 1);
	snprintf(out, size, "%.*s%s", end != NULL ? (int)(end - f->error.octets) : 0, f->error.octets, end != NULL ? more : "");
	return out;
}

void
findings_clear(struct findings *f)
{
	free(f->error.octets);
	free(f->warning.octets);
	*f = (struct findings){ 0 };
}

static void
copy_lines(struct text *to, const struct text *from)
{
	const char *at = from->octets, *end = at + from->len;

	for (int i = 0; i < FINDINGS_SHOWN && at < end; i++)
		at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
	text_add(to, from->octets, (size_t)(at - from->octets));
}

struct findings *
findings_keep(const struct findings *f, enum severity severity)
{
	struct findings *kept;

	if ((severity == ERROR ? f->errors : f->warnings) == 0)
		return NULL;
	kept = xcalloc(1, sizeof(*kept));
	if (severity == ERROR) {
		kept->errors = f->errors;
		copy_lines(&kept->error, &f->error);
	} else {
		kept->warnings = f->warnings;
		copy_lines(&kept->warning, &f->warning);
	}
	return kept;
}

void
findings_free(struct findings *f)
{
	if (f == NULL)
		return;
	findings_clear(f);
	free(f);
}
