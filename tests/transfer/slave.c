/* slave.c - one slave zone by hand: what it says goes to standard output, commands come line by line.
 *
 * usage: slave [-y algorithm:name:secret] [-c cycle] [-i idle ms] [-m records] [-l s,s,s,s] directory zone port ...
 *	-l  min-refresh,max-refresh,min-retry,max-retry
 *	each port on 127.0.0.1 is a master; the journal and the file are in the directory
 *	commands: notify [serial], refresh, retransfer, status, quit
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/transfer/refresh.h"
#include "sync/commit.h"
#include "zonefile/arena.h"

static struct refresh *refresh;
static struct peer peer[8];
static uv_pipe_t input;
static char line[256];
static size_t got;

static void
on_report(void *ctx, const struct report *report)
{
	char text[1500];

	(void)ctx;
	printf("%s\n", report_format(text, sizeof(text), report));
	fflush(stdout);
}

static void
on_publish(void *ctx, struct slot *slot, struct zone *zone)
{
	(void)ctx;
	if (zone != NULL)
		printf("%s published %u\n", slot_name(slot), zone_serial(zone));
	else
		printf("%s withdrawn\n", slot_name(slot));
	fflush(stdout);
}

static void
command(char *text)
{
	struct refresh_status s;
	char *serial;

	if (strncmp(text, "notify", 6) == 0) {
		serial = text[6] == ' ' ? text + 7 : NULL;
		refresh_notified(refresh, &peer[0].address.any, serial != NULL,
		    serial != NULL ? (uint32_t)strtoul(serial, NULL, 10) : 0);
	} else if (strcmp(text, "refresh") == 0) {
		refresh_now(refresh);
	} else if (strcmp(text, "retransfer") == 0) {
		refresh_retransfer(refresh);
	} else if (strcmp(text, "status") == 0) {
		refresh_status(refresh, &s);
		printf("status: %s%s%s serial %u, checked %+ld, next %+ld, expires %+ld, from %s, %s\n",
		    s.served ? "served" : "not served", s.expired ? " expired" : "", s.busy ? " busy" : "", s.serial,
		    s.checked - time(NULL), s.next - time(NULL), s.expires - time(NULL), s.from, s.trouble);
		fflush(stdout);
	} else {
		refresh_free(refresh);
		uv_close((uv_handle_t *)&input, NULL);
		commit_stop();
		refresh_stop();
	}
}

static void
on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	(void)handle;
	(void)size;
	*buf = uv_buf_init(line + got, (unsigned)(sizeof(line) - 1 - got));
}

static void
on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	char *end;

	(void)buf;
	if (n < 0) {
		uv_read_stop(stream);
		command(strcpy(line, "quit"));
		return;
	}
	got += (size_t)n;
	line[got] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		command(line);
		got -= (size_t)(end + 1 - line);
		memmove(line, end + 1, got + 1);
	}
}

int
main(int argc, char **argv)
{
	static const uint8_t root[] = "";
	struct refresh_limits limits = { 10, 2, 20 };
	struct refresh_conf conf = { .master = peer, .max_refresh = 86400, .max_retry = 86400,
	    .limits = { .connect_ms = 30000, .idle_ms = 30000, .total_ms = 300000 } };
	struct tsig_keys *keys = tsig_keys_new();
	uint8_t name[DNAME_MAX], origin[DNAME_MAX];
	char *a, *n, *s, *file, *path;
	struct journal *journal;
	struct slot *slot;
	int c;

	while ((c = getopt(argc, argv, "y:c:i:m:l:M")) != -1)
		switch (c) {
		case 'y':
			a = strtok(optarg, ":");
			n = strtok(NULL, ":");
			s = strtok(NULL, "");
			if (s == NULL || name_parse(name, n, strlen(n), root) < 0 || tsig_keys_add(keys, name, a, s) != NULL)
				return 2;
			peer[0].key = tsig_find(keys, name);
			break;
		case 'c':
			conf.cycle = (unsigned)atoi(optarg);
			break;
		case 'i':
			conf.limits.idle_ms = (unsigned)atoi(optarg);
			break;
		case 'm':
			conf.limits.max_records = (unsigned)atoi(optarg);
			break;
		case 'M':
			conf.multi_master = true;
			break;
		case 'l':
			if (sscanf(optarg, "%u,%u,%u,%u", &conf.min_refresh, &conf.max_refresh, &conf.min_retry,
			    &conf.max_retry) != 4)
				return 2;
			break;
		default:
			return 2;
		}
	argv += optind;
	argc -= optind;
	if (argc < 3 || argc > 10 || name_parse(name, argv[1], strlen(argv[1]), root) < 0)
		return 2;
	name_lower(origin, name);
	for (conf.masters = 0; conf.masters < (size_t)argc - 2; conf.masters++) {
		struct peer *p = &peer[conf.masters];

		p->key = peer[0].key;
		peer_address_parse(&p->address, "127.0.0.1", (unsigned)atoi(argv[conf.masters + 2]));
	}
	path = xasprintf("%s/journal", argv[0]);
	file = xasprintf("%s/zone", argv[0]);
	conf.file = file;
	slot_thread_begin();
	journal = journal_open(path, on_report, NULL);
	commit_start(journal, on_publish, NULL);
	refresh_start(uv_default_loop(), path, &limits, on_report, NULL);
	slot = slot_add(origin);
	slot_apply();
	refresh = refresh_new(slot, &conf);
	uv_pipe_init(uv_default_loop(), &input, 0);
	uv_pipe_open(&input, 0);
	uv_read_start((uv_stream_t *)&input, on_alloc, on_input);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	uv_loop_close(uv_default_loop());
	slot_remove(slot);
	slot_apply();
	slot_settle();
	slot_thread_end();
	journal_close(journal);
	tsig_keys_free(keys);
	free(path);
	free(file);
	return 0;
}
