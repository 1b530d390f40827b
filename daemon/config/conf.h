/* conf.h - the configuration as one immutable value. */
#ifndef DAEMON_CONFIG_CONF_H
#define DAEMON_CONFIG_CONF_H

#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "zonefile/report.h"

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
	const struct conf_match_list *list;	/* LIST: a nested one or a named acl */
};
struct acl_table;
struct conf_match_list {
	const struct conf_match *match;
	size_t count;
	const struct acl_table *table;	/* for acl_allows(); only of those that decide about clients */
};

struct conf_listen {
	uint16_t port;
	const struct conf_match_list *addresses;	/* prefixes (/32, /128), any, none */
	bool v6;
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
	const char *place_file; uint32_t place_line;
};

struct conf_zone {
	const char *name;		/* printed, no final dot; root "." */
	uint8_t origin[255];		/* wire form, lower case */
	enum { CONF_MASTER } type;
	const char *file;		/* absolute, or relative to options.directory */
	const struct conf_match_list *allow_query;
	/* Which mirrors: those with zones all, unless the zone names its own or none. */
	bool mirror_given;
	const char *const *mirrors; size_t mirror_count;
	const char *place_file; uint32_t place_line;
};

/* For TSIG; only checked and printed so far. */
struct conf_key {
	const char *name, *algorithm, *secret;
};

struct conf {
	const char *path;		/* the file read */
	/* options */
	const char *directory;		/* default: of the configuration file; relative paths start here */
	const char *pid_file;		/* NULL: none */
	const char *control_socket;	/* default var/run/tandemd.sock; controls { unix "..."; } */
	const char *journal;		/* default var/journal.sqlite3 */
	unsigned workers;		/* 0: one a core */
	uint16_t port;
	const struct conf_listen *listens; size_t listen_count;
	const struct conf_match_list *allow_query;
	uint32_t tcp_clients, tcp_idle_timeout_ms, tcp_initial_timeout_ms;
	uint16_t edns_udp_size, max_udp_size;
	const char *version, *server_id, *hostname;	/* CH TXT and NSID; NULL: none */
	bool minimal_responses;

	const struct conf_zone *zones; size_t zone_count;
	const struct conf_mirror *mirrors; size_t mirror_count;
	const struct conf_key *keys; size_t key_count;
};

/* Read a file and what it includes.  All errors in one pass into the sink; NULL when there was one.  Also checks what
 * only the whole can tell: zones of one name, mirrors and acls that are named but not there. */
struct conf *conf_read(const char *path, struct sink *);
void conf_free(struct conf *);

/* A path of the configuration as the system takes it: relative ones start at directory. */
const char *conf_resolve(char out[PATH_MAX], const struct conf *, const char *path);

/* The effective configuration as text that conf_read() accepts and prints the same; secrets as "?" when hide. */
void conf_print(FILE *, const struct conf *, bool hide);
#endif
