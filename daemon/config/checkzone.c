/* tandem-checkzone - does this file load as this zone, and what is in it? */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/trial.h"
#include "zonefile/bump.h"
#include "zonefile/delta.h"
#include "zonefile/dump.h"
#include "zonefile/master.h"
#include "zonefile/name.h"
#include "zonefile/report.h"
#include "zonefile/serial.h"
#include "zonefile/zone.h"

#define TTL_MAX 2147483647

static const char usage_text[] =
    "usage: tandem-checkzone [-q] [-D] [-f STYLE] [-o FILE] [-l N] [-c CONF] ORIGIN FILE\n"
    "       tandem-checkzone [-q] [-l N] [-c CONF] -S POLICY ORIGIN FILE\n"
    "       tandem-checkzone [-q] [-o FILE] [-l N] [-c CONF] -d ORIGIN OLD NEW\n"
    "\n"
    "  ORIGIN     name of the zone\n"
    "  FILE       its master file; - is standard input\n"
    "  -D         print the zone in canonical form and order\n"
    "  -f STYLE   print it, absolute: as -D; relative: for people, with $ORIGIN and $TTL\n"
    "  -o FILE    print to FILE instead of standard output\n"
    "  -S POLICY  raise the serial in the file; increment, date (YYYYMMDDnn) or unixtime\n"
    "  -d         print what a reload of NEW after OLD would remove (-) and add (+)\n"
    "  -c CONF    look for what this configuration says of the zone\n"
    "  -l N       refuse TTLs above N\n"
    "  -q         no messages, only the exit status\n"
    "\n"
    "Ends with 0 when the zone loads, 1 when it does not, 2 on wrong usage.\n";

struct options {
	bool quiet, dump, relative, diff, bump;
	enum bump policy;
	const char *output;		/* NULL: standard output */
	const char *conf;		/* NULL: checks_default */
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
print_records(FILE *out, const char *sign, struct delta_walk *walk)
{
	struct rr rr;
	int err = 0;

	while (err == 0 && delta_next(walk, &rr))
		err = fputs(sign, out) == EOF ? -EIO : dump_record(out, &rr);
	return err;
}

static int
print_delta(FILE *out, const struct zone *old, const struct zone *new)
{
	struct delta *delta = delta_between(old, new);
	struct delta_walk walk;
	int err = 0;

	if (!delta_empty(delta)) {
		delta_walk_removed(&walk, delta);
		err = print_records(out, "-", &walk);
		delta_walk_added(&walk, delta);
		if (err == 0)
			err = print_records(out, "+", &walk);
	}
	delta_free(delta);
	return err;
}

/* The zone, or with -d the way from the old one to it. */
static int
print_zone(const struct options *options, const struct zone *old, const struct zone *zone, struct sink *sink)
{
	const char *path = options->output;
	struct place place = { .file = path != NULL ? path : "standard output" };
	FILE *out = path != NULL ? fopen(path, "w") : stdout;
	int err = out == NULL ? -errno : 0;

	if (out != NULL)
		err = options->diff ? print_delta(out, old, zone) : options->relative ? dump_relative(out, zone) :
		    dump_canonical(out, zone);
	if (out != NULL && err == 0 && fflush(out) == EOF)
		err = -errno;
	if (out != NULL && out != stdout && fclose(out) == EOF && err == 0)
		err = -errno;
	return err < 0 ? report_at(sink, ERROR, &place, "%s", strerror(-err)) : 0;
}

/* As the daemon tells it when it commits the file. */
static void
check_serials(const struct zone *old, const struct zone *new, const char *name, struct sink *sink)
{
	uint32_t from = zone_serial(old), to = zone_serial(new);

	if (!serial_newer(to, from) && !zone_digest_equal(zone_digest(old), zone_digest(new)))
		report_zone(sink, WARNING, name, "serial %" PRIu32 " is not newer than %" PRIu32
		    ": slaves will not see this change", to, from);
}

/* What a configuration warns of is not about the zone, whose messages it would hide: tandem-checkconf tells it. */
static void
pass_error(void *file, const struct report *report)
{
	if (report->severity == ERROR)
		report_to_file(file, report);
}

/* What the configuration has the zone checked for. */
static int
find_checks(struct checks *checks, const char *path, const uint8_t *origin, const char *name, struct sink *sink)
{
	struct sink errors = { .fn = sink->fn != NULL ? pass_error : NULL, .ctx = sink->ctx };
	struct conf *conf = conf_read(path, &errors);
	struct place place = { .file = path };
	int err = -EINVAL;

	sink->errors += errors.errors;
	if (conf == NULL)
		return err;
	for (size_t i = 0; i < conf->zone_count && err < 0; i++)
		if (name_equal(conf->zones[i].origin, origin)) {
			*checks = conf_checks(&conf->zones[i]);
			err = 0;
		}
	if (err < 0)
		report_at(sink, ERROR, &place, "there is no zone %s in it", name);
	conf_free(conf);
	return err;
}

/* Of a pipe, as a shell's <(command) is one, the name to read it by: nobody else can be who asked for it. */
static const char *
readable(const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st) < 0 || !S_ISFIFO(st.st_mode) || (fd = open(path, O_RDONLY)) < 0)
		return path;
	if (dup2(fd, STDIN_FILENO) >= 0)
		path = "-";
	close(fd);
	return path;
}

static int
check_file(const uint8_t *origin, const char *old_path, const char *path, const struct options *options)
{
	struct sink sink = { .fn = options->quiet ? NULL : report_to_file, .ctx = stderr };
	struct master_files files = { .count = 0 };
	struct checks checks = checks_default;
	struct zone *old = NULL, *zone = NULL;
	/* The verdict stays out of the zone's text. */
	bool print = options->dump || options->diff;
	FILE *out = print && options->output == NULL ? stderr : stdout;
	char name[DNAME_TEXT_MAX];
	uint32_t serial = 0;

	name_print_plain(name, origin);
	if (options->conf == NULL || find_checks(&checks, options->conf, origin, name, &sink) == 0) {
		if (old_path != NULL)
			old = master_load(readable(old_path), origin, NULL, &sink, NULL);
		zone = master_load(readable(path), origin, &checks, &sink, &files);
	}
	if (zone != NULL) {
		serial = zone_serial(zone);
		if (options->ttl_max < TTL_MAX)	/* which the reader sees to */
			check_ttls(zone, name, options->ttl_max, &sink);
		if (old != NULL)
			check_serials(old, zone, name, &sink);
		if (sink.errors == 0 && options->bump) {
			serial = bump_serial(serial, options->policy, time(NULL));
			bump_write(&files, serial, &sink);
		}
		if (sink.errors == 0 && print)
			print_zone(options, old, zone, &sink);
	}
	if (!options->quiet)
		trial_verdict(out, name, zone, serial, sink.errors);
	master_files_free(&files);
	zone_unref(old);
	zone_unref(zone);
	return sink.errors > 0 ? 1 : 0;
}

/* The place of a word in a list that ends with NULL, or -1. */
static int
choose(const char *option, const char *word, const char *const *list)
{
	for (int i = 0; list[i] != NULL; i++)
		if (strcmp(word, list[i]) == 0)
			return i;
	fprintf(stderr, "tandem-checkzone: %s %s is none of", option, word);
	for (int i = 0; list[i] != NULL; i++)
		fprintf(stderr, "%s %s", i > 0 ? "," : "", list[i]);
	fputc('\n', stderr);
	return -1;
}

int
main(int argc, char **argv)
{
	static const char *const styles[] = { "absolute", "relative", NULL };
	static const char *const policies[] = { [BUMP_INCREMENT] = "increment", [BUMP_DATE] = "date",
	    [BUMP_UNIXTIME] = "unixtime", NULL };
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	static const uint8_t root[] = { 0 };
	struct options options = { .ttl_max = TTL_MAX };
	uint8_t origin[DNAME_MAX];
	char *end;
	unsigned long long v;
	int c, len, choice;

	while ((c = getopt_long(argc, argv, "qDc:df:o:S:l:h", longs, NULL)) != -1)
		switch (c) {
		case 'q':
			options.quiet = true;
			break;
		case 'D':
			options.dump = true;
			break;
		case 'c':
			options.conf = optarg;
			break;
		case 'd':
			options.diff = true;
			break;
		case 'f':
			if ((choice = choose("-f", optarg, styles)) < 0)
				return 2;
			options.dump = true;
			options.relative = choice == 1;
			break;
		case 'S':
			if ((choice = choose("-S", optarg, policies)) < 0)
				return 2;
			options.bump = true;
			options.policy = (enum bump)choice;
			break;
		case 'o':
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
	if (options.output != NULL && !options.diff)
		options.dump = true;
	if (options.dump + options.diff + options.bump > 1) {
		fputs("tandem-checkzone: only one of printing (-D, -f, -o), -d and -S\n", stderr);
		return 2;
	}
	if (argc - optind != (options.diff ? 3 : 2))
		return usage(stderr, 2);
	len = name_parse(origin, argv[optind], strlen(argv[optind]), root);
	if (len < 0 || strcmp(argv[optind], "@") == 0) {
		fprintf(stderr, "tandem-checkzone: %s is not the name of a zone: %s\n", argv[optind],
		    name_error_text(len));
		return 2;
	}
	return check_file(origin, options.diff ? argv[optind + 1] : NULL, argv[argc - 1], &options);
}
