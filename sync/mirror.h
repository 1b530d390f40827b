/* mirror.h - keeps the tables of one PowerDNS database in step with the served zones. */
#ifndef SYNC_MIRROR_H
#define SYNC_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/report.h"
#include "sync/slot.h"
#include "sync/target.h"

/* Which masters the table supermasters of the target has: told when it is first read, and when they change.  Any thread,
 * which must not wait; never after mirror_end() has been called.  The list lives for the call. */
typedef void mirror_masters_fn(void *ctx, const char *name, const struct target_supermaster *, size_t count);

/* What to mirror to; strings live until mirror_start() returns.  Fields that are NULL or 0 are not set. */
struct mirror_conf {
	const char *name;		/* of the mirror clause */
	enum { MIRROR_SQLITE, MIRROR_MYSQL } type;
	const char *file;		/* SQLite */
	const char *const *hosts;	/* MySQL: tried in turn, NULL at the end */
	unsigned port;
	const char *socket;
	const char *database, *user, *password, *password_file;
	bool tls;
	const char *ca_file;
	const char *owner;		/* domains.account */
	bool kind_master;		/* domains.type MASTER instead of NATIVE */
	bool adopt;			/* take over domains that belong to nobody */
	unsigned target_version;	/* of PowerDNS, 407 for 4.7 */
	bool skip_unmirrorable;		/* else such a record holds its zone back */
	enum { MIRROR_KEEP, MIRROR_DISABLE, MIRROR_DELETE } on_remove;
	const char *const *pdns_control;	/* sockets, NULL at the end */
	const char *const *pdns_api;		/* URLs, NULL at the end */
	const char *key_file;		/* of the APIs */
	unsigned connections;		/* to MySQL that write at once; 0: 1 */
	uint32_t verify_interval;	/* seconds in which each zone's rows are compared once; 0: never */
	bool repair_drift;		/* and mended; else told */
	bool paused;			/* until mirror_pause() says otherwise */
	bool export_metadata;		/* mirror_set_meta() and what follows */
	const struct target_key *keys; size_t key_count;
	const struct target_supermaster *supermasters; size_t supermaster_count;
	mirror_masters_fn *masters;	/* NULL: that table is not read */
};

/* A thread for each connection to the database, with a read-only connection to the journal.  It finds by itself where
 * the target is and catches up; while the database is away it tries again, and nothing else waits.  While another
 * instance with the same owner writes there, it stands by, and takes over when that one is gone. */
struct mirror;
struct mirror *mirror_start(const struct mirror_conf *, const char *journal_path,
    report_fn *, void *ctx);
void mirror_end(struct mirror *);	/* any thread: once the transaction under way has ended nothing more is written */
void mirror_stop(struct mirror *);	/* the same, waits for that and frees it, on a thread that may read slots */

/* Any thread; none of these waits for the database. */
/* The slot has a new version, or none any more: then PowerDNS is made to refuse the zone until there is one. */
void mirror_wake(struct mirror *, struct slot *);
void mirror_include(struct mirror *, struct slot *);	/* this zone is to be mirrored */
void mirror_exclude(struct mirror *, const uint8_t *origin);	/* no longer: on_remove decides about its rows */
/* With export_metadata: what PowerDNS is told of an included zone beside its records. */
void mirror_set_meta(struct mirror *, struct slot *, const struct target_meta *, size_t count);
/* All zones have been included: now it begins.  What the target has of our owner beside them is no longer mirrored. */
void mirror_settled(struct mirror *);
void mirror_pause(struct mirror *, bool);
/* At once, what waits to be tried again; soon, a look whether the target is where we left it, which is taken now and then anyway. */
void mirror_look(struct mirror *);
/* Compare all rows, and change those that differ; adopt: also when the domain belongs to nobody.  For mirror_await(). */
uint64_t mirror_compare(struct mirror *, struct slot *, bool adopt);

/* A snapshot. */
enum mirror_zone_state { MIRROR_IN_STEP, MIRROR_BEHIND, MIRROR_HELD };
struct mirror_zone {
	enum mirror_zone_state state;
	bool met;			/* the target was asked for it, since our start */
	bool known;			/* it has it at serial */
	bool disabled;			/* there: PowerDNS refuses it, since it has expired */
	bool standby;			/* another instance writes: how far that is, we do not know */
	uint32_t serial;		/* in the target */
	bool drifted;			/* in step, but somebody else has changed rows */
	bool foreign;			/* HELD, since its domain is not ours */
	char why[512];			/* HELD: the reason */
};
struct mirror_status {
	char name[64];
	bool connected, paused, standby;	/* standby: another instance writes */
	char holder[256];		/* standby: which */
	size_t in_step, behind, held;	/* zones; standby: these are the holder's, so none */
	size_t drifted;			/* in step, but somebody else has changed rows */
	uint64_t rows_a_second;		/* since it last had nothing to do */
	int64_t seconds_left;		/* until all are in step, at that speed; -1: not known */
	uint64_t rows_deleted, rows_inserted, rows_updated, transactions, purges;
	size_t left;			/* domains of ours that no zone has, as last seen */
	char left_names[320];		/* the first few */
	char error[256];		/* the last one, "" when all is well */
	enum { MIRROR_WELL, MIRROR_NO_CONNECTION, MIRROR_DATABASE_FAULT, MIRROR_ZONE_HELD } error_kind;
	size_t purges_waiting;		/* zones that some PowerDNS has not forgotten yet */
	char purge_error[256];		/* why not; "" when all have acknowledged the last time */
};
void mirror_status(struct mirror *, struct mirror_status *);

/* Of those that have a version the ones that are longest behind or held, the longest first: at most room.  Returns how many. */
struct mirror_late {
	struct slot *slot;		/* a reference */
	bool held;
	int64_t since;			/* seconds since 1970 by the clock as it is now */
};
size_t mirror_late(struct mirror *, struct mirror_late *, size_t room);	/* standby: none */
bool mirror_zone_status(struct mirror *, const uint8_t *origin, struct mirror_zone *);	/* false: not mirrored here */

/* Any thread, and these wait for the database, on a connection of their own.  The mirror stays between visit and leave. */
void mirror_visit(struct mirror *);
void mirror_leave(struct mirror *);

/* Waits until what mirror_compare() asked for is done, or cannot be for now. */
struct mirror_compared {
	bool done;
	uint64_t rows;			/* that were changed */
	char why[512];			/* not done */
};
void mirror_await(struct mirror *, const uint8_t *origin, uint64_t ticket, struct mirror_compared *);

/* Are the rows those of the zone?  fn hears of each difference.  Returns 0, or -errno with a sentence when they
 * could not be compared.  Of a zone that is held back since its domain is not ours: what taking it over would change. */
struct mirror_verdict {
	bool ok;
	bool foreign;			/* the domain is not ours */
	uint64_t rows;			/* that the zone has */
	uint64_t missing, extra, wrong;	/* rows; of the domain and its metadata */
	char why[512];
};
typedef void mirror_difference_fn(void *ctx, const char *what, const char *row);
int mirror_verify(struct mirror *, const struct zone *, mirror_difference_fn *, void *ctx,
    struct mirror_verdict *);
/* Domains of ours that no included zone has: on-remove keep or disable left them.  Returns 0, or -errno with a sentence. */
typedef void mirror_left_fn(void *ctx, const char *name, bool disabled);
int mirror_left(struct mirror *, mirror_left_fn *, void *ctx, char *why, size_t size);
/* Deletes one of them, with its *rows; -ENOENT: there is none of ours. */
int mirror_remove(struct mirror *, const char *domain, uint64_t *rows, char *why, size_t size);
/* A zone file from any domain of the database; as import_zone(). */
int mirror_import(struct mirror *, const char *domain, const char *path, struct sink *, char *why, size_t size);
#endif
