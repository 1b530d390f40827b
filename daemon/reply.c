#include "daemon/reply.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"

/* Kept as JSON until the end; text is one way to print it. */
struct reply {
	bool json, failed;
	json_t *facts;			/* object: key to string or number */
	json_t *columns, *rows;		/* array of names; array of objects */
	json_t *errors, *warnings;
	json_t *said;			/* both in order, as text has them */
	char *text;
	reply_end_fn *end;
	void *ctx;
};

struct reply *
reply_new(bool json, reply_end_fn *end, void *ctx)
{
	struct reply *reply = xcalloc(1, sizeof(*reply));

	reply->json = json;
	reply->facts = json_object();
	reply->columns = json_array();
	reply->rows = json_array();
	reply->errors = json_array();
	reply->warnings = json_array();
	reply->said = json_array();
	reply->end = end;
	reply->ctx = ctx;
	return reply;
}

/* Zone names are ASCII here, but reasons may quote octets of files; those become '?'. */
static json_t *
string(const char *text)
{
	json_t *value = json_string(text);
	char *copy;

	if (value != NULL)
		return value;
	copy = xstrdup(text);
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	value = json_string(copy);
	free(copy);
	return value;
}

void
reply_fact(struct reply *reply, const char *key, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_set_new(reply->facts, key, string(text));
}

void
reply_number(struct reply *reply, const char *key, uint64_t value)
{
	json_object_set_new(reply->facts, key, json_integer((json_int_t)value));
}

void
reply_columns(struct reply *reply, const char *const *columns)
{
	for (; *columns != NULL; columns++)
		json_array_append_new(reply->columns, string(*columns));
}

/* Cells that are numbers are numbers in JSON too. */
static json_t *
cell_value(const char *text)
{
	size_t len = strlen(text);

	if (len > 0 && len < 18 && strspn(text, "0123456789") == len)
		return json_integer((json_int_t)strtoll(text, NULL, 10));
	return string(text);
}

void
reply_row(struct reply *reply, const char *const *cells)
{
	json_t *row = json_object();

	for (size_t i = 0; i < json_array_size(reply->columns); i++)
		json_object_set_new(row, json_string_value(json_array_get(reply->columns, i)), cell_value(cells[i]));
	json_array_append_new(reply->rows, row);
}

void
reply_text(struct reply *reply, const char *text)
{
	free(reply->text);
	reply->text = xstrdup(text);
}

void
reply_error(struct reply *reply, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_report(reply, &(struct report){ .severity = ERROR, .text = text });
}

void
reply_report(void *ctx, const struct report *report)
{
	struct reply *reply = ctx;
	char line[2048];

	if (report->severity == NOTE)
		return;
	report_format(line, sizeof(line), report);
	json_array_append_new(reply->said, string(line));
	json_array_append_new(report->severity == ERROR ? reply->errors : reply->warnings,
	    string(report->place == NULL && report->zone == NULL ? report->text : line));
	reply->failed |= report->severity == ERROR;
}

/* --- printing --- */

static void
print_value(FILE *out, const json_t *value, int width)
{
	if (json_is_integer(value))
		fprintf(out, "%-*lld", width, (long long)json_integer_value(value));
	else
		fprintf(out, "%-*s", width, json_string_value(value));
}

static int
value_width(const json_t *value)
{
	return json_is_integer(value) ? snprintf(NULL, 0, "%lld", (long long)json_integer_value(value)) :
	    (int)json_string_length(value);
}

/* Of row 0 the heading, then the rows from 1. */
static const json_t *
cell(const struct reply *reply, size_t row, size_t column)
{
	const json_t *name = json_array_get(reply->columns, column);

	return row == 0 ? name : json_object_get(json_array_get(reply->rows, row - 1), json_string_value(name));
}

/* Columns as wide as their widest cell, two blanks between; the last one unpadded. */
static void
print_table(const struct reply *reply, FILE *out)
{
	size_t columns = json_array_size(reply->columns), rows = json_array_size(reply->rows);
	int *width = xcalloc(columns, sizeof(*width));

	for (size_t r = 0; r <= rows; r++)
		for (size_t c = 0; c + 1 < columns; c++)
			if (value_width(cell(reply, r, c)) > width[c])
				width[c] = value_width(cell(reply, r, c));
	for (size_t r = 0; r <= rows; r++)
		for (size_t c = 0; c < columns; c++) {
			print_value(out, cell(reply, r, c), width[c]);
			fputs(c + 1 < columns ? "  " : "\n", out);
		}
	free(width);
}

static void
print_text(const struct reply *reply, FILE *out)
{
	json_t *value;
	const char *key;
	size_t i;

	if (reply->text != NULL)
		fputs(reply->text, out);
	json_object_foreach(reply->facts, key, value) {
		if (json_is_integer(value))
			fprintf(out, "%s: %lld\n", key, (long long)json_integer_value(value));
		else
			fprintf(out, "%s: %s\n", key, json_string_value(value));
	}
	if (json_array_size(reply->rows) > 0)
		print_table(reply, out);
	json_array_foreach(reply->said, i, value)
		fprintf(out, "%s\n", json_string_value(value));
}

static void
print_json(struct reply *reply, FILE *out)
{
	json_t *all = json_copy(reply->facts);

	if (reply->text != NULL)
		json_object_set_new(all, "text", string(reply->text));
	if (json_array_size(reply->columns) > 0)
		json_object_set(all, "rows", reply->rows);
	if (reply->failed)
		json_object_set(all, "errors", reply->errors);
	if (json_array_size(reply->warnings) > 0)
		json_object_set(all, "warnings", reply->warnings);
	json_dumpf(all, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	fputc('\n', out);
	json_decref(all);
}

void
reply_end(struct reply *reply)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	if (reply->json)
		print_json(reply, out);
	else
		print_text(reply, out);
	fclose(out);
	reply->end(reply->ctx, text, len, reply->failed);
	free(text);
	json_decref(reply->facts);
	json_decref(reply->columns);
	json_decref(reply->rows);
	json_decref(reply->errors);
	json_decref(reply->warnings);
	json_decref(reply->said);
	free(reply->text);
	free(reply);
}
