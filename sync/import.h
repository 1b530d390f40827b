/* import.h - a zone file from PowerDNS's rows. */
#ifndef SYNC_IMPORT_H
#define SYNC_IMPORT_H

#include <stddef.h>

#include "sync/target.h"

/* Writes the domain, whoever owns it, to the file at path: all of it or nothing.  Rows that are not records of ours are
 * reported.  Returns 0, or -errno with a sentence in why. */
int import_zone(struct target *, const char *domain, const char *path, struct sink *, char *why, size_t size);
#endif
