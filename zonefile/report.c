#include "zonefile/report.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 2048

static const char *const words[] = {
	[NOTE] = "note", [WARNING] = "warning", [ERROR] = "error",
};

/* Before a text without a place; that of a note stands alone. */
static const char *const spoken[] = {
	[NOTE] = "", [WARNING] = "warning: ", [ERROR] = "error: ",
};

static void
tell(struct sink *sink, const struct report *report)
{
	unsigned seen = 0;

	if (report->severity == ERROR)
		seen = ++sink->errors;
	else if (report->severity == WARNING)
		seen = ++sink->warnings;
	if (seen <= REPORT_MAX && sink->fn != NULL)
		sink->fn(sink->ctx, report);
}

__attribute__((format(printf, 3, 0))) static int
say(struct sink *sink, struct report report, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	report.text = text;
	tell(sink, &report);
	return -EINVAL;
}

int
report_at(struct sink *sink, enum severity severity, const struct place *place,
    const char *fmt, ...)
{
	struct report report = { .severity = severity, .place = place };
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = say(sink, report, fmt, ap);
	va_end(ap);
	return err;
}

int
report_zone(struct sink *sink, enum severity severity, const char *zone,
    const char *fmt, ...)
{
	struct report report = { .severity = severity, .zone = zone };
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = say(sink, report, fmt, ap);
	va_end(ap);
	return err;
}

char *
report_format(char *out, size_t size, const struct report *report)
{
	const struct place *place = report->place;
	const char *word = words[report->severity];

	if (place != NULL && place->line == 0)
		snprintf(out, size, "%s: %s: %s", place->file, word, report->text);
	else if (place != NULL && place->column == 0)
		snprintf(out, size, "%s:%u: %s: %s", place->file, place->line,
		    word, report->text);
	else if (place != NULL)
		snprintf(out, size, "%s:%u:%u: %s: %s", place->file,
		    place->line, place->column, word, report->text);
	else if (report->zone != NULL)
		snprintf(out, size, "zone %s: %s%s", report->zone, spoken[report->severity], report->text);
	else
		snprintf(out, size, "%s%s", spoken[report->severity], report->text);
	return out;
}

/* The line as it stands, made printable, and a caret under the column. */
void
report_print_caret(FILE *file, const struct report *report)
{
	const struct place *place = report->place;
	size_t shown;

	if (place == NULL || place->source == NULL || place->column == 0)
		return;
	shown = place->source_len < 200 ? place->source_len : 200;
	if (place->column > shown + 1)
		return;
	fputs("    ", file);
	for (size_t i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)place->source[i];

		fputc(c == '\t' ? '\t' : c < 0x20 || c == 0x7f ? '?' : c, file);
	}
	fputs("\n    ", file);
	for (size_t i = 0; i + 1 < place->column; i++)
		fputc(place->source[i] == '\t' ? '\t' : ' ', file);
	fputs("^\n", file);
}

void
report_to_file(void *file, const struct report *report)
{
	char text[TEXT_MAX + 512];

	fprintf(file, "%s\n", report_format(text, sizeof(text), report));
	if (isatty(fileno(file)))
		report_print_caret(file, report);
}
