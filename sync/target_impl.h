/* target_impl.h - what target.c asks of a database. */
#ifndef SYNC_TARGET_IMPL_H
#define SYNC_TARGET_IMPL_H

#include "sync/pdns_text.h"
#include "sync/target.h"

/* SQL under way.  Values are quoted in the standard's way, '' for ', which is right for SQLite, and for MySQL
 * because its sessions have NO_BACKSLASH_ESCAPES. */
struct text {
	char *s;
	size_t len, size;
};
void text_put(struct text *, const char *, size_t len);
void text_str(struct text *, const char *);
void text_number(struct text *, int64_t);
void text_quote(struct text *, const char *, size_t len);	/* s NULL: NULL */

/* The values of one row, NULL for NULL. */
typedef void sql_row_fn(void *ctx, const char *const *value, const size_t *len);
sql_row_fn sql_count;			/* the only value into an int64_t */

/* All that can fail says why by target_fail(). */
struct target_ops {
	const char *content;		/* the expression that compares content by octets */
	const char *for_update;		/* after a SELECT that is the base of writes */
	const char *for_share;		/* after one whose rows shall stay until the transaction ends */
	enum target_result (*connect)(struct target *);
	void (*disconnect)(struct target *);
	void (*close)(struct target *);	/* frees it */
	const char *sum;		/* a SELECT of the count and the sum of CRC32s of a domain's rows, or NULL */
	enum target_result (*begin)(struct target *);
	enum target_result (*snapshot)(struct target *);	/* begin, to read only */
	enum target_result (*commit)(struct target *);
	void (*rollback)(struct target *);
	enum target_result (*query)(struct target *, const struct text *, sql_row_fn *, void *ctx);
	/* These may wait until flush.  expected: the rows that must match, else TARGET_DRIFTED; -1: any. */
	enum target_result (*post)(struct target *, const struct text *, int64_t expected);
	enum target_result (*insert)(struct target *, int64_t domain, const struct row *);
	enum target_result (*flush)(struct target *);
};

/* The head of a database's own struct. */
struct target {
	const struct target_ops *ops;
	const struct target_conf *conf;
	bool connected, begun;
	int64_t begun_at;		/* steady */
	struct target_counts counts;
	struct text sql;		/* the statement under way */
	struct text states;		/* rows of tandem_state for new domains, inserted together */
	unsigned state_rows;
	struct domain *domain;		/* target_prepare()'s, taken in order */
	size_t domains, domain_at, domain_room;
	char state_name[256];
	char why[512];
};

enum target_result target_fail(struct target *, enum target_result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives up what cannot go on, and returns the result: every way out of target.h's functions. */
enum target_result target_done(struct target *, enum target_result);
/* A statement in t->sql: %s text, %q quoted text or NULL, %n int64_t. */
struct text *target_sql(struct target *, const char *fmt, ...);

/* A domain as it stands in the database. */
#define FORM_MAX 32
struct domain {
	char name[PDNS_NAME_TEXT];
	bool there, state;		/* a row in domains, one in tandem_state */
	bool make, fresh;		/* to be made when it is not there; made in this transaction */
	int64_t id;
	char account[64], type[16], owner[64], digest[ZONE_DIGEST_TEXT + 8], form[FORM_MAX];
	uint32_t serial;
};
enum target_result domain_name(struct target *, const uint8_t *origin, char name[PDNS_NAME_TEXT]);
enum target_result domain_find(struct target *, const uint8_t *origin, struct domain *);	/* to be written */
enum target_result domain_look(struct target *, const uint8_t *origin, struct domain *);
/* Those that are to be made. */
enum target_result domain_make(struct target *, struct domain *, size_t count);
/* May we write this domain?  If it is nobody's, take it. */
enum target_result domain_own(struct target *, struct domain *, bool adopt);
bool domain_ours(const struct target *, const struct domain *);
bool domain_at(const struct target *, const struct domain *, struct zone_digest);
enum target_result domain_set_state(struct target *, const struct domain *, const struct zone *);
enum target_result domain_set_exported(struct target *, const struct domain *, uint64_t);
enum target_result target_post_states(struct target *);	/* those of new domains */
const char *target_kind(const struct target *);		/* for domains.type */

/* PRESIGNED and NSEC3PARAM as they are wanted, and nothing against them. */
enum target_result target_meta_write(struct target *, int64_t domain, const struct rows_meta *want);
enum target_result target_meta_check(struct target *, int64_t domain, const struct rows_meta *want, target_difference_fn *, void *ctx,
    uint64_t *wrong);

/* The rows of a domain: all of a zone into an empty one, those that differ, those that differ from what is there. */
enum target_result target_rows_new(struct target *, int64_t domain,
    const struct zone *, struct sink *);
enum target_result target_rows_diff(struct target *, int64_t domain, const struct zone *from,
    const struct zone *to, const struct delta *, struct sink *);
enum target_result target_rows_compare(struct target *, int64_t domain,
    const struct zone *, struct sink *);
/* What rows_each() or rows_diff() came to; written: what fn came to. */
enum target_result target_rows_result(struct target *, int err, enum target_result written);

#define LEASE_BEAT "UPDATE tandem_lease SET beat = beat + 1 WHERE owner = %q AND part = 'beat' AND token = %q"

/* Inside a transaction: TARGET_OK when the lease is ours, until it ends. */
enum target_result target_lease_hold(struct target *);

enum target_result target_export_rows(struct target *, int64_t domain, const struct target_meta *, size_t count);

struct target *target_sqlite_open(void);
struct target *target_mysql_open(void);
#endif
