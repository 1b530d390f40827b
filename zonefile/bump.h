/* bump.h - a newer serial, in the file that a zone was read from. */
#ifndef ZONEFILE_BUMP_H
#define ZONEFILE_BUMP_H

#include <time.h>

#include "zonefile/master.h"

enum bump { BUMP_INCREMENT, BUMP_DATE, BUMP_UNIXTIME };

/* The serial after this one: one more, or YYYYMMDD00 of today, or the seconds since 1970, when that is newer
 * (RFC 1982).  Never 0, which some slaves take for none. */
uint32_t bump_serial(uint32_t serial, enum bump, time_t now);

/* Put it in place of the digits of the old one, in the file of those read that has the SOA; all other octets stay.
 * The file is replaced at once or not at all, with owner and mode; links to it stay.  files are as master_read()
 * left them, and are no longer true afterwards: the file has changed.  0 or -errno, with a report: -ESTALE when the
 * file is not the one that was read, -ENOTSUP when it has no digits that could be changed. */
int bump_write(const struct master_files *, uint32_t serial, struct sink *);
#endif
