/* count.h - counts: of the elements of an array, and in sentences. */
#ifndef ZONEFILE_COUNT_H
#define ZONEFILE_COUNT_H

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of the word behind a number. */
#define PLURAL(n) ((n) == 1 ? "" : "s")
#endif
