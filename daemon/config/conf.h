/* conf.h - the configuration as one immutable value. */
#ifndef DAEMON_CONFIG_CONF_H
#define DAEMON_CONFIG_CONF_H

#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "zonefile/checks.h"

/* All pointers point into the conf's own memory.  Lists are arrays with a count.  A clause that is not
 * given has its default here, so that nobody else knows defaults. */

/* An address match list, flattened in order; the first element that matches decides, none: no match. */
struct conf_match {
	bool negate;
	enum { MATCH_PREFIX, MATCH_KEY, MATCH_ANY, MATCH_NONE, MATCH_LOCALHOST, MATCH_LOCALNETS, MATCH_LIST } kind;
	uint8_t family;			/* PREFIX: AF_INET or AF_INET6 */
	uint8_t bits;
	uint8_t address[16];
	const char *key;
	const uint8_t *key_wire;	/* lower case */
	const struct conf_match_list *list;	/* LIST: a nested one or a named acl */
};
struct acl_table;
struct conf_match_list {
	const struct conf_match *match;
	size_t count;
	const struct acl_table *table;	/* for acl_allows(); only of those that decide about clients */
	uint16_t port;			/* of allow-transfer: of ours, where it holds; 0: on all */
};

union conf_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct conf_key {
	const char *name;		/* lower case, no final dot */
	uint8_t wire[255];		/* the same in wire form */
	const char *algorithm, *secret;	/* hmac-sha256, with -128 and the like behind it; base64 */
};

/* A server to speak to. */
struct conf_remote {
	union conf_address address;	/* with its port */
	const struct conf_key *key;	/* NULL: unsigned; the one of a server block when none is given here */
};
struct conf_remotes {
	const struct conf_remote *remote;
	size_t count;
};

/* How a zone is asked for and transferred: each zone may say so, 'options' for the rest. */
enum conf_statistics { CONF_STATISTICS_TERSE, CONF_STATISTICS_FULL, CONF_STATISTICS_NONE };
enum conf_notify { CONF_NOTIFY_NO, CONF_NOTIFY_YES, CONF_NOTIFY_EXPLICIT, CONF_NOTIFY_PRIMARY_ONLY };
enum { CONF_IXFR_OF_MASTERS = 1, CONF_IXFR_OF_SLAVES = 2 };
struct conf_rate {
	uint32_t octets, seconds;
};
#define CONF_UNLIMITED UINT64_MAX
struct conf_rules {
	const struct conf_match_list *allow_query;
	const struct conf_match_list *allow_transfer;	/* default none */
	const struct conf_match_list *allow_notify;	/* beside the zone's masters; default none */
	const struct conf_remotes *also_notify;
	uint8_t notify;			/* enum conf_notify */
	bool notify_to_soa;
	uint32_t notify_delay;		/* seconds between NOTIFYs of a zone */
	/* Families differ; sa_family 0: the system chooses. */
	union conf_address notify_source, notify_source_v6, transfer_source, transfer_source_v6;

	uint32_t max_refresh, min_refresh, max_retry, min_retry;	/* seconds */
	uint32_t slave_cycle_interval;	/* seconds, 0: none */
	uint32_t max_time_in, max_idle_in, max_time_out, max_idle_out;	/* of a transfer, seconds */
	struct conf_rate min_rate_in;
	uint64_t max_size_in;		/* octets of a transfer; 0: a part of this machine's memory */
	uint32_t max_records, max_records_per_type, max_types_per_name;	/* 0: no limit */
	bool request_ixfr, provide_ixfr, request_expire;
	uint32_t request_ixfr_max_diffs;	/* 0: no limit */
	bool multi_master;		/* masters may differ: a lower serial is no news */
	uint8_t ixfr_from_differences;	/* CONF_IXFR_OF_... */
	uint64_t max_journal_size;	/* octets; 0: as the journal thinks fit */
	uint64_t max_ixfr_ratio;	/* percent of the zone, above which AXFR is given */
	bool full_style;		/* of files that we write: whole names on each line */
	uint8_t statistics;		/* enum conf_statistics */
	uint8_t checks[CHECKS];		/* enum severity, CHECK_NAMES apart */
	uint8_t check_names[2];		/* of masters, of slaves */
};

/* What holds for one peer, or a network of them, whichever zone it is about. */
enum conf_maybe { CONF_UNSAID, CONF_NO, CONF_YES };
struct conf_server {
	union conf_address address;	/* port 0 */
	uint8_t bits;
	const char *key_name;		/* NULL: none */
	const struct conf_key *key;
	uint8_t bogus, edns, provide_ixfr, request_ixfr, request_expire;	/* enum conf_maybe */
	uint8_t one_answer;		/* enum conf_maybe: transfer-format */
	uint32_t transfers;		/* in at a time; 0: transfers-per-ns */
};

/* A master that may give us zones by its NOTIFY. */
struct conf_autosecondary {
	union conf_address address;	/* with its port, 53 when none is given */
	const struct conf_key *key;	/* NULL: unsigned */
	const char *key_name;
	const char *nameserver;		/* of ours, that the zone must name; NULL: any */
	const char *account;		/* whose the zone is then; NULL: nobody's */
};

struct conf_listen {
	uint16_t port;
	const struct conf_match_list *addresses;	/* prefixes (/32, /128), any, none */
	bool v6;
};

/* Who may use the control socket. */
#define CONF_OURS UINT32_MAX
struct conf_access {
	uint32_t perm;			/* default 0660 */
	uint32_t owner, group;		/* default CONF_OURS: as of all that the process makes */
};

/* Where metrics are to be had over HTTP. */
struct conf_channel {
	union conf_address address;	/* with its port */
	const struct conf_match_list *allow;	/* default localhost */
};

struct conf_mirror {
	const char *name;
	enum { CONF_MIRROR_MYSQL, CONF_MIRROR_SQLITE } type;
	const char *const *hosts; size_t host_count;
	uint16_t port;
	const char *socket, *database, *user, *password_file, *password, *ca_file;
	bool tls_require;
	const char *file;
	bool kind_master;
	const char *owner;		/* default "tandem@" and the host's name */
	bool zones_all;
	bool adopt;
	enum { CONF_KEEP, CONF_DISABLE, CONF_DELETE } on_remove;
	unsigned target_version;	/* 407 */
	bool skip_unmirrorable;
	const char *const *pdns_control; size_t pdns_control_count;
	const char *const *pdns_api; size_t pdns_api_count;
	const char *key_file;
	unsigned connections;
	uint32_t verify_interval;	/* seconds; 0: never */
	bool repair_drift, export_metadata;
	bool supermasters;		/* those of the database may give us zones */
	const char *place_file; uint32_t place_line;
};

struct conf_zone {
	const char *name;		/* printed, no final dot; root "." */
	uint8_t origin[255];		/* wire form, lower case */
	enum conf_role { CONF_MASTER, CONF_SLAVE } type;
	const char *file;		/* absolute, or relative to options.directory; a slave may have none */
	const struct conf_remotes *masters;	/* of a slave; never empty */
	const struct conf_rules *rules;	/* its own, or the conf's */
	bool by_notify;			/* autosecondary has made it */
	/* Which mirrors: those with zones all, unless the zone names its own or none. */
	bool mirror_given;
	const char *const *mirrors; size_t mirror_count;
	const char *place_file; uint32_t place_line;
};

struct conf {
	struct conf_rules rules;	/* of zones that do not say */
	const char *path;		/* the file read */
	/* options */
	const char *directory;		/* default: of the configuration file; relative paths start here */
	const char *pid_file;		/* NULL: none */
	const char *control_socket;	/* default places_control; controls { unix "..."; } */
	struct conf_access control_access;
	const char *journal;		/* default var/journal.sqlite3 */
	unsigned workers;		/* 0: one a core */
	uint16_t port;
	const struct conf_listen *listens; size_t listen_count;
	uint32_t tcp_clients, tcp_idle_timeout_ms, tcp_initial_timeout_ms;
	uint16_t edns_udp_size, max_udp_size;
	const char *version, *server_id, *hostname;	/* CH TXT and NSID; NULL: none */
	bool minimal_responses;
	bool querylog;
	uint32_t notify_rate, startup_notify_rate, serial_query_rate;	/* a second */
	uint32_t transfers_in, transfers_out, transfers_per_ns;	/* at a time */
	bool one_answer;		/* transfer-format: a record a message */
	uint16_t transfer_message_size;	/* octets */
	bool allow_new_zones;		/* by tandemctl and by autosecondary */
	const char *new_zones_directory;	/* default var/zones: what is added at run time, and its files */
	uint32_t autosecondary_remove_after;	/* seconds that all masters of such a zone refuse it; 0: never */
	const struct conf_autosecondary *autosecondaries; size_t autosecondary_count;

	const struct conf_zone *zones; size_t zone_count;
	const struct conf_mirror *mirrors; size_t mirror_count;
	const struct conf_key *keys; size_t key_count;
	const struct conf_server *servers; size_t server_count;
	const struct conf_channel *channels; size_t channel_count;
};

/* Read a file and what it includes.  All errors in one pass into the sink; NULL when there was one.  Also checks what
 * only the whole can tell: zones of one name, mirrors and acls that are named but not there. */
struct conf *conf_read(const char *path, struct sink *);
/* One zone block from a file of its own, which names keys, lists and mirrors of conf: a copy of conf with this zone alone, to
 * be freed before conf is.  NULL when there was an error. */
struct conf *conf_read_zone(const struct conf *, const char *path, struct sink *);
void conf_free(struct conf *);

/* What a zone is to be checked for; a slave for less, as its master has done it. */
struct checks conf_checks(const struct conf_zone *);

/* The server block about this peer, the narrowest one; NULL when there is none. */
const struct conf_server *conf_server_of(const struct conf *, const struct sockaddr *);

bool conf_same_address(const union conf_address *, const union conf_address *);	/* and port */

/* A path of the configuration as the system takes it: relative ones start at directory. */
const char *conf_resolve(char out[PATH_MAX], const struct conf *, const char *path);

/* Can the files of a mirror's secrets be read, and by nobody else?  severity: of one that cannot. */
void conf_check_secrets(const struct conf *, const struct conf_mirror *, enum severity, struct sink *);

/* The effective configuration as text that conf_read() accepts and prints the same; secrets as "?" when hide. */
void conf_print(FILE *, const struct conf *, bool hide);
void conf_print_server(FILE *, const struct conf *, bool hide);	/* all but the zones */
void conf_print_zone(FILE *, const struct conf *, const struct conf_zone *);	/* its block */
#endif
