#include "daemon/told.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/text.h"

static struct text before, now;		/* a line each, ended by NUL */

void
told_begin(void)
{
	free(before.octets);
	before = now;
	now = (struct text){ 0 };
}

bool
told_before(const struct report *report)
{
	char line[2048];
	size_t len;

	if (report->severity != WARNING)
		return false;
	len = strlen(report_format(line, sizeof(line), report)) + 1;
	text_add(&now, line, len);
	for (size_t at = 0; at < before.len; at += strlen(before.octets + at) + 1)
		if (strcmp(before.octets + at, line) == 0)
			return true;
	return false;
}

void
told_free(void)
{
	free(before.octets);
	free(now.octets);
	before = now = (struct text){ 0 };
}
