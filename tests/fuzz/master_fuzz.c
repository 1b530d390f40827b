/* A master file: whatever it is, a zone or errors; a zone prints and reads back as it was. */
#include "tests/fuzz/fuzz.h"
#include "zonefile/check.h"
#include "zonefile/dump.h"
#include "zonefile/master.h"
#include "zonefile/scan.h"

static const uint8_t origin[] = "\7example";

static void
read_words(const uint8_t *octets, size_t len)
{
	struct sink sink = { .fn = NULL };
	enum scan_outcome outcome;
	struct place place;
	struct scan scan;
	uint8_t out[512];
	uint64_t seconds;

	scan_text(&scan, "fuzz", (const char *)octets, len);
	while ((outcome = scan_next(&scan, &sink)) != SCAN_END && outcome != SCAN_FAILED)
		for (size_t i = 0; outcome == SCAN_RECORD && i < scan.count; i++) {
			int n = word_octets(&scan.word[i], out, sizeof(out));

			MUST(n <= (int)scan.word[i].len);
			word_period(&scan.word[i], &seconds);
			scan_place(&scan, &scan.word[i], 0, &place);
			MUST(place.line > 0 && place.column > 0 && place.column <= place.source_len + 1);
		}
	scan_close(&scan);
}

static struct zone *
load(const struct fuzz_file *file)
{
	struct sink sink = { .fn = NULL };
	struct master_files files = { .count = 0 };
	struct zone *zone = master_load(file->path, origin, NULL, &sink, &files);

	MUST((zone == NULL) == (sink.errors > 0));
	MUST(zone == NULL || files.serial.soas > 0);
	master_files_free(&files);
	return zone;
}

static void
reads_back(struct fuzz_file *file, const struct zone *zone, int print(FILE *, const struct zone *))
{
	struct zone *again;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	MUST(print(out, zone) == 0 && fclose(out) == 0);
	fuzz_fill(file, text, size);
	again = load(file);
	MUST(again != NULL && zone_digest_equal(zone_digest(zone), zone_digest(again)));
	zone_unref(again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct fuzz_file file = { .fd = -1 };
	struct sink sink = { .fn = NULL };
	struct zone *zone;

	if (file.fd < 0)
		fuzz_file(&file);
	read_words(octets, len);
	fuzz_fill(&file, octets, len);
	if ((zone = load(&file)) == NULL)
		return 0;
	check_zone(zone, &checks_default, 1700000000, &sink);
	reads_back(&file, zone, dump_canonical);
	reads_back(&file, zone, dump_relative);
	zone_unref(zone);
	return 0;
}
