/* master.h - read a master file (RFC 1035 5) into a builder. */
#ifndef ZONEFILE_MASTER_H
#define ZONEFILE_MASTER_H

#include <sys/types.h>
#include <time.h>

#include "zonefile/builder.h"
#include "zonefile/report.h"

/* A file that a zone was read from, with what tells that it has changed. */
struct master_file {
	char *path;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/* The zone file and all that it includes, in order of reading; also those that
 * are missing, with ino 0, so that their coming is seen. */
struct master_files {
	struct master_file *file;
	size_t count;
	struct master_serial {		/* where the SOA's serial stands */
		unsigned soas;		/* SOA records read */
		size_t file;		/* of the last one: which of the above */
		uint32_t line;
		uint64_t offset;	/* in the file */
		uint32_t len;		/* 0: not as digits in a file (RFC 3597 form, standard input) */
	} serial;
};
void master_files_free(struct master_files *);	/* what it holds, not itself */
bool master_files_changed(const struct master_files *);	/* any of them, by stat */

/* Read path ("-": standard input) into the builder.  All errors of the file in one pass, as
 * reports with file, line and column; returns 0, or -EINVAL when there was one, or -errno when the file could
 * not be read (reported too).  A relative $INCLUDE is relative to the including file's
 * directory.  files, zeroed before, holds the paths that places name: it lives as long as the builder.
 * A file that shrinks while it is read is an error, not a signal. */
int master_read(struct builder *, const char *path, const uint8_t *origin,
    struct sink *, struct master_files *files);

/* The whole way: file to zone that passed the checks, or NULL with reports.  checks NULL: only what no zone may
 * have is looked for.  files may be NULL. */
struct zone *master_load(const char *path, const uint8_t *origin, const struct checks *,
    struct sink *, struct master_files *files);
#endif
