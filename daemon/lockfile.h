/* lockfile.h - a file that one process may have. */
#ifndef DAEMON_LOCKFILE_H
#define DAEMON_LOCKFILE_H

/* Makes the file if need be and holds it until the process ends, however it ends.  A descriptor, or -errno:
 * -EWOULDBLOCK when another process holds it. */
int lockfile_take(const char *path);
#endif
