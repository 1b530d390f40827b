/* arena.h - memory given out in order and given back at once. */
#ifndef ZONEFILE_ARENA_H
#define ZONEFILE_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* Running out of memory ends the program in one place, with a message: the
 * supervisor's restart and the journal are the tested way back. */
void *xmalloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

/* Of much memory from xmalloc(): all of it will be written, and soon.  Not to be given to xrealloc(). */
void xhint(void *, size_t size);

/* One thread at a time.  Chunks start at first octets and double up to 1 MiB;
 * large ones are mapped, so that giving them back gives them to the system. */
struct arena;
struct arena *arena_new(size_t first);
void arena_free(struct arena *);		/* NULL is fine */
void arena_reset(struct arena *);		/* all that was given out is gone, the newest chunk stays for reuse */

void *arena_alloc(struct arena *, size_t size);	/* aligned to 8, not cleared */
char *arena_strdup(struct arena *, const char *);

size_t arena_size(const struct arena *);	/* octets taken from the system */
#endif
