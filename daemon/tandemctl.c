/* tandemctl - the operator's client: words to the daemon, its answer to standard output. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef RUNDIR
#define RUNDIR "var/run"
#endif
#define DEFAULT_SOCKET RUNDIR "/tandemd.sock"

static const char usage[] =
"usage: tandemctl [-s SOCKET] [--json] COMMAND [ARGUMENT ...]\n"
"       tandemctl -h | -V\n"
"\n"
"  status [ZONE]        the server, and serial, age and mirrors of each zone or of one\n"
"  zones                a line for each zone\n"
"  zonestatus ZONE      all about one zone\n"
"  reload [ZONE] [--dry-run]\n"
"                       read the configuration and the files that changed, or one zone's\n"
"  reconfig             read the configuration and the files of new zones\n"
"  checkconf            read the configuration file without using it\n"
"  showconf             the configuration in force, secrets hidden\n"
"  showzone ZONE        its part of it\n"
"  notify ZONE [HOST]   tell the slaves of a zone of its version\n"
"  refresh ZONE         ask the masters of a slave zone now\n"
"  retransfer ZONE      fetch a slave zone whole, whatever its serial\n"
"  increase-serial ZONE put a newer serial into the zone's file, and read it\n"
"  freeze|thaw ZONE     leave a zone's file unread; read it again\n"
"  history ZONE         the versions that the journal knows\n"
"  diff ZONE [FROM [TO]]\n"
"                       what changed between two serials; the last change\n"
"  dump ZONE [--relative | FILE]\n"
"                       the records that are served, a line each; or as a zone file\n"
"  rollback ZONE SERIAL the content of an older version, with a newer serial\n"
"  addzone|modzone ZONE '{ type ...; }'\n"
"                       a zone that is not in the configuration, from now on\n"
"  delzone [-clean] ZONE\n"
"                       take one away that was added; with its file\n"
"  mirror status        how far the mirrored databases are\n"
"  mirror pause|resume [MIRROR]\n"
"  mirror verify [ZONE] are the rows as they should be?\n"
"  mirror repair ZONE, mirror resync [ZONE]\n"
"                       compare all rows again, and put them right\n"
"  mirror adopt ZONE    take over a domain that belongs to nobody\n"
"  mirror import DOMAIN [FILE [MIRROR]]\n"
"                       write a zone file of a domain in the database\n"
"  querylog [on|off]    a line for each question in the log\n"
"  stats                counters of queries and answers\n"
"  stop                 finish what is under way, then end\n"
"  help                 the commands of this daemon\n"
"\n"
"  -s SOCKET            control socket (" DEFAULT_SOCKET ")\n"
"\n"
"Ends with 0 when the daemon did it, 1 when it could not, 2 on wrong usage.\n";

static int
fail(const char *path, const char *why)
{
	fprintf(stderr, "tandemctl: %s: %s\n", path, why);
	return 1;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Words ended by NUL, then a newline. */
static int
send_words(int fd, bool json, int words, char **word)
{
	FILE *out = fdopen(dup(fd), "w");

	if (out == NULL)
		return -1;
	if (json)
		fwrite("--json", 1, 7, out);
	for (int i = 0; i < words; i++)
		fwrite(word[i], 1, strlen(word[i]) + 1, out);
	fputc('\n', out);
	return fclose(out);
}

struct answer {
	char *text;
	size_t len;
	int status;
};

/* All of it, so that the daemon need not wait for a pager.  It ends with NUL and the status. */
static int
read_answer(int fd, const char *path, struct answer *a)
{
	size_t room = 65536, len = 0;
	ssize_t got;

	if ((a->text = malloc(room)) == NULL)
		return fail("answer", strerror(errno));
	while ((got = read(fd, a->text + len, room - len)) > 0 || (got < 0 && errno == EINTR)) {
		len += got > 0 ? (size_t)got : 0;
		if (len == room && (a->text = realloc(a->text, room *= 2)) == NULL)
			return fail("answer", strerror(errno));
	}
	if (len < 2 || a->text[len - 2] != '\0' || a->text[len - 1] < '0' || a->text[len - 1] > '2')
		return fail(path, "the daemon ended before its answer did");
	a->len = len - 2;
	a->status = a->text[len - 1] - '0';
	return 0;
}

static int
print_answer(const struct answer *a)
{
	if (fwrite(a->text, 1, a->len, stdout) != a->len || fflush(stdout) == EOF)
		return fail("standard output", strerror(errno));
	return a->status;
}

/* --- the end of the daemon --- */

#define STOP_MS 30000			/* databases have 10 seconds to take what is being written */

/* A descriptor that is readable once the daemon has ended, or -1. */
static int
watch_daemon(int fd)
{
	struct ucred peer = { .pid = 0 };
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 0)
		return -1;
	return (int)syscall(SYS_pidfd_open, peer.pid, 0);
}

static int
await_end(int daemon, const char *path)
{
	struct pollfd end = { .fd = daemon, .events = POLLIN };

	return poll(&end, 1, STOP_MS) > 0 ? 0 : fail(path, "the daemon has not ended yet");
}

/* --- a zone file of the user's own --- */

static int
put(const struct answer *a, FILE *out)
{
	int err = fwrite(a->text, 1, a->len, out) != a->len || fflush(out) == EOF ? errno : 0;

	return fclose(out) == EOF && err == 0 ? errno : err;
}

/* All of the new file or all of the old one; what is no file (a pipe, a terminal) is written to.  0 or an errno. */
static int
put_file(const struct answer *a, const char *path)
{
	char tmp[PATH_MAX];
	mode_t mask = umask(0), mode = 0666 & ~mask;
	struct stat st;
	FILE *out;
	int fd, err;

	umask(mask);
	if (stat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return (out = fopen(path, "w")) == NULL ? errno : put(a, out);
		mode = st.st_mode & 07777;
	}
	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return ENAMETOOLONG;
	if ((fd = mkstemp(tmp)) < 0)
		return errno;
	if (fchmod(fd, mode) < 0 || (out = fdopen(fd, "w")) == NULL) {
		err = errno;
		close(fd);
	} else {
		err = put(a, out);
	}
	if (err == 0 && rename(tmp, path) < 0)
		err = errno;
	if (err != 0)
		unlink(tmp);
	return err;
}

static void
print_string(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned char)*text);
		else if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

/* Its first line says what it is: "; zone NAME, serial N, N records". */
static int
write_dump(const struct answer *a, const char *path, bool json)
{
	const char *name = a->text + strlen("; zone ");
	char *end = memchr(a->text, '\n', a->len), *comma = NULL;
	unsigned long serial, records;
	int err;

	if (end != NULL) {
		*end = '\0';
		comma = strstr(name, ", serial ");
	}
	if (comma == NULL || sscanf(comma, ", serial %lu, %lu records", &serial, &records) != 2)
		return fail(path, "not written, since this is no zone that the daemon gave");
	*end = '\n';
	if ((err = put_file(a, path)) != 0)
		return fail(path, strerror(err));
	*comma = '\0';
	if (json) {
		printf("{\n  \"zone\": ");
		print_string(name);
		printf(",\n  \"serial\": %lu,\n  \"records\": %lu,\n  \"written_to\": ", serial, records);
		print_string(path);
		printf("\n}\n");
	} else {
		printf("zone: %s\nserial: %lu\nrecords: %lu\nwritten to: %s\n", name, serial, records, path);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *path = DEFAULT_SOCKET;
	const char *file = NULL;	/* of dump: written here, with the rights of who asks */
	struct answer answer;
	bool json = false;
	int i = 1, fd, daemon = -1, result;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			json = true;
		} else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc) {
			path = argv[++i];
		} else if (strcmp(argv[i], "-V") == 0) {
			printf("tandemctl %s\n", TANDEM_VERSION);
			return 0;
		} else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			fputs(usage, stdout);
			return 0;
		} else {
			fprintf(stderr, "tandemctl: %s %s\n%s", argv[i],
			    strcmp(argv[i], "-s") == 0 ? "needs a path" : "is no option", usage);
			return 2;
		}
	}
	if (i == argc) {
		fputs(usage, stderr);
		return 2;
	}
	/* Behind the command it means the same. */
	if (i + 1 < argc && strcmp(argv[argc - 1], "--json") == 0) {
		json = true;
		argv[--argc] = NULL;
	}
	if (argc - i == 3 && strcmp(argv[i], "dump") == 0 && argv[i + 2][0] != '-') {
		static char relative[] = "--relative";

		file = argv[i + 2];
		argv[i + 2] = relative;
	}
	if ((fd = connect_to(path)) < 0)
		return fail(path, errno == ENOENT || errno == ECONNREFUSED ? "no tandemd answers there" : strerror(errno));
	if (strcmp(argv[i], "stop") == 0 || strcmp(argv[i], "quit") == 0 || strcmp(argv[i], "halt") == 0)
		daemon = watch_daemon(fd);
	/* But a reader of ours that goes away ends us as it ends others. */
	signal(SIGPIPE, SIG_IGN);
	if (send_words(fd, json && file == NULL, argc - i, argv + i) != 0)
		return fail(path, errno == EPIPE ? "the daemon takes no more clients now" : strerror(errno));
	signal(SIGPIPE, SIG_DFL);
	result = read_answer(fd, path, &answer);
	if (result == 0)
		result = file != NULL && answer.status == 0 ? write_dump(&answer, file, json) : print_answer(&answer);
	if (result == 0 && daemon >= 0)
		result = await_end(daemon, path);
	free(answer.text);
	return result;
}
