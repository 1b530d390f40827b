/* tandemd - the daemon: read the configuration, serve until a signal. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/command.h"
#include "daemon/config/trial.h"
#include "daemon/control.h"
#include "daemon/heap.h"
#include "daemon/http.h"
#include "daemon/lockfile.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/place.h"
#include "daemon/reload.h"
#include "daemon/setup.h"
#include "daemon/signals.h"
#include "daemon/told.h"
#include "zonefile/arena.h"

static const char usage[] =
"usage: tandemd [-c FILE] [-d] [-l FILE] [-n WORKERS] [-t] [-p [-x]] [-V]\n"
"\n"
"  -c FILE      configuration (" TANDEM_CONF ")\n"
"  -d           detach once it serves; messages go to syslog or to -l\n"
"  -l FILE      messages to this file, opened again on SIGUSR1\n"
"  -n WORKERS   threads that answer (one a core)\n"
"  -t           test the configuration and the zones, then end\n"
"  -p [-x]      print the effective configuration, with -x without secrets\n"
"  -V           print the version\n"
"\n"
"Ends with 0 when stopped as asked, 1 when it could not start, 2 on wrong usage.\n";

struct options {
	const char *conf, *log;
	bool detach, test, print, hide;
	unsigned workers;
};

static const struct page *const pages[] = { &metrics_page, &command_state_page, NULL };
static uv_loop_t *loop;
static int ready_pipe = -1;		/* of -d: a byte goes to the parent once we serve */
static char pid_path[PATH_MAX];		/* "" until the file is ours */
static int pid_fd = -1;

/* --- one-shot modes --- */

static int
print_conf(struct conf *conf, bool hide)
{
	conf_print(stdout, conf, hide);
	conf_free(conf);
	return fflush(stdout) == EOF ? 1 : 0;
}

static int
test(struct conf *conf, struct sink *sink)
{
	trial_secrets(conf, sink);
	trial_zones(conf, sink);
	conf_free(conf);
	return sink->errors > 0 || fflush(stdout) == EOF;
}

/* --- life --- */

/* The parent waits for the child to serve, or to end without. */
static void
detach(void)
{
	int fds[2];
	char byte;
	pid_t pid;

	if (pipe(fds) < 0 || (pid = fork()) < 0) {
		perror("tandemd");
		exit(1);
	}
	if (pid > 0) {
		close(fds[1]);
		_exit(read(fds[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(fds[0]);
	ready_pipe = fds[1];
	setsid();
}

static void
tell_parent(const struct options *o)
{
	if (ready_pipe < 0)
		return;
	if (freopen("/dev/null", "r", stdin) == NULL || freopen("/dev/null", "w", stdout) == NULL)
		log_warning("/dev/null: %s", strerror(errno));
	if (o->log == NULL)
		log_to_syslog();
	if (freopen("/dev/null", "w", stderr) == NULL)
		log_warning("/dev/null: %s", strerror(errno));
	if (write(ready_pipe, "", 1) < 0)
		log_warning("nobody waits for the start");
	close(ready_pipe);
}

/* Directories that a fresh tree lacks, "var/run" above all. */
static void
make_directories(const struct conf *conf)
{
	char path[PATH_MAX];

	place_above(conf_resolve(path, conf, conf->journal));
	place_above(conf_resolve(path, conf, conf->control_socket));
	if (conf->pid_file != NULL)
		place_above(conf_resolve(path, conf, conf->pid_file));
}

/* The file is ours from the start, and has the number once we serve. */
static bool
take_pid_file(const struct conf *conf)
{
	char path[PATH_MAX];

	if (conf->pid_file == NULL)
		return true;
	conf_resolve(path, conf, conf->pid_file);
	pid_fd = lockfile_take(path);
	if (pid_fd == -EWOULDBLOCK) {
		log_error("%s: another tandemd has this pid file", path);
		return false;
	}
	if (pid_fd < 0)
		log_warning("%s: %s", path, strerror(-pid_fd));
	else
		memcpy(pid_path, path, sizeof(path));
	return true;
}

static void
write_pid(void)
{
	if (pid_fd >= 0 && (ftruncate(pid_fd, 0) < 0 || dprintf(pid_fd, "%ld\n", (long)getpid()) < 0))
		log_warning("%s: %s", pid_path, strerror(errno));
}

static void
remove_pid(void)
{
	if (pid_path[0] != '\0' && unlink(pid_path) < 0 && errno != ENOENT)
		log_warning("%s: not removed: %s", pid_path, strerror(errno));
}

static void
stop(void)
{
	uv_stop(loop);
}

static const struct options *options;

static void
on_served(void *ctx, bool ok, enum reload_conf conf)
{
	size_t zones, loaded = 0;
	const struct served *zone = zones_all(&zones);

	(void)ctx;
	(void)ok;
	(void)conf;
	for (size_t i = 0; i < zones; i++)
		loaded += slot_since(zone[i].slot) != 0;
	setup_loaded();
	write_pid();
	log_note("tandemd %s: serving %zu of %zu zones, process %ld", TANDEM_VERSION, loaded, zones, (long)getpid());
	log_started();
	tell_parent(options);
}

/* false: every reason is logged. */
static bool
start(struct conf *conf, const struct options *o)
{
	char path[PATH_MAX];
	int err;

	if (!take_pid_file(conf))
		return false;
	loop = uv_default_loop();
	/* Before anybody can know that it runs, since HUP ends a process that does not expect it. */
	command_on_stop(stop);
	signals_start(loop, stop);
	conf_resolve(path, conf, conf->control_socket);
	if ((err = control_start(loop, path, &conf->control_access)) < 0) {
		log_error("%s: %s", path, err == UV_EADDRINUSE ? "another tandemd answers there" :
		    err == UV_EPERM ? "only root may give it this owner, or a group that this account is not in" : uv_strerror(err));
		return false;
	}
	http_start(loop, pages);
	heap_start(loop);
	if (setup_start(loop, conf, o->workers))
		return true;
	control_stop();
	return false;
}

static int
serve(struct conf *conf, const struct options *o)
{
	struct reload first = { .end = on_served };
	char threads[16];

	options = o;
	make_directories(conf);
	if (o->detach)
		detach();
	snprintf(threads, sizeof(threads), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	setenv("UV_THREADPOOL_SIZE", threads, 0);	/* zone files are parsed there */
	if (!start(conf, o)) {
		remove_pid();
		conf_free(conf);
		return 1;
	}
	reload_first(&first);
	uv_run(loop, UV_RUN_DEFAULT);
	control_stop();
	signals_stop(remove_pid);
	heap_stop();
	setup_stop();
	remove_pid();
	log_note("tandemd: stopped");
	return 0;
}

static bool
parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "c:dhl:n:tpxV", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->conf = optarg; break;
		case 'd': o->detach = true; break;
		case 'l': o->log = optarg; break;
		case 'n': o->workers = (unsigned)strtoul(optarg, NULL, 10); break;
		case 't': o->test = true; break;
		case 'p': o->print = true; break;
		case 'x': o->hide = true; break;
		case 'V':
			printf("tandemd %s\n", TANDEM_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return false;
		}
	}
	return optind == argc && (!o->hide || o->print) && o->workers <= 256;
}

/* Of the configuration at the start.  An error goes from the log to standard error by itself. */
static void
on_conf(void *ctx, const struct report *report)
{
	const struct options *o = ctx;

	told_before(report);
	if (o->log != NULL)
		log_report(NULL, report);
	if (o->log == NULL || report->severity != ERROR)
		report_to_file(stderr, report);
	else if (isatty(STDERR_FILENO))
		report_print_caret(stderr, report);
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = TANDEM_CONF };
	struct sink sink = { .fn = on_conf, .ctx = &o };
	struct conf *conf;
	int err;

	if (!parse(&o, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	if (o.log != NULL && (err = log_to_file(o.log)) < 0) {
		fprintf(stderr, "%s: %s\n", o.log, strerror(-err));
		return 1;
	}
	if ((conf = conf_read(o.conf, &sink)) == NULL) {
		if (strcmp(o.conf, TANDEM_CONF) == 0 && access(o.conf, F_OK) < 0)
			fputs("tandemd: -c names another; in the source tree it is etc/tandem.conf\n", stderr);
		return 1;
	}
	if (o.print)
		return print_conf(conf, o.hide);
	if (o.test)
		return test(conf, &sink);
	return serve(conf, &o);
}
