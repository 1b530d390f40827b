#include "daemon/reply.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"

/* Kept as JSON until the end; text is one way to print it. */
struct reply {
	bool json;
	enum reply_status status;
	json_t *facts;			/* object: key to string or number */
	json_t *columns, *rows;		/* array of names; array of objects */
	json_t *kinds;			/* object: facts and columns to "age", "time" or "flag" */
	json_t *errors, *warnings;
	json_t *said;			/* both in order, as text has them */
	char *text;
	size_t pieces, rows_sent;
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
	reply->kinds = json_object();
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
reply_flag(struct reply *reply, const char *key, bool value)
{
	json_object_set_new(reply->facts, key, json_boolean(value));
}

void
reply_time(struct reply *reply, const char *key, time_t at)
{
	json_object_set_new(reply->kinds, key, string("time"));
	json_object_set_new(reply->facts, key, at == 0 ? json_null() : json_integer(at));
}

void
reply_item(struct reply *reply, const char *key, const char *fmt, ...)
{
	json_t *list = json_object_get(reply->facts, key);
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (list == NULL)
		json_object_set_new(reply->facts, key, list = json_array());
	json_array_append_new(list, string(text));
}

void
reply_columns(struct reply *reply, const char *const *columns)
{
	for (; *columns != NULL; columns++) {
		const char *kind = strchr(*columns, ':');
		json_t *name = kind != NULL ? json_stringn(*columns, (size_t)(kind - *columns)) : string(*columns);

		if (kind != NULL)
			json_object_set_new(reply->kinds, json_string_value(name), string(kind + 1));
		json_array_append_new(reply->columns, name);
	}
}

void
reply_age(struct reply *reply, const char *key, time_t since)
{
	json_object_set_new(reply->kinds, key, string("age"));
	json_object_set_new(reply->facts, key, since == 0 ? json_null() : json_integer(time(NULL) - since));
}

const char *
reply_age_cell(char out[24], time_t since)
{
	snprintf(out, 24, since == 0 ? "-" : "%lld", (long long)(time(NULL) - since));
	return out;
}

static const char *
kind_of(const struct reply *reply, const char *key)
{
	const char *kind = json_string_value(json_object_get(reply->kinds, key));

	return kind != NULL ? kind : "";
}

/* Cells that are numbers are numbers in JSON too. */
static json_t *
cell_value(const char *text, const char *kind)
{
	size_t len = strlen(text);

	if (strcmp(text, "-") == 0)
		return json_null();
	if (strcmp(kind, "flag") == 0)
		return json_boolean(strcmp(text, "yes") == 0);
	if (len > 0 && len < 18 && strspn(text, "0123456789") == len)
		return json_integer((json_int_t)strtoll(text, NULL, 10));
	return string(text);
}

void
reply_row(struct reply *reply, const char *const *cells)
{
	json_t *row = json_object();

	for (size_t i = 0; i < json_array_size(reply->columns); i++) {
		const char *name = json_string_value(json_array_get(reply->columns, i));

		json_object_set_new(row, name, cell_value(cells[i], kind_of(reply, name)));
	}
	json_array_append_new(reply->rows, row);
}

void
reply_text(struct reply *reply, const char *text)
{
	reply_text_take(reply, xstrdup(text));
}

void
reply_text_take(struct reply *reply, char *text)
{
	free(reply->text);
	reply->text = text;
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
	if (report->severity == ERROR && reply->status == REPLY_DONE)
		reply->status = REPLY_FAILED;
}

void
reply_line(struct reply *reply, enum severity severity, const char *line, size_t len)
{
	char *copy = xasprintf("%.*s", (int)len, line);

	json_array_append_new(reply->said, string(copy));
	json_array_append_new(severity == ERROR ? reply->errors : reply->warnings, string(copy));
	free(copy);
}

void
reply_usage(struct reply *reply, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_report(reply, &(struct report){ .severity = ERROR, .text = text });
	reply->status = REPLY_USAGE;
}

/* --- printing --- */

/* Of the fact or the column key, for people. */
static const char *
shown(const struct reply *reply, const char *key, const json_t *value, char buf[32])
{
	const char *kind = kind_of(reply, key);
	long long n = json_integer_value(value);
	time_t at = (time_t)n;
	struct tm tm;

	if (json_is_null(value))
		return "-";
	if (json_is_boolean(value))
		return json_is_true(value) ? "yes" : "no";
	if (!json_is_integer(value))
		return json_string_value(value);
	if (strcmp(kind, "time") == 0)
		strftime(buf, 32, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &tm));
	else if (strcmp(kind, "age") != 0)
		snprintf(buf, 32, "%lld", n);
	else if (n < 120)
		snprintf(buf, 32, "%llds", n);
	else if (n < 7200)
		snprintf(buf, 32, "%lldm", n / 60);
	else if (n < 172800)
		snprintf(buf, 32, "%lldh", n / 3600);
	else
		snprintf(buf, 32, "%lldd", n / 86400);
	return buf;
}

/* Of row 0 the heading, then the rows from 1. */
static const char *
cell(const struct reply *reply, size_t row, size_t column, char buf[32])
{
	const char *name = json_string_value(json_array_get(reply->columns, column));

	return row == 0 ? name :
	    shown(reply, name, json_object_get(json_array_get(reply->rows, row - 1), name), buf);
}

/* Columns as wide as their widest cell, two blanks between; the last one unpadded. */
static void
print_table(const struct reply *reply, FILE *out)
{
	size_t columns = json_array_size(reply->columns), rows = json_array_size(reply->rows);
	int *width = xcalloc(columns, sizeof(*width));
	char buf[32];

	for (size_t r = 0; r <= rows; r++)
		for (size_t c = 0; c + 1 < columns; c++) {
			int len = (int)strlen(cell(reply, r, c, buf));

			if (len > width[c])
				width[c] = len;
		}
	for (size_t r = 0; r <= rows; r++)
		for (size_t c = 0; c < columns; c++)
			fprintf(out, "%-*s%s", width[c], cell(reply, r, c, buf), c + 1 < columns ? "  " : "\n");
	free(width);
}

static void
print_text(const struct reply *reply, FILE *out)
{
	json_t *value;
	const char *key;
	char buf[32];
	size_t i;

	if (reply->text != NULL)
		fputs(reply->text, out);
	json_object_foreach(reply->facts, key, value) {
		bool never = json_is_null(value) && strcmp(kind_of(reply, key), "time") == 0;

		if (!json_is_array(value))
			fprintf(out, "%s: %s\n", key, never ? "never" : shown(reply, key, value, buf));
		for (i = 0; i < json_array_size(value); i++)
			fprintf(out, "%s: %s\n", key, json_string_value(json_array_get(value, i)));
	}
	if (json_array_size(reply->rows) > 0)
		print_table(reply, out);
	json_array_foreach(reply->said, i, value)
		fprintf(out, "%s\n", json_string_value(value));
}

/* What kinds are in JSON. */
static json_t *
plain_value(const struct reply *reply, const char *key, json_t *value)
{
	time_t at = (time_t)json_integer_value(value);
	struct tm tm;
	char text[32];

	if (!json_is_integer(value) || strcmp(kind_of(reply, key), "time") != 0)
		return json_incref(value);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
	return string(text);
}

/* The same with keys that programs like. */
static json_t *
plain_keys(const struct reply *reply, const json_t *from)
{
	json_t *to = json_object(), *value;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)from, key, value) {
		char *plain = xstrdup(key);

		for (char *p = plain; (p = strchr(p, ' ')) != NULL; p++)
			*p = '_';
		json_object_set_new(to, plain, plain_value(reply, key, value));
		free(plain);
	}
	return to;
}

static void
print_json(struct reply *reply, FILE *out)
{
	json_t *all = plain_keys(reply, reply->facts), *rows = json_array(), *row;
	size_t i;

	json_array_foreach(reply->rows, i, row)
		json_array_append_new(rows, plain_keys(reply, row));
	if (reply->text != NULL)
		json_object_set_new(all, "text", string(reply->text));
	if (json_array_size(reply->columns) > 0)
		json_object_set(all, "rows", rows);
	if (json_array_size(reply->errors) > 0)
		json_object_set(all, "errors", reply->errors);
	if (json_array_size(reply->warnings) > 0)
		json_object_set(all, "warnings", reply->warnings);
	json_dumpf(all, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	fputc('\n', out);
	json_decref(rows);
	json_decref(all);
}

/* Nothing but a text, which may be a large one. */
static bool
is_text_alone(const struct reply *reply)
{
	return reply->text != NULL && !reply->json && json_object_size(reply->facts) == 0 &&
	    json_array_size(reply->rows) == 0 && json_array_size(reply->said) == 0;
}

void
reply_end(struct reply *reply)
{
	char *text;
	size_t len;
	FILE *out;

	if (is_text_alone(reply)) {
		text = reply->text;
		len = strlen(text);
		reply->text = NULL;
	} else {
		if ((out = open_memstream(&text, &len)) == NULL)
			abort();
		if (reply->json)
			print_json(reply, out);
		else
			print_text(reply, out);
		fclose(out);
	}
	reply->end(reply->ctx, text, len, reply->status);
	reply_drop(reply);
}

static int
add_dumped(const char *octets, size_t len, void *out)
{
	text_add(out, octets, len);
	return 0;
}

void
reply_piece(struct reply *reply, struct text *out, bool last)
{
	json_t *facts, *value;
	const char *key;
	size_t i;

	if (reply->pieces++ == 0) {
		text_print(out, "{\n");
		facts = plain_keys(reply, reply->facts);
		json_object_foreach(facts, key, value) {
			text_print(out, "  \"%s\": ", key);
			json_dump_callback(value, add_dumped, out, JSON_ENCODE_ANY);
			text_print(out, ",\n");
		}
		json_decref(facts);
		text_print(out, "  \"rows\": [");
	}
	json_array_foreach(reply->rows, i, value) {
		json_t *row = plain_keys(reply, value);

		text_print(out, reply->rows_sent++ > 0 ? ",\n    " : "\n    ");
		json_dump_callback(row, add_dumped, out, JSON_PRESERVE_ORDER);
		json_decref(row);
	}
	json_array_clear(reply->rows);
	if (last)
		text_print(out, "\n  ]\n}\n");
}

void
reply_drop(struct reply *reply)
{
	json_decref(reply->facts);
	json_decref(reply->columns);
	json_decref(reply->rows);
	json_decref(reply->kinds);
	json_decref(reply->errors);
	json_decref(reply->warnings);
	json_decref(reply->said);
	free(reply->text);
	free(reply);
}
