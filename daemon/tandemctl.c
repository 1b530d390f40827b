/* tandemctl - the operator's client: words to the daemon, its answer to standard output. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
"  dump ZONE [FILE]     the records that are served\n"
"  rollback ZONE SERIAL the content of an older version, with a newer serial\n"
"  addzone|modzone ZONE '{ type ...; }'\n"
"                       a zone that is not in the configuration, from now on\n"
"  delzone [-clean] ZONE\n"
"                       take one away that was added; with its file\n"
"  mirror status        how far the mirrored databases are\n"
"  mirror pause|resume [MIRROR]\n"
"  mirror resync ZONE   compare all rows of a zone again\n"
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
send_words(int fd, int json, int words, char **word)
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

/* Text goes out as it comes, but for the last two octets, which are NUL and the status. */
static int
copy_answer(int fd, const char *path)
{
	char buf[65536 + 2];
	size_t held = 0;
	ssize_t got;

	while ((got = read(fd, buf + held, sizeof(buf) - 2)) > 0) {
		size_t all = held + (size_t)got, keep = all < 2 ? all : 2;

		fwrite(buf, 1, all - keep, stdout);
		memmove(buf, buf + all - keep, keep);
		held = keep;
	}
	if (fflush(stdout) == EOF)
		return fail("standard output", strerror(errno));
	if (held != 2 || buf[0] != '\0' || buf[1] < '0' || buf[1] > '2')
		return fail(path, "the daemon ended before its answer did");
	return buf[1] - '0';
}

int
main(int argc, char **argv)
{
	const char *path = DEFAULT_SOCKET;
	int json = 0, i = 1, fd;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			json = 1;
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
	if ((fd = connect_to(path)) < 0)
		return fail(path, errno == ENOENT || errno == ECONNREFUSED ? "no tandemd answers there" : strerror(errno));
	/* But a reader of ours that goes away ends us as it ends others. */
	signal(SIGPIPE, SIG_IGN);
	if (send_words(fd, json, argc - i, argv + i) != 0)
		return fail(path, errno == EPIPE ? "the daemon takes no more clients now" : strerror(errno));
	signal(SIGPIPE, SIG_DFL);
	return copy_answer(fd, path);
}
