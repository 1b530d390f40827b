/* tandem-checkzone - does this file load as this zone, and what is in it? */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zonefile/check.h"
#include "zonefile/dump.h"
#include "zonefile/master.h"
#include "zonefile/name.h"
#include "zonefile/report.h"
#include "zonefile/zone.h"

#define TTL_MAX 2147483647

static const char usage_text[] =
    "usage: tandem-checkzone [-q] [-D] [-o FILE] [-l N] ORIGIN FILE\n"
    "\n"
    "  ORIGIN   name of the zone\n"
    "  FILE     its master file; - is standard input\n"
    "  -D       print the zone in canonical form and order\n"
    "  -o FILE  print it to FILE instead of standard output\n"
    "  -l N     refuse TTLs above N\n"
    "  -q       no messages, only the exit status\n"
    "\n"
    "Ends with 0 when the zone loads, 1 when it does not, 2 on wrong usage.\n";

struct options {
	bool quiet, dump;
	const char *output;		/* NULL: standard output */
	uint32_t ttl_max;
};

static int
usage(FILE *out, int status)
{
	fputs(usage_text, out);
	return status;
}

static void
check_ttls(const struct zone *zone, const char *name, uint32_t max, struct sink *sink)
{
	const struct node *node;
	struct zone_walk walk;
	uint8_t wire[DNAME_MAX];
	char owner[DNAME_TEXT_MAX], word[RRTYPE_TEXT_MAX];

	for (node = zone_walk(&walk, zone); node != NULL; node = zone_next(&walk))
		for (unsigned i = 0; i < node->count; i++) {
			const struct rrset *set = node->set[i];

			if (set->ttl <= max)
				continue;
			zone_owner(zone, node, wire);
			name_print(owner, wire);
			report_zone(sink, ERROR, name, "%s %s: TTL %" PRIu32 " is above %" PRIu32,
			    owner, rrtype_print(word, set->type), set->ttl, max);
		}
}

static int
print_zone(const struct zone *zone, const char *path, struct sink *sink)
{
	struct place place = { .file = path != NULL ? path : "standard output" };
	FILE *out = path != NULL ? fopen(path, "w") : stdout;
	int err = out == NULL ? -errno : 0;

	if (out != NULL && (err = dump_canonical(out, zone)) == 0 && fflush(out) == EOF)
		err = -errno;
	if (out != NULL && out != stdout && fclose(out) == EOF && err == 0)
		err = -errno;
	return err < 0 ? report_at(sink, ERROR, &place, "%s", strerror(-err)) : 0;
}

static int
check_file(const uint8_t *origin, const char *path, const struct options *options)
{
	struct sink sink = { .fn = options->quiet ? NULL : report_to_file, .ctx = stderr };
	struct zone *zone = master_load(path, origin, &sink, NULL);
	/* The verdict stays out of the zone's text. */
	FILE *out = options->dump && options->output == NULL ? stderr : stdout;
	char name[DNAME_TEXT_MAX];

	name_print_plain(name, origin);
	if (zone != NULL) {
		check_zone(zone, &sink);
		check_ttls(zone, name, options->ttl_max, &sink);
		if (sink.errors == 0 && options->dump)
			print_zone(zone, options->output, &sink);
	}
	if (options->quiet)
		;
	else if (sink.errors > 0)
		fprintf(out, "zone %s: not loaded, %u error%s\n", name, sink.errors,
		    sink.errors == 1 ? "" : "s");
	else
		fprintf(out, "zone %s: serial %" PRIu32 ", %zu records: OK\n", name,
		    zone_serial(zone), zone_records(zone));
	zone_unref(zone);
	return sink.errors > 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
	static const uint8_t root[] = { 0 };
	struct options options = { .ttl_max = TTL_MAX };
	uint8_t origin[DNAME_MAX];
	char *end;
	unsigned long long v;
	int c, len;

	while ((c = getopt(argc, argv, "qDo:l:h")) != -1)
		switch (c) {
		case 'q':
			options.quiet = true;
			break;
		case 'D':
			options.dump = true;
			break;
		case 'o':
			options.dump = true;
			options.output = strcmp(optarg, "-") == 0 ? NULL : optarg;
			break;
		case 'l':
			v = strtoull(optarg, &end, 10);
			if (*optarg < '0' || *optarg > '9' || *end != '\0' || v > TTL_MAX) {
				fprintf(stderr, "tandem-checkzone: -l %s is not a number up to %d\n", optarg, TTL_MAX);
				return 2;
			}
			options.ttl_max = v;
			break;
		case 'h':
			return usage(stdout, 0);
		default:
			return usage(stderr, 2);
		}
	if (argc - optind != 2)
		return usage(stderr, 2);
	len = name_parse(origin, argv[optind], strlen(argv[optind]), root);
	if (len < 0 || strcmp(argv[optind], "@") == 0) {
		fprintf(stderr, "tandem-checkzone: %s is not the name of a zone: %s\n", argv[optind],
		    name_error_text(len));
		return 2;
	}
	return check_file(origin, argv[optind + 1], &options);
}
