/* fuzz.h - what the fuzz targets share: files in memory, and a way to stop. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What must hold, whatever the input is. */
#define MUST(x) ((x) ? (void)0 : fuzz_fail(#x, __LINE__))

static inline void __attribute__((noreturn))
fuzz_fail(const char *what, int line)
{
	fprintf(stderr, "line %d: not so: %s\n", line, what);
	abort();
}

/* A file whose octets have no place on a disk; it is alone in its directory, so that it includes nothing but itself. */
struct fuzz_file {
	int fd;
	char dir[32], path[40];
};

static inline void
fuzz_file(struct fuzz_file *f)
{
	char memory[32];

	MUST((f->fd = memfd_create("fuzz", 0)) >= 0);
	snprintf(memory, sizeof(memory), "/proc/self/fd/%d", f->fd);
	strcpy(f->dir, "/tmp/fuzz.XXXXXX");
	MUST(mkdtemp(f->dir) != NULL);
	snprintf(f->path, sizeof(f->path), "%s/file", f->dir);
	MUST(symlink(memory, f->path) == 0);
}

static inline void
fuzz_fill(struct fuzz_file *f, const void *octets, size_t len)
{
	MUST(ftruncate(f->fd, 0) == 0 && pwrite(f->fd, octets, len, 0) == (ssize_t)len);
}
#endif
