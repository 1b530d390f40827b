#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 4096

static bool to_syslog, started;
static char *file_path;			/* NULL: standard error */
static int fd = STDERR_FILENO;

void
log_to_syslog(void)
{
	openlog("tandemd", LOG_PID, LOG_DAEMON);
	to_syslog = true;
}

void
log_started(void)
{
	started = true;
}

/* The number stays the same, so that threads which write meanwhile need no lock. */
static int
open_file(void)
{
	int new = open(file_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (new < 0)
		return -errno;
	if (fd == STDERR_FILENO) {
		fd = new;
		return 0;
	}
	dup3(new, fd, O_CLOEXEC);
	close(new);
	return 0;
}

int
log_to_file(const char *path)
{
	file_path = realpath(path, NULL);
	if (file_path == NULL)
		file_path = strdup(path);
	return open_file();
}

void
log_reopen(void)
{
	int err = file_path != NULL ? open_file() : 0;

	if (err < 0)
		log_error("%s: %s, the log stays in the file opened before", file_path, strerror(-err));
}

/* "2026-11-25T21:10:03Z " */
static size_t
stamp(char *out, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	return strftime(out, size, "%FT%TZ ", gmtime_r(&now, &tm));
}

static void
write_line(int priority, const char *line)
{
	char text[LINE_MAX_LEN + 1];
	size_t len;

	if (to_syslog) {
		syslog(priority, "%s", line);
		return;
	}
	if (file_path != NULL && !started && priority <= LOG_ERR)
		fprintf(stderr, "%s\n", line);
	len = file_path != NULL ? stamp(text, sizeof(text)) : 0;
	len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n", line);
	if (len > sizeof(text) - 1)
		len = sizeof(text) - 1;
	/* One write a line keeps lines of threads apart; when it fails there is nobody to tell. */
	if (write(fd, text, len) < 0)
		return;
}

static void
write_message(enum severity severity, const char *fmt, va_list ap)
{
	char text[LINE_MAX_LEN];

	vsnprintf(text, sizeof(text), fmt, ap);
	log_report(NULL, &(struct report){ .severity = severity, .text = text });
}

void
log_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_message(NOTE, fmt, ap);
	va_end(ap);
}

void
log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_message(WARNING, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_message(ERROR, fmt, ap);
	va_end(ap);
}

void
log_report(void *ctx, const struct report *report)
{
	static const int priority[] = {
		[NOTE] = LOG_NOTICE, [WARNING] = LOG_WARNING, [ERROR] = LOG_ERR,
	};
	char line[LINE_MAX_LEN];

	(void)ctx;
	write_line(priority[report->severity], report_format(line, sizeof(line), report));
	if (!to_syslog && isatty(fd))
		report_print_caret(stderr, report);
}
