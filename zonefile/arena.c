#include "zonefile/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_MAX ((size_t)1 << 20)
/* Of an arena that has grown so large chunks are huge pages: five hundred faults are one, and walks miss fewer
 * translations.  The last one is backed as a whole, which is then little of the total. */
#define HUGE_FROM ((size_t)16 << 20)
#define HUGE_PAGE ((size_t)2 << 20)

static void *
checked(void *p, size_t size)
{
	if (p == NULL) {
		fprintf(stderr, "out of memory: %zu octets are not to be had\n", size);
		abort();
	}
	return p;
}

void *
xmalloc(size_t size)
{
	return checked(malloc(size > 0 ? size : 1), size);
}

void *
xcalloc(size_t count, size_t size)
{
	return checked(calloc(count > 0 ? count : 1, size > 0 ? size : 1), count * size);
}

void *
xrealloc(void *p, size_t size)
{
	return checked(realloc(p, size > 0 ? size : 1), size);
}

char *
xstrdup(const char *s)
{
	return checked(strdup(s), strlen(s) + 1);
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return checked(s, strlen(fmt));
}

void
xhint(void *p, size_t size)
{
	uintptr_t from = ((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);

	if (size >= 2 * HUGE_PAGE)
		madvise((void *)from, ((uintptr_t)p + size - from) & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
}

/* Lies at the start of its memory. */
struct chunk {
	struct chunk *next;
	size_t size;
};

struct arena {
	struct chunk *chunks;
	uint8_t *at, *end;	/* free part of the newest chunk */
	size_t next_size, total;
};

struct arena *
arena_new(size_t first)
{
	struct arena *arena = xcalloc(1, sizeof(*arena));

	arena->next_size = first;
	arena->total = sizeof(*arena);
	return arena;
}

static void
chunk_free(struct chunk *chunk)
{
	if (chunk->size >= CHUNK_MAX)
		munmap(chunk, chunk->size);
	else
		free(chunk);
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	for (struct chunk *c = arena->chunks, *next; c != NULL; c = next) {
		next = c->next;
		chunk_free(c);
	}
	free(arena);
}

void
arena_reset(struct arena *arena)
{
	struct chunk *keep = arena->chunks;

	if (keep == NULL)
		return;
	for (struct chunk *c = keep->next, *next; c != NULL; c = next) {
		next = c->next;
		arena->total -= c->size;
		chunk_free(c);
	}
	keep->next = NULL;
	arena->at = (uint8_t *)(keep + 1);
}

/* Where the system has none or they are not where it wants them, small ones do. */
static void *
map_huge(void)
{
	uint8_t *p = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t front;

	if (p == MAP_FAILED)
		return checked(NULL, HUGE_PAGE);
	front = -(uintptr_t)p & (HUGE_PAGE - 1);
	if (front > 0)
		munmap(p, front);
	munmap(p + front + HUGE_PAGE, HUGE_PAGE - front);
	madvise(p + front, HUGE_PAGE, MADV_HUGEPAGE);
	return p + front;
}

static struct chunk *
chunk_new(size_t size)
{
	struct chunk *chunk;

	if (size == HUGE_PAGE) {
		chunk = map_huge();
	} else if (size >= CHUNK_MAX) {
		/* Above that malloc() may keep freed memory for later. */
		chunk = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (chunk == MAP_FAILED)
			chunk = checked(NULL, size);
	} else {
		chunk = xmalloc(size);
	}
	chunk->size = size;
	return chunk;
}

static void
grow(struct arena *arena, size_t need)
{
	size_t size = arena->next_size;
	struct chunk *chunk;

	if (size < need + sizeof(*chunk))
		size = need + sizeof(*chunk);
	if (arena->total >= HUGE_FROM && size < HUGE_PAGE)
		size = HUGE_PAGE;
	if (size > CHUNK_MAX)
		size = (size + 4095) & ~(size_t)4095;
	chunk = chunk_new(size);
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->at = (uint8_t *)(chunk + 1);
	arena->end = (uint8_t *)chunk + size;
	arena->total += size;
	if (arena->next_size < CHUNK_MAX)
		arena->next_size *= 2;
	if (arena->next_size > CHUNK_MAX)
		arena->next_size = CHUNK_MAX;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	uint8_t *p = (uint8_t *)(((uintptr_t)arena->at + 7) & ~(uintptr_t)7);

	if (arena->at == NULL || p > arena->end || (size_t)(arena->end - p) < size) {
		grow(arena, size + 8);
		p = (uint8_t *)(((uintptr_t)arena->at + 7) & ~(uintptr_t)7);
	}
	arena->at = p + size;
	return p;
}

char *
arena_strdup(struct arena *arena, const char *s)
{
	size_t size = strlen(s) + 1;

	if (arena->at == NULL || (size_t)(arena->end - arena->at) < size)
		grow(arena, size);
	arena->at += size;	/* characters need no alignment */
	return memcpy(arena->at - size, s, size);
}

size_t
arena_size(const struct arena *arena)
{
	return arena->total;
}
