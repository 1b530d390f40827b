/* stops.h - of 64 octets of a master file, those that may end a word. */
#ifndef ZONEFILE_STOPS_H
#define ZONEFILE_STOPS_H

#include <stdbool.h>
#include <stdint.h>

#define STOPS 64
/* Bit i: p[i] is up to a blank, or one of "();\  . */
typedef uint64_t stops_fn(const char *p);

/* The ways to find them that this program has, the fastest first; the last runs everywhere. */
struct stops_way {
	const char *name;
	stops_fn *find;
	bool usable;		/* by this processor */
};
extern struct stops_way stops_ways[];
extern const unsigned stops_count;

/* The first of them that is usable, unless a test takes another: the answers are the same. */
extern stops_fn *stops_find;
#endif
