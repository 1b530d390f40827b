/* secret.h - a password or a key in a file of its own. */
#ifndef SYNC_SECRET_H
#define SYNC_SECRET_H

#define SECRET_MAX 1024			/* with NUL */

/* The file's first line.  Read when it is needed, so that a new one is used without being told.  0 or -errno. */
int secret_read(const char *path, char out[SECRET_MAX]);
#endif
