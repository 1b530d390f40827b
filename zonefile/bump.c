#include "zonefile/bump.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zonefile/arena.h"
#include "zonefile/serial.h"

uint32_t
bump_serial(uint32_t serial, enum bump by, time_t now)
{
	uint32_t wanted = serial + 1;
	struct tm tm;

	if (by == BUMP_UNIXTIME)
		wanted = (uint32_t)now;
	/* The operator's day, as BIND's. */
	if (by == BUMP_DATE && localtime_r(&now, &tm) != NULL)
		wanted = ((tm.tm_year + 1900u) * 10000 + (tm.tm_mon + 1u) * 100 + (unsigned)tm.tm_mday) * 100;
	if (!serial_newer(wanted, serial))
		wanted = serial + 1;
	return wanted != 0 ? wanted : 1;
}

static bool
same(const struct master_file *f, const struct stat *st)
{
	return st->st_dev == f->dev && st->st_ino == f->ino && st->st_size == f->size &&
	    st->st_mtim.tv_sec == f->mtime.tv_sec && st->st_mtim.tv_nsec == f->mtime.tv_nsec;
}

/* All of the file, NULL and errno when it is not the one that was read. */
static char *
read_whole(const struct master_file *f)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	size_t have = 0, size = (size_t)f->size;
	struct stat st;
	char *text;
	ssize_t n = 1;

	if (fd < 0)
		return NULL;
	text = xmalloc(size + 1);
	while (have < size && ((n = read(fd, text + have, size - have)) > 0 || (n < 0 && errno == EINTR)))
		have += n > 0 ? (size_t)n : 0;
	if (n < 0 || fstat(fd, &st) < 0 || !same(f, &st) || have < size) {
		if (n >= 0)
			errno = ESTALE;
		free(text);
		text = NULL;
	}
	close(fd);
	return text;
}

static int
write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -1;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* 0 or -errno.  A change by somebody else between the last look and the rename is lost; nothing that
 * a system offers closes that gap. */
static int
replace(const struct master_file *f, const struct master_serial *at, const char *text, const char *digits)
{
	char real[PATH_MAX], tmp[PATH_MAX + 8];
	size_t tail = at->offset + at->len;
	struct stat st;
	int fd, err = 0;

	if (realpath(f->path, real) == NULL)
		return -errno;
	snprintf(tmp, sizeof(tmp), "%s.XXXXXX", real);
	if ((fd = mkstemp(tmp)) < 0)
		return -errno;
	if (stat(real, &st) < 0 || (st.st_uid != geteuid() && fchown(fd, st.st_uid, (gid_t)-1) < 0) ||
	    (st.st_gid != getegid() && fchown(fd, (uid_t)-1, st.st_gid) < 0) || fchmod(fd, st.st_mode & 07777) < 0 ||
	    write_all(fd, text, at->offset) < 0 || write_all(fd, digits, strlen(digits)) < 0 ||
	    write_all(fd, text + tail, (size_t)f->size - tail) < 0 || fsync(fd) < 0 || stat(real, &st) < 0)
		err = -errno;
	else if (!same(f, &st))
		err = -ESTALE;
	else if (rename(tmp, real) < 0)
		err = -errno;
	if (err < 0)
		unlink(tmp);
	close(fd);
	return err;
}

int
bump_write(const struct master_files *files, uint32_t serial, struct sink *sink)
{
	const struct master_serial *at = &files->serial;
	const struct master_file *f;
	struct place place = { .line = at->line };
	char digits[16], *text;
	int err;

	if (at->soas != 1 || at->len == 0) {
		place = (struct place){ .file = files->count > 0 ? files->file[0].path : "-" };
		report_at(sink, ERROR, &place, at->soas > 1 ? "there is more than one SOA record, their serials are left alone" :
		    "there is no serial in digits that could be changed");
		return -ENOTSUP;
	}
	f = &files->file[at->file];
	place.file = f->path;
	snprintf(digits, sizeof(digits), "%" PRIu32, serial);
	if ((text = read_whole(f)) == NULL)
		err = -errno;
	else {
		err = replace(f, at, text, digits);
		free(text);
	}
	if (err < 0)
		report_at(sink, ERROR, &place, "the serial cannot be changed: %s",
		    err == -ESTALE ? "the file was changed meanwhile" : strerror(-err));
	return err;
}
