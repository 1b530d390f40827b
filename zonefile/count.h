/* count.h - the elements of an array. */
#ifndef ZONEFILE_COUNT_H
#define ZONEFILE_COUNT_H

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#endif
