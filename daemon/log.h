/* log.h - messages to standard error, to a file or to syslog. */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include "zonefile/report.h"

/* Lines go to standard error as they stand, or to a file with the time before them, or to syslog with
 * their severity.  Any thread; a line is never torn. */
void log_to_syslog(void);
int log_to_file(const char *path);	/* appends; 0 or -errno */
void log_started(void);			/* until now errors went to standard error as well */
void log_reopen(void);			/* the file by its name, after a rotation */

void log_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A report_fn; ctx is not used. */
void log_report(void *ctx, const struct report *);
#endif
