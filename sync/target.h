/* target.h - a database that PowerDNS reads, and zones written into it. */
#ifndef SYNC_TARGET_H
#define SYNC_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/rows.h"
#include "zonefile/delta.h"
#include "zonefile/report.h"
#include "zonefile/zone.h"

/* What PowerDNS is told beside records. */
struct target_meta {
	const char *kind, *content;	/* of domainmetadata: ALLOW-AXFR-FROM, TSIG-ALLOW-AXFR, ALSO-NOTIFY */
};
struct target_key {
	const char *name, *algorithm, *secret;	/* as in tsigkeys: no final dot, lower case, base64 */
};
struct target_supermaster {
	const char *ip, *nameserver, *account;
};

/* Strings live as long as the target.  Fields that are NULL or 0 are not set. */
struct target_conf {
	enum { TARGET_SQLITE, TARGET_MYSQL } type;
	const char *file;		/* SQLite */
	const char *const *hosts;	/* MySQL: tried in turn, NULL at the end */
	unsigned port;
	const char *socket;
	const char *database, *user;
	const char *password, *password_file;	/* either; the file is read at each connect */
	bool tls;			/* required */
	const char *ca_file;
	const char *owner;		/* domains.account: ASCII, at most 40 */
	bool kind_master;		/* domains.type MASTER instead of NATIVE */
	bool adopt;			/* take over domains that belong to nobody */
	struct rows_style style;
	const struct target_key *keys; size_t key_count;
	const struct target_supermaster *supermasters; size_t supermaster_count;
	const char *instance;		/* who we are, for people; the same when we start again */
	const char *token;		/* of this process alone, at most 32; NULL: no lease is asked for */
};

/* Whatever is not TARGET_OK has rolled the transaction back, and target_why() has a sentence. */
enum target_result {
	TARGET_OK,
	TARGET_AGAIN,		/* a deadlock or the like: the same transaction again, soon */
	TARGET_LOST,		/* no connection: connect again, then ask where the zones are; a COMMIT may have worked */
	TARGET_DRIFTED,		/* the rows are not those that the delta starts from: target_compare() */
	TARGET_STANDBY,		/* another instance has the lease; only its holder writes */
	TARGET_HELD,		/* this zone cannot be written until something changes */
	TARGET_FOREIGN,		/* the same, since its domain is not ours */
	TARGET_BROKEN,		/* no zone can be written until something changes; not connected */
};

/* One thread at a time.  Opening does not connect. */
struct target;
struct target *target_open(const struct target_conf *);
void target_close(struct target *);		/* NULL is fine */
const char *target_why(const struct target *);

/* Connect, and make what is missing: tandem_state and tandem_lease; for SQLite PowerDNS's tables too.  Does nothing when
 * connected. */
enum target_result target_connect(struct target *);
void target_disconnect(struct target *);

/* Of several instances with one owner only the holder of its lease writes.  Each transaction makes sure of that in the
 * database and keeps the lease from changing hands until it ends, so there are never two, whatever the clocks say. */
struct target_lease {
	bool ours;
	char token[40], holder[256];	/* "": nobody's */
	int64_t beat;			/* moves while the holder lives */
};
enum target_result target_lease_read(struct target *, struct target_lease *);
/* It becomes ours, if it still is as it was seen; else TARGET_STANDBY. */
enum target_result target_lease_take(struct target *, const struct target_lease *seen);
enum target_result target_lease_beat(struct target *);
void target_lease_release(struct target *);	/* if it is ours */

/* Where the zones of our owner are: where they were brought, whatever became of their domains since. */
struct target_state {
	const char *name;		/* as in domains.name: lower case, no final dot, the root is "." */
	uint32_t serial;
	struct zone_digest digest;	/* all 0: not in step with any version, or written in another style */
	bool disabled;			/* taken out by target_disable() */
	int64_t changed_at;		/* seconds, by the clock of who wrote it */
	uint64_t exported;		/* the hash of what target_export() last wrote; 0: nothing */
};
typedef void target_state_fn(void *ctx, const struct target_state *);
enum target_result target_states(struct target *, target_state_fn *, void *ctx);
/* Of one zone.  *known is false when it is not there or belongs to another owner; name lives until the next call. */
enum target_result target_state(struct target *, const uint8_t *origin,
    struct target_state *, bool *known);
/* States whose domain is gone, or is not ours any more, go too, so that those zones are not there; *gone says how many. */
enum target_result target_sweep(struct target *, size_t *gone);

/* Between begin and commit any number of zones, each once.  Another thread's readers see all or nothing. */
enum target_result target_begin(struct target *);
enum target_result target_commit(struct target *);
void target_rollback(struct target *);

/* Finds the domains of a group at once, and makes those that are to be compared and are not there.  Not needed, but a round
 * trip is saved for each of them when they are then written in this order. */
struct target_intent {
	const uint8_t *origin;
	bool create;
};
enum target_result target_prepare(struct target *, const struct target_intent *, size_t count);

/* What changed since target_begin(). */
struct target_counts {
	uint64_t deleted, inserted, updated;	/* rows of records */
	uint64_t domains_created, domains_deleted;
	uint64_t meta;			/* rows of domainmetadata, by target_export() */
};
const struct target_counts *target_counts(const struct target *);

/* The delta's rows, when the database is at its beginning (serial and digest); else TARGET_DRIFTED.  from and to are
 * the versions at both ends.  Records that cannot be mirrored are reported; when they hold the zone
 * back: TARGET_HELD. */
enum target_result target_update(struct target *, const struct zone *from,
    const struct zone *to, const struct delta *, struct sink *);

/* Compare all rows with the zone and change those that differ; makes the domain when there is none.  adopt, or the conf's: a domain
 * that belongs to nobody becomes ours; else TARGET_FOREIGN. */
enum target_result target_compare(struct target *, const struct zone *,
    bool adopt, struct sink *);

/* The zone is no longer mirrored: its SOA is disabled so that PowerDNS refuses it, or all of it is deleted.  Only when it is
 * ours; else nothing happens. */
enum target_result target_disable(struct target *, const uint8_t *origin);
enum target_result target_delete(struct target *, const uint8_t *origin);

/* The rows of these three kinds, of a domain that is ours, become exactly those given; what their export_hash() was is kept
 * in its state. */
enum target_result target_export(struct target *, const uint8_t *origin, const struct target_meta *, size_t count);
uint64_t export_hash(const struct target_meta *, size_t count);		/* never 0 */
/* Keys and supermasters of the configuration, in a transaction; no other is touched. */
enum target_result target_export_all(struct target *);

/* The masters in the table supermasters, whose new zones PowerDNS takes.  TARGET_HELD: we may not see them, or there is no
 * such table; all else goes on. */
typedef void target_supermaster_fn(void *ctx, const struct target_supermaster *);
enum target_result target_supermasters(struct target *, target_supermaster_fn *, void *ctx);

/* Compare without changing anything, in one snapshot: by a sum in the database where it can, then row by row.  fn hears
 * of each difference, the row as text. */
struct target_verdict {
	bool known;			/* it is there and ours */
	bool behind;			/* at another version than the zone: not compared */
	uint32_t serial;
	uint64_t rows;			/* that the zone has */
	uint64_t missing, extra, wrong;	/* rows; of the domain and its metadata */
};
typedef void target_difference_fn(void *ctx, const char *what, const char *row);
/* any: whoever's it is, as it will be compared when it is taken over; then known is whether it is there. */
enum target_result target_verify(struct target *, const struct zone *, bool any, target_difference_fn *,
    void *ctx, struct target_verdict *);

/* The records of any domain, whoever's, as PowerDNS has them; disabled ones are left out. */
struct target_record {
	const char *name, *type, *content;	/* NULL: NULL */
	const char *ttl, *prio;
};
typedef void target_record_fn(void *ctx, const struct target_record *);
enum target_result target_records(struct target *, const char *name, target_record_fn *, void *ctx,
    bool *known, bool *presigned);
#endif
