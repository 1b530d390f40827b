/* delta_bench ORIGIN FILE [COUNT] - a zone from a file, and versions of it that differ in one record each: what the
 * first costs in memory, the next ones in time and memory.  Two versions live at a time, as in a server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zonefile/delta.h"
#include "zonefile/master.h"
#include "zonefile/name.h"

static double
cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The part of memory that is ours, in MB. */
static double
pss(void)
{
	FILE *in = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	double kb = 0;

	while (in != NULL && fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, "Pss: %lf", &kb) == 1)
			break;
	if (in != NULL)
		fclose(in);
	return kb / 1024;
}

int
main(int argc, char **argv)
{
	struct sink sink = { .fn = report_to_file, .ctx = stderr };
	uint8_t origin[DNAME_MAX], owner[DNAME_MAX], soa[2][600];
	int count = argc > 3 ? atoi(argv[3]) : 1000;
	double begun, load, worst = 0, start, one = 0;
	const struct rrset *set;
	struct zone *zone;

	if (argc < 3 || name_parse(origin, argv[1], strlen(argv[1]), (const uint8_t *)"") < 0)
		return fputs("usage: delta_bench ORIGIN FILE [COUNT]\n", stderr), 2;
	begun = cpu();
	if ((zone = master_load(argv[2], origin, NULL, &sink, NULL)) == NULL)
		return 1;
	load = cpu() - begun;
	start = pss();
	printf("%zu records: %.3f s, %.1f MB, of them %.1f in the zone\n", zone_records(zone), load, start,
	    zone_memory(zone) / 1048576.0);
	begun = cpu();
	for (int i = 0; i < count; i++) {
		double before = cpu();
		struct zone *next;
		size_t len;
		struct builder *b;

		set = zone_soa(zone);
		len = set->rdata[0] << 8 | set->rdata[1];
		memcpy(soa[0], set->rdata + 2, len);
		memcpy(soa[1], set->rdata + 2, len);
		/* The serial, in front of four more numbers. */
		for (size_t at = len - 17; ++soa[1][at] == 0;)
			at--;
		snprintf((char *)owner, sizeof(owner), "%cn%07d", 8, i * 7919 % 10000000);
		memcpy(owner + 9, origin, name_len(origin));
		b = builder_derive(zone, &sink);
		builder_remove(b, &(struct rr){ origin, set->ttl, T_SOA, len, soa[0] });
		builder_add(b, &(struct rr){ origin, set->ttl, T_SOA, len, soa[1] }, NULL);
		builder_add(b, &(struct rr){ owner, 60, T_A, 4, (const uint8_t *)"\300\0\2\1" }, NULL);
		if ((next = builder_finish(b)) == NULL)
			return 1;
		if (cpu() - before > worst)
			worst = cpu() - before;
		if (i == 0)
			one = pss() - start;
		zone_unref(zone);
		zone = next;
	}
	printf("%d versions with a name more: %.2f ms each, %.2f at worst; %.2f MB for the first, %.1f MB at the end, "
	    "%.3f of the start\n", count, (cpu() - begun) / count * 1e3, worst * 1e3, one, pss(), pss() / start);
	zone_unref(zone);
	return 0;
}
