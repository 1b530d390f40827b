/* fetch.c - a transfer as the daemon does it, by hand: what came of it, on one line.
 *
 * usage: fetch [-y algorithm:name:secret] [-f file] [-o file] [-m records] [-b octets]
 *              [-t ms] [-T ms] [-r octets] [-c warn|fail] address port zone
 *	-c  what the checks of signatures and of ZONEMD find, told on standard output, is a warning or a failure
 *	-t  the longest wait from one message to the next; -T  for all of it
 *	-r  fewer octets than that in half a second are too slow
 *	-f  ask for differences from the zone in this file
 *	-o  write the zone there
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/transfer/xfrin.h"
#include "zonefile/dump.h"
#include "zonefile/master.h"

static const char *out;
static int status = 1;

static double
cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
on_done(void *ctx, const struct xfrin_outcome *o)
{
	(void)ctx;
	switch (o->result) {
	case XFRIN_SAME:
		printf("same, serial %u\n", o->serial);
		status = 0;
		break;
	case XFRIN_FAILED:
		printf("failed%s: %s\n", o->bad ? ", bad" : "", o->why);
		break;
	case XFRIN_ZONE:
		printf("%s, serial %u, %zu records of %lu, %lu octets in %lu messages, %u ms, %.2f s CPU", o->differences ?
		    "IXFR" : "AXFR", zone_serial(o->zone), zone_records(o->zone), o->records, o->octets, o->messages, o->ms,
		    cpu());
		if (o->has_expire)
			printf(", expires in %u s", o->expire);
		printf(o->fell_back != NULL ? " (%s)\n" : "\n", o->fell_back);
		status = 0;
		if (out != NULL && dump_zone(o->zone, out) < 0)
			status = 1;
		zone_unref(o->zone);
		break;
	}
}

/* In the pool; the line of the outcome comes later. */
static void
on_report(void *ctx, const struct report *report)
{
	char line[2048];

	(void)ctx;
	puts(report_format(line, sizeof(line), report));
}

static void
usage(void)
{
	fprintf(stderr, "usage: fetch [-y algorithm:name:secret] [-f file] [-o file] [-m records] [-b octets] [-t ms] [-T ms] [-r octets] [-c warn|fail] address port zone\n");
	exit(2);
}

static const uint8_t root[] = "";

int
main(int argc, char **argv)
{
	struct xfrin_limits limits = { .connect_ms = 60000, .idle_ms = 60000, .total_ms = 600000 };
	struct tsig_keys *keys = tsig_keys_new();
	struct sink sink = { .fn = report_to_file, .ctx = stderr };
	struct peer peer = { .key = NULL };
	uint8_t origin[DNAME_MAX], name[DNAME_MAX];
	struct xfrin_conf conf = { .from = &peer, .limits = &limits, .origin = origin };
	const char *have = NULL, *wrong = NULL;
	int c;

	while ((c = getopt(argc, argv, "y:f:o:m:b:t:T:r:c:")) != -1)
		switch (c) {
			char *a, *n, *s;
		case 'y':
			a = strtok(optarg, ":");
			n = strtok(NULL, ":");
			s = strtok(NULL, "");
			if (s == NULL || name_parse(name, n, strlen(n), root) < 0 ||
			    (wrong = tsig_keys_add(keys, name, a, s)) != NULL) {
				fprintf(stderr, "-y: %s\n", wrong != NULL ? wrong : "algorithm:name:secret");
				return 2;
			}
			peer.key = tsig_find(keys, name);
			break;
		case 'f':
			have = optarg;
			break;
		case 'o':
			out = optarg;
			break;
		case 'm':
			limits.max_records = strtoul(optarg, NULL, 10);
			break;
		case 'b':
			limits.max_octets = strtoul(optarg, NULL, 10);
			break;
		case 'c':
			limits.report = on_report;
			limits.checks.severity[CHECK_DNSSEC] = strcmp(optarg, "fail") == 0 ? ERROR : WARNING;
			limits.checks.severity[CHECK_ZONEMD] = limits.checks.severity[CHECK_DNSSEC];
			break;
		case 't':
			limits.idle_ms = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'T':
			limits.total_ms = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			limits.rate_octets = strtoul(optarg, NULL, 10);
			limits.rate_ms = 500;
			break;
		default:
			usage();
		}
	argv += optind;
	if (argc - optind != 3 || name_parse(name, argv[2], strlen(argv[2]), root) < 0 ||
	    !peer_address_parse(&peer.address, argv[0], (unsigned)atoi(argv[1])))
		usage();
	name_lower(origin, name);
	if (have != NULL && (conf.have = master_load(have, origin, NULL, &sink, NULL)) == NULL)
		return 2;
	xfrin_start(uv_default_loop(), &conf, on_done, NULL);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	zone_unref(conf.have);
	tsig_keys_free(keys);
	uv_loop_close(uv_default_loop());
	return status;
}
