/* An octet that says how large a chunk is, and a master file.  Words, their places and what is told do not depend on
 * where a chunk ends or on how words are found; the octets of a word are within it. */
#include "tests/fuzz/fuzz.h"
#include "zonefile/scan.h"
#include "zonefile/stops.h"

/* All that scan_next() said. */
struct heard {
	char *text;
	size_t len;
	FILE *out;
};

static void
hear(void *ctx, const struct report *report)
{
	struct heard *h = ctx;

	fprintf(h->out, "%d %u:%u %s\n", (int)report->severity, report->place->line, report->place->column, report->text);
}

static void
hear_word(struct heard *h, const struct scan *s, const struct word *word)
{
	uint8_t octets[512];
	char shown[WORD_SHOW];
	uint64_t seconds = 0;
	struct place place;
	int n = word_octets(word, octets, sizeof(octets));

	MUST(n <= (int)word->len);
	scan_place(s, word, 0, &place);
	MUST(place.line > 0 && place.column > 0 && place.column <= place.source_len + 1);
	fprintf(h->out, "word %u %u:%u %u %d %s %d", word->len, place.line, place.column, word->flags, n,
	    word_show(shown, word), (int)word_period(word, &seconds));
	fprintf(h->out, " %llu\n", (unsigned long long)seconds);
	fwrite(word->text, 1, word->len, h->out);
	fputc('\n', h->out);
	/* Without a file octets are not counted. */
	if (s->fd >= 0)
		MUST(s->octets >= (uint64_t)(s->end - word->text));
}

static void
read_words(struct heard *h, struct scan *s)
{
	struct sink sink = { .fn = hear, .ctx = h };
	enum scan_outcome outcome;

	MUST((h->out = open_memstream(&h->text, &h->len)) != NULL);
	while ((outcome = scan_next(s, &sink)) != SCAN_END && outcome != SCAN_FAILED) {
		fprintf(h->out, "%d %d\n", (int)outcome, (int)s->inherits);
		MUST(outcome != SCAN_RECORD || s->count > 0);
		for (size_t i = 0; outcome == SCAN_RECORD && i < s->count; i++)
			hear_word(h, s, &s->word[i]);
	}
	fprintf(h->out, "%d\n", (int)outcome);
	MUST(fclose(h->out) == 0);
	scan_close(s);
}

/* chunk: 0 for that of scan_open(). */
static void
read_file(struct heard *h, const struct fuzz_file *file, size_t chunk)
{
	struct scan s;

	MUST(scan_open(&s, file->path) == 0);
	if (chunk > 0) {
		free(s.buf);
		MUST((s.buf = calloc(1, chunk + WORD_PAD)) != NULL);
		s.size = chunk;
		s.at = s.end = s.record = s.record_end = s.buf;
	}
	read_words(h, &s);
}

static void
same(const struct heard *a, struct heard *b)
{
	if (a->len != b->len || memcmp(a->text, b->text, a->len) != 0) {
		fprintf(stderr, "--- whole\n%s--- in parts\n%s", a->text, b->text);
		MUST(!"the same words");
	}
	free(b->text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct fuzz_file file = { .fd = -1 };
	struct heard whole, parts;
	/* A mark of byte order must be in the first. */
	size_t chunk;
	struct scan s;

	if (file.fd < 0)
		fuzz_file(&file);
	if (len == 0)
		return 0;
	chunk = 4u + *octets++;
	fuzz_fill(&file, octets, --len);
	read_file(&whole, &file, 0);
	for (unsigned i = 0; i < stops_count; i++) {
		if (!stops_ways[i].usable)
			continue;
		stops_find = stops_ways[i].find;
		read_file(&parts, &file, 0);
		same(&whole, &parts);
		read_file(&parts, &file, chunk);
		same(&whole, &parts);
	}
	/* Text in memory has no such mark. */
	if (strstr(whole.text, "the file begins") == NULL && strstr(whole.text, "the file is") == NULL) {
		scan_text(&s, "fuzz", (const char *)octets, len);
		read_words(&parts, &s);
		same(&whole, &parts);
	}
	free(whole.text);
	return 0;
}
