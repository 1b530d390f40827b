#include "zonefile/master.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "zonefile/arena.h"
#include "zonefile/check.h"
#include "zonefile/generate.h"
#include "zonefile/name.h"
#include "zonefile/nearest.h"
#include "zonefile/rdata.h"
#include "zonefile/scan.h"

#define TTL_MAX 2147483647	/* RFC 2181 8 */
#define DEPTH_MAX 20		/* files within files */
#define FILES_MAX 10000		/* a few that include each other twice would be millions */
#define GENERATED_MAX 20000000	/* records by $GENERATE; a typing error must not fill the memory */

/* One file being read; up is the one that includes it. */
struct frame {
	struct frame *up;
	struct scan scan;
	unsigned depth;
	size_t file;			/* its place in the list of files */
	uint8_t origin[DNAME_MAX];
	size_t origin_len;
};

struct reader {
	struct builder *builder;
	struct sink *sink;
	struct master_files *files;
	enum { OWNER_NONE, OWNER_BAD, OWNER_GOOD } owner_state;	/* BAD: what is wrong with it was told */
	bool has_default, has_last, warned;
	uint32_t default_ttl, last_ttl;		/* by $TTL, and of the last record that had one */
	uint32_t generated;			/* records by $GENERATE */
	uint8_t owner[DNAME_MAX + NAME_PAD];
	uint8_t rdata[RDATA_ROOM];
};

/* ---- files ---- */

void
master_files_free(struct master_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->file[i].path);
	free(files->file);
	memset(files, 0, sizeof(*files));
}

bool
master_files_changed(const struct master_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct master_file *f = &files->file[i];
		struct stat st;

		if (stat(f->path, &st) < 0) {
			if (f->ino != 0)
				return true;
			continue;
		}
		if (st.st_dev != f->dev || st.st_ino != f->ino || st.st_size != f->size ||
		    st.st_mtim.tv_sec != f->mtime.tv_sec || st.st_mtim.tv_nsec != f->mtime.tv_nsec ||
		    st.st_ctim.tv_sec != f->ctime.tv_sec || st.st_ctim.tv_nsec != f->ctime.tv_nsec)
			return true;
	}
	return false;
}

/* A path that lives as long as the list.  st: NULL when there is no such file. */
static const char *
remember(struct master_files *files, const char *path, const struct stat *st)
{
	struct master_file *f;

	files->file = xrealloc(files->file, (files->count + 1) * sizeof(*f));
	f = &files->file[files->count++];
	memset(f, 0, sizeof(*f));
	f->path = xstrdup(path);
	if (st != NULL) {
		f->dev = st->st_dev;
		f->ino = st->st_ino;
		f->size = st->st_size;
		f->mtime = st->st_mtim;
		f->ctime = st->st_ctim;
	}
	return f->path;
}

/* ---- errors ---- */

static int __attribute__((format(printf, 5, 6), noinline, cold))
refuse_at(struct reader *r, const struct frame *f, const struct word *word, size_t offset,
    const char *fmt, ...)
{
	struct place place;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	scan_place(&f->scan, word, offset, &place);
	return report_at(r->sink, ERROR, &place, "%s", text);
}

/* At the end of the record's last word: something is missing there. */
static int __attribute__((noinline, cold))
refuse_end(struct reader *r, const struct frame *f, const char *text)
{
	const struct word *last = &f->scan.word[f->scan.count - 1];

	return refuse_at(r, f, last, last->len + (last->flags & WORD_QUOTED ? 1 : 0), "%s", text);
}

static int __attribute__((noinline, cold))
refuse_name(struct reader *r, const struct frame *f, const struct word *word, int error)
{
	size_t at, octets;

	if (error == NAME_LABEL_LONG) {
		at = name_long_label(word->text, word->len, &octets);
		return refuse_at(r, f, word, at, "label of %zu octets, at most %d are allowed", octets, DLABEL_MAX);
	}
	return refuse_at(r, f, word, 0, "%s", name_error_text(error));
}

/* What editors and web pages put where a blank was meant looks like one: 0xa0, in UTF-8 behind 0xc2. */
static const char *
no_break(const struct frame *f)
{
	for (size_t i = 0; i < f->scan.count; i++)
		if (memchr(f->scan.word[i].text, 0xa0, f->scan.word[i].len) != NULL)
			return " (there is a no-break space in the line, which is no blank)";
	return "";
}

/* A word where a type, a class or a TTL should be. */
static int __attribute__((noinline, cold))
refuse_word(struct reader *r, const struct frame *f, const struct word *word)
{
	const struct rrtype *type;
	struct nearest near;
	char shown[WORD_SHOW];

	if (word->flags & WORD_QUOTED)
		return refuse_at(r, f, word, 0, "%s stands in quotes where a record type is needed", word_show(shown, word));
	nearest_start(&near, word->text, word->len);
	nearest_offer(&near, "IN");
	for (size_t i = 0; r->sink->errors < REPORT_MAX && (type = rrtype_nth(i)) != NULL; i++)
		nearest_offer(&near, type->name);	/* nobody reads what is above */
	word_show(shown, word);
	if (near.best == NULL)
		return refuse_at(r, f, word, 0, "%s is no record type%s", shown, no_break(f));
	return refuse_at(r, f, word, 0, "%s is no record type; did you mean %s?", shown, near.best);
}

static int __attribute__((noinline, cold))
refuse_rdata(struct reader *r, const struct frame *f, const struct rdata_error *error, size_t from)
{
	if (from + error->word >= f->scan.count)
		return refuse_end(r, f, error->text);
	return refuse_at(r, f, &f->scan.word[from + error->word], error->offset, "%s", error->text);
}

/* ---- a record ---- */

static int
parse_name(struct reader *r, const struct frame *f, const struct word *word, uint8_t *out)
{
	int len = name_parse_wide(out, word->text, word->len, f->origin, f->origin_len);

	return len < 0 ? refuse_name(r, f, word, len) : len;
}

static int
parse_ttl(struct reader *r, const struct frame *f, const struct word *word, uint32_t *ttl)
{
	char shown[WORD_SHOW];
	uint64_t v;

	if (!word_period(word, &v))
		return refuse_at(r, f, word, 0, "%s is no TTL: a number, or numbers with the units w d h m s%s",
		    word_show(shown, word), no_break(f));
	if (v > UINT32_MAX)
		return refuse_at(r, f, word, 0, "TTL %.*s is above %d", (int)(word->len < 40 ? word->len : 40),
		    word->text, TTL_MAX);
	if (v > TTL_MAX)
		return refuse_at(r, f, word, 0, "TTL %" PRIu64 " is above %d", v, TTL_MAX);
	*ttl = v;
	return 0;
}

/* 1 when the word is the class we serve, 0 when it is no class. */
static int
parse_class(struct reader *r, const struct frame *f, const struct word *word)
{
	static const char *const others[] = { "CH", "HS", "CS", "NONE" };
	char shown[WORD_SHOW];
	size_t i;

	if (word->len == 2 && (word->text[0] | 0x20) == 'i' && (word->text[1] | 0x20) == 'n')
		return 1;
	if (word->len > 5 && word->len < 11 && strncasecmp(word->text, "CLASS", 5) == 0) {
		unsigned long v = 0;

		for (i = 5; i < word->len && word->text[i] >= '0' && word->text[i] <= '9'; i++)
			v = v * 10 + (word->text[i] - '0');
		if (i < word->len)
			return 0;
		if (v == 1)
			return 1;
	} else {
		for (i = 0; i < sizeof(others) / sizeof(*others); i++)
			if (word->len == strlen(others[i]) && strncasecmp(word->text, others[i], word->len) == 0)
				break;
		if (i == sizeof(others) / sizeof(*others))
			return 0;
	}
	return refuse_at(r, f, word, 0, "class %s is not served, only IN is", word_show(shown, word));
}

/* The TTL of a record that has none: of $TTL, else of the record before it (RFC 1035 5.1), else for
 * the SOA, and then for all, its last field, as BIND does. */
static int
implied_ttl(struct reader *r, const struct frame *f, uint16_t type, int len, uint32_t *ttl)
{
	struct place place;

	if (r->has_default) {
		*ttl = r->default_ttl;
		return 0;
	}
	if (r->has_last)
		*ttl = r->last_ttl;
	else if (type == T_SOA) {
		const uint8_t *min = r->rdata + len - 4;

		*ttl = (uint32_t)min[0] << 24 | min[1] << 16 | min[2] << 8 | min[3];
		if (*ttl > TTL_MAX)
			*ttl = 0;	/* RFC 2181 8 */
		r->default_ttl = *ttl;
		r->has_default = true;
	} else
		return refuse_at(r, f, f->scan.word, 0, "no TTL: neither here, nor before, nor by $TTL");
	if (!r->warned) {
		scan_place(&f->scan, f->scan.word, 0, &place);
		report_at(r->sink, WARNING, &place, r->has_last ? "no $TTL: %" PRIu32 " is taken from the record before" :
		    "no $TTL: %" PRIu32 " is taken from the last field of the SOA", *ttl);
		r->warned = true;
	}
	return 0;
}

/* For who will edit it: word is the first behind the type, of a SOA record that was good. */
static void
note_serial(struct reader *r, const struct frame *f, const struct word *word, size_t count)
{
	const struct scan *s = &f->scan;
	struct master_serial *serial = &r->files->serial;
	bool digits = S_ISREG(s->st.st_mode) && count == 7;

	serial->soas++;
	serial->file = f->file;
	serial->line = word[2].line;
	serial->offset = s->octets - (uint64_t)(s->end - word[2].text);
	serial->len = digits ? word[2].len : 0;
}

static int
read_record(struct reader *r, const struct frame *f)
{
	const struct scan *s = &f->scan;
	const struct word *word = s->word, *end = word + s->count;
	bool has_ttl = false, has_class = false;
	struct rdata_error error;
	struct place place;
	uint16_t type = 0;
	uint32_t ttl = 0;
	char shown[WORD_SHOW];
	int len, found;

	if (!s->inherits) {
		r->owner_state = OWNER_BAD;
		if (parse_name(r, f, word, r->owner) < 0)
			return -EINVAL;
		r->owner_state = OWNER_GOOD;
		word++;
	} else if (r->owner_state == OWNER_NONE)
		return refuse_at(r, f, word, 0, "no owner: the line begins with a blank, and no name was before it");
	for (; word < end; word++) {
		if (word->flags & WORD_QUOTED)
			return refuse_word(r, f, word);
		if (word->text[0] >= '0' && word->text[0] <= '9') {
			if (has_ttl)
				return refuse_at(r, f, word, 0, "%s stands where a type should: the TTL is there already",
				    word_show(shown, word));
			if (parse_ttl(r, f, word, &ttl) < 0)
				return -EINVAL;
			has_ttl = true;
			continue;
		}
		if (rrtype_parse(word->text, word->len, &type))
			break;
		if ((found = parse_class(r, f, word)) == 0)
			return refuse_word(r, f, word);
		if (found < 0)
			return -EINVAL;
		if (has_class)
			return refuse_at(r, f, word, 0, "%s stands where a type should: the class is there already",
			    word_show(shown, word));
		has_class = true;
	}
	if (word == end)
		return refuse_end(r, f, "the record ends where it needs a type");
	const struct rrtype *row = rrtype_by_code(type);
	if (type == 0 || (row != NULL && row->meta) || (row == NULL && type >= 128 && type < 256))
		return refuse_at(r, f, word, 0, "type %s cannot stand in a zone", rrtype_print(shown, type));
	word++;
	len = rdata_parse(r->rdata, type, word, end - word, f->origin, &error);
	if (len < 0)
		return refuse_rdata(r, f, &error, word - s->word);
	if (type == T_SOA)
		note_serial(r, f, word, end - word);
	if (has_ttl) {
		r->last_ttl = ttl;
		r->has_last = true;
	} else if (implied_ttl(r, f, type, len, &ttl) < 0)
		return -EINVAL;

	if (r->owner_state == OWNER_BAD)
		return -EINVAL;
	/* scan_place() would look for the ends of the line. */
	place = (struct place){ s->file, s->word->line, s->word->text - s->record + 1, s->record,
	    s->record_end - s->record };
	if (s->word->text > s->record_end)
		scan_place(s, s->word, 0, &place);
	builder_add(r->builder, &(struct rr){ r->owner, ttl, type, len, r->rdata }, &place);
	return 0;
}

/* ---- directives ---- */

static int read_file(struct reader *, struct frame *up, const struct word *, const char *path,
    const uint8_t *origin);

static int
set_origin(struct reader *r, struct frame *f)
{
	uint8_t name[DNAME_MAX + NAME_PAD];
	int len = parse_name(r, f, &f->scan.word[1], name);

	if (len < 0)
		return len;
	memcpy(f->origin, name, len);
	f->origin_len = len;
	return 0;
}

static int
set_ttl(struct reader *r, struct frame *f)
{
	if (parse_ttl(r, f, &f->scan.word[1], &r->default_ttl) < 0)
		return -EINVAL;
	r->has_default = true;
	return 0;
}

/* The included file begins with our owner and leaves it, and the origin, as they were (RFC 1035 5.1). */
static int
include(struct reader *r, struct frame *f)
{
	const struct word *word = &f->scan.word[1];
	uint8_t origin[DNAME_MAX + NAME_PAD], owner[DNAME_MAX];
	int state = r->owner_state;
	const char *slash = strrchr(f->scan.file, '/');
	char name[4096];
	char *path;
	int len, err;

	len = word_octets(word, (uint8_t *)name, sizeof(name) - 1);
	if (len <= 0 || memchr(name, '\0', len) != NULL)
		return refuse_at(r, f, word, 0, "this is not the name of a file");
	name[len] = '\0';
	memcpy(origin, f->origin, f->origin_len);
	if (f->scan.count > 2 && parse_name(r, f, word + 1, origin) < 0)
		return -EINVAL;
	memcpy(owner, r->owner, DNAME_MAX);
	if (*name == '/' || slash == NULL)
		path = xstrdup(name);
	else
		path = xasprintf("%.*s/%s", (int)(slash - f->scan.file), f->scan.file, name);
	err = read_file(r, f, word, path, origin);
	free(path);
	memcpy(r->owner, owner, DNAME_MAX);
	r->owner_state = state;
	return err;
}

/* What BIND writes into dumps of its cache: when they were made. */
static int
ignore(struct reader *r, struct frame *f)
{
	(void)r;
	(void)f;
	return 0;
}

/* A step of $GENERATE; its records are told by what they would be. */
struct generated {
	struct reader *r;
	const struct frame *f;		/* that of the directive */
	struct sink *sink;		/* for what is said of it */
	struct generate range;
	int32_t value;
	char *text;
	size_t len, room;
};

static void
generated_report(void *ctx, const struct report *report)
{
	const struct generated *g = ctx;
	struct word shown = { .text = g->text, .len = (uint32_t)g->len };
	char record[WORD_SHOW];
	struct place place;

	scan_place(&g->f->scan, g->f->scan.word, 0, &place);
	report_at(g->sink, report->severity, &place, "%s, in %s for %" PRId32, report->text,
	    word_show(record, &shown), g->value);
}

static int
add_template(struct generated *g, const struct word *word, const char *text, size_t len)
{
	const char *why;
	size_t bad;
	int n = generate_expand(g->text + g->len, g->room - g->len, text, len, g->value, &bad, &why);

	if (n < 0)
		return refuse_at(g->r, g->f, word, bad, "%s", why);
	g->len += (size_t)n;
	return 0;
}

/* All behind the type.  One text in quotes is what would stand without them, as BIND has it. */
static int
add_rdata(struct generated *g, const struct word *word, const struct word *end)
{
	const struct word *first = word;
	char *plain;
	size_t n = 0;
	int err = 0;

	g->text[g->len++] = ' ';
	if (word + 1 == end && (word->flags & WORD_QUOTED)) {
		plain = xmalloc(word->len + 1);
		for (uint32_t i = 0; i < word->len; i++)
			if (word->text[i] != '\\' || i + 1 == word->len || word->text[i + 1] != '"')
				plain[n++] = word->text[i];
		err = add_template(g, word, plain, n);
		free(plain);
		return err;
	}
	for (; word < end && err == 0; word++) {
		if (word > first && (word->flags & WORD_JOINED) == 0)
			g->text[g->len++] = ' ';
		if (word->flags & WORD_QUOTED)
			g->text[g->len++] = '"';
		err = add_template(g, word, word->text, word->len);
		if (word->flags & WORD_QUOTED)
			g->text[g->len++] = '"';
	}
	return err;
}

/* The type, behind the owner, a TTL and a class. */
static const struct word *
generated_type(const struct scan *s)
{
	for (const struct word *word = s->word + 3; word < s->word + s->count; word++)
		if ((uint8_t)(*word->text - '0') > 9 && (word->len != 2 || strncasecmp(word->text, "IN", 2) != 0))
			return word;
	return s->word + s->count;
}

static int
generate_one(struct generated *g)
{
	const struct word *word = g->f->scan.word, *end = word + g->f->scan.count;
	const struct word *type = generated_type(&g->f->scan);
	struct sink sink = { .fn = generated_report, .ctx = g };
	struct frame f = { .origin_len = g->f->origin_len };
	int err;

	g->len = 0;
	if ((err = add_template(g, word + 2, word[2].text, word[2].len)) < 0)
		return err;
	for (word += 3; word <= type && word < end; word++) {
		g->text[g->len++] = ' ';
		memcpy(g->text + g->len, word->text, word->len);
		g->len += word->len;
	}
	if ((err = add_rdata(g, word, end)) < 0)
		return err;
	memcpy(f.origin, g->f->origin, f.origin_len);
	scan_text(&f.scan, g->f->scan.file, g->text, g->len);
	f.scan.line = g->f->scan.word->line;
	g->r->sink = &sink;
	err = -EINVAL;
	if (scan_next(&f.scan, &sink) == SCAN_RECORD)
		err = read_record(g->r, &f);
	g->r->sink = g->sink;
	scan_close(&f.scan);
	return err;
}

static int
generate(struct reader *r, struct frame *f)
{
	struct generated g = { .r = r, .f = f, .sink = r->sink };
	const struct word *word = f->scan.word;
	char shown[WORD_SHOW];
	int err = 0;

	if (!generate_range(&g.range, word[1].text, word[1].len))
		return refuse_at(r, f, &word[1], 0, "%s is no range: FIRST-LAST or FIRST-LAST/STEP, up to 2147483647",
		    word_show(shown, &word[1]));
	if (generated_type(&f->scan) + 1 >= word + f->scan.count)
		return refuse_end(r, f, "$GENERATE needs a range, an owner, a type and RDATA");
	/* A template of three octets may become a width of 127. */
	for (size_t i = 2; i < f->scan.count; i++)
		g.room += word[i].len * (size_t)64 + 4;
	g.text = xmalloc(g.room);
	for (int64_t v = g.range.first; v <= g.range.last && err == 0; v += g.range.step) {
		if (++r->generated > GENERATED_MAX) {
			err = refuse_at(r, f, word, 0, "more than %d records are generated", GENERATED_MAX);
			break;
		}
		g.value = (int32_t)v;
		err = generate_one(&g);
	}
	free(g.text);
	return err;
}

static const struct directive {
	const char *name;
	unsigned min, max;		/* words after it */
	int (*run)(struct reader *, struct frame *);
	const char *usage;
} directives[] = {
	{ "$ORIGIN", 1, 1, set_origin, "$ORIGIN NAME" },
	{ "$TTL", 1, 1, set_ttl, "$TTL SECONDS" },
	{ "$INCLUDE", 1, 2, include, "$INCLUDE FILE [ORIGIN]" },
	{ "$GENERATE", 4, UINT_MAX - 1, generate, "$GENERATE FIRST-LAST[/STEP] OWNER [TTL] [CLASS] TYPE RDATA" },
	{ "$DATE", 1, 1, ignore, "$DATE YYYYMMDDHHMMSS" },
};
#define DIRECTIVES (sizeof(directives) / sizeof(*directives))

static int
read_directive(struct reader *r, struct frame *f)
{
	const struct word *word = f->scan.word;
	struct nearest near;
	char shown[WORD_SHOW], usage[128];

	for (size_t i = 0; i < DIRECTIVES; i++) {
		const struct directive *d = &directives[i];

		if (word->len != strlen(d->name) || strncasecmp(word->text, d->name, word->len) != 0)
			continue;
		if (f->scan.count - 1 < d->min) {
			snprintf(usage, sizeof(usage), "something is missing of %s", d->usage);
			return refuse_end(r, f, usage);
		}
		if (f->scan.count - 1 > d->max)
			return refuse_at(r, f, &word[d->max + 1], 0, "%s is more than %s takes",
			    word_show(shown, &word[d->max + 1]), d->usage);
		return d->run(r, f);
	}
	nearest_start(&near, word->text, word->len);
	for (size_t i = 0; i < DIRECTIVES; i++)
		nearest_offer(&near, directives[i].name);
	word_show(shown, word);
	if (near.best == NULL)
		return refuse_at(r, f, word, 0, "%s is no directive", shown);
	return refuse_at(r, f, word, 0, "%s is no directive; did you mean %s?", shown, near.best);
}

/* ---- a file ---- */

static const char *
open_error(int err)
{
	return err == -EISDIR ? "is a directory" : err == -ENOTSUP ? "is not a regular file" : strerror(-err);
}

/* What is wrong with reading a file is told where it was asked for. */
static int
refuse_file(struct reader *r, struct frame *up, const struct word *word, const char *path, const char *why)
{
	struct place place = { .file = path };

	if (up != NULL)
		return refuse_at(r, up, word, 0, "%s: %s", path, why);
	return report_at(r->sink, ERROR, &place, "%s", why);
}

static bool
in_itself(const struct frame *f)
{
	const struct stat *st = &f->scan.st;

	for (const struct frame *up = f->up; up != NULL; up = up->up)
		if (st->st_ino != 0 && up->scan.st.st_ino == st->st_ino && up->scan.st.st_dev == st->st_dev)
			return true;
	return false;
}

static int
read_file(struct reader *r, struct frame *up, const struct word *word, const char *path,
    const uint8_t *origin)
{
	struct frame f = { .up = up, .depth = up != NULL ? up->depth + 1 : 0 };
	enum scan_outcome outcome;
	bool nothing = true;
	struct stat st;
	int err;

	if (f.depth > DEPTH_MAX)
		return refuse_at(r, up, word, 0, "files include each other more than %d deep", DEPTH_MAX);
	if (r->files->count == FILES_MAX)
		return refuse_at(r, up, word, 0, "more than %d files are included", FILES_MAX);
	if ((err = scan_open(&f.scan, path)) < 0) {
		path = remember(r->files, path, stat(path, &st) < 0 ? NULL : &st);
		refuse_file(r, up, word, path, open_error(err));
		return err;
	}
	f.file = r->files->count;
	f.scan.file = strcmp(path, "-") == 0 ? "-" : remember(r->files, path, &f.scan.st);
	if (in_itself(&f)) {
		scan_close(&f.scan);
		return refuse_at(r, up, word, 0, "%s includes itself", f.scan.file);
	}
	f.origin_len = name_len(origin);
	memcpy(f.origin, origin, f.origin_len);
	while ((outcome = scan_next(&f.scan, r->sink)) != SCAN_END && outcome != SCAN_FAILED) {
		nothing = false;
		if (outcome == SCAN_BAD) {
			/* Its owner may have been what was wrong. */
			if (!f.scan.inherits)
				r->owner_state = OWNER_BAD;
			continue;
		}
		if (f.scan.word->text[0] == '$' && !f.scan.inherits && (f.scan.word->flags & WORD_QUOTED) == 0)
			read_directive(r, &f);
		else
			read_record(r, &f);
	}
	scan_close(&f.scan);
	return nothing && outcome == SCAN_FAILED ? -EILSEQ : 0;
}

int
master_read(struct builder *builder, const char *path, const uint8_t *origin,
    struct sink *sink, struct master_files *files)
{
	struct reader *r = xmalloc(sizeof(*r));
	unsigned errors = sink->errors;
	int err;

	/* The buffers need no clearing. */
	memset(r, 0, offsetof(struct reader, owner));
	r->builder = builder;
	r->sink = sink;
	r->files = files;
	err = read_file(r, NULL, NULL, path, origin);
	free(r);
	return err < 0 ? err : sink->errors > errors ? -EINVAL : 0;
}

struct zone *
master_load(const char *path, const uint8_t *origin, const struct checks *checks, struct sink *sink,
    struct master_files *files)
{
	struct builder *builder = builder_new(origin, sink);
	struct master_files own = { .count = 0 };
	struct zone *zone = NULL;
	int err;

	builder_checks(builder, checks, sink);
	err = master_read(builder, path, origin, sink, files != NULL ? files : &own);

	/* What is wrong with the records that could be read is told as well; nothing is to be said of
	 * the records of no file. */
	if (err == 0 || err == -EINVAL)
		zone = builder_finish(builder);
	else
		builder_free(builder);
	if (zone != NULL && checks != NULL && check_zone(zone, checks, time(NULL), sink) < 0)
		err = -EINVAL;
	if (err < 0) {
		zone_unref(zone);
		zone = NULL;
	}
	master_files_free(&own);
	return zone;
}
