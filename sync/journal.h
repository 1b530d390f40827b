/* journal.h - versions and deltas of zones, kept in SQLite. */
#ifndef SYNC_JOURNAL_H
#define SYNC_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/delta.h"
#include "zonefile/zone.h"

struct journal;
#endif
