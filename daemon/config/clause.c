#include "daemon/config/clause.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/channel.h"
#include "daemon/config/control_socket.h"
#include "daemon/config/key.h"
#include "daemon/config/number.h"
#include "daemon/config/places.h"
#include "daemon/config/remote.h"
#include "daemon/config/value.h"

#define AT(type, name) .field = offsetof(struct type, name), .size = sizeof(((struct type *)NULL)->name)
#define OF_ZONE(name) .field = offsetof(struct zone_draft, zone.name), \
	.size = sizeof(((struct zone_draft *)NULL)->zone.name)
#define EVERYWHERE (IN_OPTIONS | IN_ZONE)
/* Rules come first in what options and what zones are read into. */
#define RULE(name) .field = offsetof(struct conf_rules, name), \
	.size = sizeof(((struct conf_rules *)NULL)->name)
#define NOWHERE .size = 0

/* Lists are kept as an array and a count behind it. */
_Static_assert(offsetof(struct conf_mirror, host_count) == offsetof(struct conf_mirror, hosts) +
    offsetof(struct strings, count), "hosts is a struct strings");
_Static_assert(offsetof(struct conf_mirror, pdns_control_count) == offsetof(struct conf_mirror, pdns_control) +
    offsetof(struct strings, count), "pdns_control is a struct strings");
_Static_assert(offsetof(struct conf_mirror, pdns_api_count) == offsetof(struct conf_mirror, pdns_api) +
    offsetof(struct strings, count), "pdns_api is a struct strings");

_Static_assert(offsetof(struct conf, rules) == 0 && offsetof(struct zone_draft, rules) == 0,
    "a row of rules fits both");

static const struct conf_match any[] = { { .kind = MATCH_ANY } }, none[] = { { .kind = MATCH_NONE } };
static const struct conf_match_list everybody = { any, 1, NULL, 0 }, nobody = { none, 1, NULL, 0 };
static const struct conf_remotes no_remotes;

/* BIND's, but for tcp-clients: its 150 are soon held by a few idle clients, and ixfr-from-differences, without
 * which slaves of an edited file take all of the zone. */
const struct conf conf_defaults = {
	.rules = {
		.allow_query = &everybody,
		.allow_transfer = &nobody,
		.allow_notify = &nobody,
		.also_notify = &no_remotes,
		.notify = CONF_NOTIFY_YES,
		.notify_delay = 5,
		.max_refresh = 2419200, .min_refresh = 300,
		.max_retry = 1209600, .min_retry = 500,
		.max_time_in = 7200, .max_idle_in = 3600, .max_time_out = 7200, .max_idle_out = 3600,
		.min_rate_in = { 10240, 300 },
		.request_ixfr = true, .provide_ixfr = true, .request_expire = true,
		.ixfr_from_differences = CONF_IXFR_OF_MASTERS | CONF_IXFR_OF_SLAVES,
		.max_ixfr_ratio = 100,
	},
	.notify_rate = 20, .startup_notify_rate = 20, .serial_query_rate = 20,
	.transfers_in = 10, .transfers_out = 10, .transfers_per_ns = 2,
	.transfer_message_size = 16383,	/* what compression pointers reach */
	.allow_new_zones = true,
	.new_zones_directory = "var/zones",
	.control_socket = places_control,
	.control_access = { 0660, CONF_OURS, CONF_OURS },
	.journal = "var/journal.sqlite3",
	.port = 53,
	.tcp_clients = 1000,
	.tcp_idle_timeout_ms = 30000,
	.tcp_initial_timeout_ms = 30000,
	.edns_udp_size = 1232,
	.max_udp_size = 1232,
	.version = "Tandem " TANDEM_VERSION,
	.minimal_responses = true,	/* as NSD and Knot; a smaller answer serves resolvers as well */
};
const struct conf_mirror conf_mirror_defaults = {
	.zones_all = true,
	.target_version = 407,
	.connections = 2,
	.supermasters = true,
};

static const struct word findings[] = { { "fail", ERROR }, { "warn", WARNING }, { "ignore", NOTE }, { NULL, 0 } };
static const struct word looks[] = {
	{ "yes", WARNING }, { "no", NOTE }, { "true", WARNING }, { "false", NOTE }, { NULL, 0 },
};
static const struct word must[] = {
	{ "yes", ERROR }, { "no", NOTE }, { "true", ERROR }, { "false", NOTE }, { NULL, 0 },
};
static const struct word yes_no[] = {
	{ "yes", true }, { "no", false }, { NULL, 0 },
};
/* BIND's no-auth-recursive differs for questions with RD only on a server that recurses. */
static const struct word minimal[] = {
	{ "yes", true }, { "no", false }, { "no-auth-recursive", false }, { "no-auth", true }, { NULL, 0 },
};
static const struct word notifies[] = {
	{ "yes", CONF_NOTIFY_YES }, { "no", CONF_NOTIFY_NO }, { "explicit", CONF_NOTIFY_EXPLICIT },
	{ "primary-only", CONF_NOTIFY_PRIMARY_ONLY }, { "master-only", CONF_NOTIFY_PRIMARY_ONLY }, { NULL, 0 },
};
static const struct word differences[] = {
	{ "yes", CONF_IXFR_OF_MASTERS | CONF_IXFR_OF_SLAVES }, { "no", 0 },
	{ "primary", CONF_IXFR_OF_MASTERS }, { "master", CONF_IXFR_OF_MASTERS },
	{ "secondary", CONF_IXFR_OF_SLAVES }, { "slave", CONF_IXFR_OF_SLAVES }, { NULL, 0 },
};
static const struct word styles[] = { { "relative", false }, { "full", true }, { NULL, 0 } };
static const struct word formats[] = { { "many-answers", false }, { "one-answer", true }, { NULL, 0 } };
static const struct word maybe_formats[] = { { "many-answers", CONF_NO }, { "one-answer", CONF_YES }, { NULL, 0 } };
static const struct word maybe[] = { { "yes", CONF_YES }, { "no", CONF_NO }, { NULL, 0 } };
static const struct word mirror_types[] = {
	{ "mysql", CONF_MIRROR_MYSQL }, { "sqlite", CONF_MIRROR_SQLITE }, { NULL, 0 },
};
/* BIND counts the questions of each zone with full; here a zone has the same metrics with either. */
static const struct word statistics[] = {
	{ "full", CONF_STATISTICS_FULL }, { "terse", CONF_STATISTICS_TERSE }, { "none", CONF_STATISTICS_NONE },
	{ "yes", CONF_STATISTICS_FULL }, { "no", CONF_STATISTICS_TERSE }, { NULL, 0 },
};
static const struct word tls[] = { { "require", true }, { "no", false }, { NULL, 0 } };
static const struct word kinds[] = { { "native", false }, { "master", true }, { NULL, 0 } };
static const struct word all_none[] = { { "all", true }, { "none", false }, { NULL, 0 } };
static const struct word removals[] = {
	{ "keep", CONF_KEEP }, { "disable", CONF_DISABLE }, { "delete", CONF_DELETE }, { NULL, 0 },
};
static const struct word drift[] = { { "report", false }, { "repair", true }, { NULL, 0 } };
static const struct word fail_skip[] = { { "fail", false }, { "skip", true }, { NULL, 0 } };

/* Why a clause is not acted on, one sentence for each kind. */
#define RESOLVER "Tandem does not resolve"
#define SIDE_FILE "Tandem does not write this file"
#define LATER "this version does not have it"
#define SIGNING "Tandem does not sign; the zone would be served unsigned"
#define UPDATES "dynamic updates are not implemented; keep the zone on a server that has them"
#define UNSIGNED "Tandem does not sign"
#define OBSOLETE "it is obsolete"

#define ROW(word, blocks) word, blocks, parse_foreign, NULL, .repeats = true
#define IGNORE(word, blocks, reason) { ROW(word, blocks), .severity = WARNING, .why = reason }
#define IGNORE_BUT(word, blocks, values, reason) \
	{ ROW(word, blocks), .severity = WARNING, .silent = values, .why = reason }
#define REFUSE(word, blocks, reason) { ROW(word, blocks), .severity = ERROR, .why = reason }
#define REFUSE_BUT(word, blocks, values, reason) \
	{ ROW(word, blocks), .severity = ERROR, .silent = values, .why = reason }
#define NO "no|false|0"
#define YES "yes|true|1"

/* A row a clause and place.  Printing goes by this order too. */
static const struct clause clauses[] = {
	{ "type", IN_ZONE, parse_zone_type, print_zone_type, OF_ZONE(type) },
	{ "file", IN_ZONE, parse_string, print_string, OF_ZONE(file) },
	{ "masters", IN_ZONE, parse_remotes, print_remotes, OF_ZONE(masters) },
	{ "primaries", IN_ZONE, parse_remotes, NULL, OF_ZONE(masters) },
	{ "by-notify", IN_ZONE, parse_word, print_yes, OF_ZONE(by_notify), .words = yes_no },
	{ "mirror", IN_ZONE, parse_zone_mirror, print_zone_mirrors, OF_ZONE(mirrors), .repeats = true },

	{ "zone", IN_TOP | IN_ADDED, parse_zone, NULL, NOWHERE, .repeats = true },
	{ "include", IN_TOP | IN_OPTIONS | IN_ZONE | IN_MIRROR | IN_KEY | IN_CONTROLS | IN_SERVER | IN_CHANNELS, parse_include, NULL,
	    NOWHERE, .repeats = true },
	{ "options", IN_TOP, parse_options, NULL, NOWHERE },
	{ "acl", IN_TOP, parse_acl, NULL, NOWHERE, .repeats = true },
	{ "key", IN_TOP, parse_key, NULL, NOWHERE, .repeats = true },
	{ "controls", IN_TOP, parse_controls, NULL, NOWHERE },
	{ "statistics-channels", IN_TOP, parse_channels, NULL, NOWHERE, .repeats = true },
	{ "server", IN_TOP, parse_server, NULL, NOWHERE, .repeats = true },
	{ "masters", IN_TOP, parse_named_masters, NULL, NOWHERE, .repeats = true },
	{ "primaries", IN_TOP, parse_named_masters, NULL, NOWHERE, .repeats = true },
	{ "remote-servers", IN_TOP, parse_named_masters, NULL, NOWHERE, .repeats = true },
	{ "mirror", IN_TOP, parse_mirror, NULL, NOWHERE, .repeats = true },

	{ "directory", IN_OPTIONS, parse_directory, print_string, AT(conf, directory) },
	{ "pid-file", IN_OPTIONS, parse_string, print_string, AT(conf, pid_file), .none = true },
	{ "journal", IN_OPTIONS, parse_string, print_string, AT(conf, journal) },
	{ "workers", IN_OPTIONS, parse_workers, print_workers, AT(conf, workers), .min = 1, .max = 256 },
	{ "port", IN_OPTIONS, parse_number, print_number, AT(conf, port), .min = 1, .max = 65535 },
	{ "listen-on", IN_OPTIONS, parse_listen, print_listens, AT(conf, listens), .repeats = true },
	{ "listen-on-v6", IN_OPTIONS, parse_listen, print_listens, AT(conf, listens), .repeats = true },
	{ "tcp-clients", IN_OPTIONS, parse_number, print_number, AT(conf, tcp_clients), .min = 1, .max = 1000000 },
	{ "tcp-idle-timeout", IN_OPTIONS, parse_number, print_number, AT(conf, tcp_idle_timeout_ms),
	    .min = 1, .max = 1200, .scale = 100 },
	{ "tcp-initial-timeout", IN_OPTIONS, parse_number, print_number, AT(conf, tcp_initial_timeout_ms),
	    .min = 25, .max = 1200, .scale = 100 },
	{ "edns-udp-size", IN_OPTIONS, parse_number, print_number, AT(conf, edns_udp_size), .min = 512, .max = 4096 },
	{ "max-udp-size", IN_OPTIONS, parse_number, print_number, AT(conf, max_udp_size), .min = 512, .max = 4096 },
	{ "version", IN_OPTIONS, parse_string, print_string, AT(conf, version), .none = true },
	{ "hostname", IN_OPTIONS, parse_string, print_string, AT(conf, hostname), .none = true },
	{ "server-id", IN_OPTIONS, parse_hostname, print_string, AT(conf, server_id), .none = true },
	{ "minimal-responses", IN_OPTIONS, parse_word, print_word, AT(conf, minimal_responses), .words = minimal },

	{ "notify-rate", IN_OPTIONS, parse_number, print_number, AT(conf, notify_rate), .min = 1, .max = 1000000 },
	{ "startup-notify-rate", IN_OPTIONS, parse_number, print_number, AT(conf, startup_notify_rate),
	    .min = 1, .max = 1000000 },
	{ "serial-query-rate", IN_OPTIONS, parse_number, print_number, AT(conf, serial_query_rate),
	    .min = 1, .max = 1000000 },
	{ "transfers-in", IN_OPTIONS, parse_number, print_number, AT(conf, transfers_in), .min = 1, .max = 100000 },
	{ "transfers-out", IN_OPTIONS, parse_number, print_number, AT(conf, transfers_out), .min = 1, .max = 100000 },
	{ "transfers-per-ns", IN_OPTIONS, parse_number, print_number, AT(conf, transfers_per_ns),
	    .min = 1, .max = 100000 },
	{ "transfer-format", IN_OPTIONS, parse_word, print_word, AT(conf, one_answer), .words = formats },
	{ "transfer-message-size", IN_OPTIONS, parse_number, print_number, AT(conf, transfer_message_size),
	    .min = 512, .max = 65535 },
	{ "querylog", IN_OPTIONS, parse_word, print_word, AT(conf, querylog), .words = yes_no },
	{ "allow-new-zones", IN_OPTIONS, parse_word, print_word, AT(conf, allow_new_zones), .words = yes_no },
	{ "new-zones-directory", IN_OPTIONS, parse_string, print_string, AT(conf, new_zones_directory) },
	{ "autosecondary", IN_OPTIONS, parse_autosecondary, print_autosecondaries, AT(conf, autosecondaries),
	    .repeats = true },
	{ "autosecondary-remove-after", IN_OPTIONS, parse_number, print_number, AT(conf, autosecondary_remove_after),
	    .max = 315360000 },

	/* Of the server and of each zone. */
	{ "allow-query", EVERYWHERE, parse_match_list, print_match_list, RULE(allow_query) },
	{ "allow-transfer", EVERYWHERE, parse_allow_transfer, print_match_list, RULE(allow_transfer) },
	{ "allow-notify", EVERYWHERE, parse_match_list, print_match_list, RULE(allow_notify) },
	{ "also-notify", EVERYWHERE, parse_remotes, print_remotes, RULE(also_notify) },
	{ "notify", EVERYWHERE, parse_word, print_word, RULE(notify), .words = notifies },
	{ "notify-to-soa", EVERYWHERE, parse_word, print_word, RULE(notify_to_soa), .words = yes_no },
	{ "notify-delay", EVERYWHERE, parse_number, print_number, RULE(notify_delay), .max = 86400 },
	{ "notify-source", EVERYWHERE, parse_source, print_source, RULE(notify_source) },
	{ "notify-source-v6", EVERYWHERE, parse_source, print_source, RULE(notify_source_v6) },
	{ "transfer-source", EVERYWHERE, parse_source, print_source, RULE(transfer_source) },
	{ "transfer-source-v6", EVERYWHERE, parse_source, print_source, RULE(transfer_source_v6) },
	{ "max-refresh-time", EVERYWHERE, parse_number, print_number, RULE(max_refresh), .min = 1, .max = 2419200 },
	{ "min-refresh-time", EVERYWHERE, parse_number, print_number, RULE(min_refresh), .min = 1, .max = 2419200 },
	{ "max-retry-time", EVERYWHERE, parse_number, print_number, RULE(max_retry), .min = 1, .max = 2419200 },
	{ "min-retry-time", EVERYWHERE, parse_number, print_number, RULE(min_retry), .min = 1, .max = 2419200 },
	{ "slave-cycle-interval", EVERYWHERE, parse_number, print_number, RULE(slave_cycle_interval),
	    .max = 2419200 },
	{ "max-transfer-time-in", EVERYWHERE, parse_number, print_number, RULE(max_time_in),
	    .min = 1, .max = 40320, .scale = 60 },
	{ "max-transfer-idle-in", EVERYWHERE, parse_number, print_number, RULE(max_idle_in),
	    .min = 1, .max = 40320, .scale = 60 },
	{ "max-transfer-time-out", EVERYWHERE, parse_number, print_number, RULE(max_time_out),
	    .min = 1, .max = 40320, .scale = 60 },
	{ "max-transfer-idle-out", EVERYWHERE, parse_number, print_number, RULE(max_idle_out),
	    .min = 1, .max = 40320, .scale = 60 },
	{ "min-transfer-rate-in", EVERYWHERE, parse_rate, print_rate, RULE(min_rate_in), .max = UINT32_MAX },
	{ "max-records", EVERYWHERE, parse_number, print_number, RULE(max_records), .max = UINT32_MAX },
	{ "max-records-per-type", EVERYWHERE, parse_number, print_number, RULE(max_records_per_type),
	    .max = UINT32_MAX },
	{ "max-types-per-name", EVERYWHERE, parse_number, print_number, RULE(max_types_per_name), .max = UINT32_MAX },
	{ "request-ixfr", EVERYWHERE, parse_word, print_word, RULE(request_ixfr), .words = yes_no },
	{ "provide-ixfr", EVERYWHERE, parse_word, print_word, RULE(provide_ixfr), .words = yes_no },
	{ "request-expire", EVERYWHERE, parse_word, print_word, RULE(request_expire), .words = yes_no },
	{ "request-ixfr-max-diffs", EVERYWHERE, parse_number, print_number, RULE(request_ixfr_max_diffs),
	    .max = UINT32_MAX },
	{ "multi-master", EVERYWHERE, parse_word, print_word, RULE(multi_master), .words = yes_no },
	{ "ixfr-from-differences", EVERYWHERE, parse_word, print_word, RULE(ixfr_from_differences),
	    .words = differences },
	{ "max-transfer-size-in", EVERYWHERE, parse_size, print_size, RULE(max_size_in), .min = 1 },
	{ "max-journal-size", EVERYWHERE, parse_size, print_size, RULE(max_journal_size) },
	{ "max-ixfr-ratio", EVERYWHERE, parse_percent, print_percent, RULE(max_ixfr_ratio), .min = 1, .max = 100000 },
	{ "zone-statistics", EVERYWHERE, parse_word, print_word, RULE(statistics), .words = statistics },
	{ "check-names", EVERYWHERE, parse_check_names, print_check_names, RULE(check_names), .words = findings, .repeats = true },
	{ "check-dup-records", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_DUP_RECORDS]), .words = findings },
	{ "check-integrity", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_INTEGRITY]), .words = looks },
	{ "check-sibling", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_SIBLING]), .words = looks },
	{ "check-mx", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_MX]), .words = findings },
	{ "check-mx-cname", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_MX_CNAME]), .words = findings },
	{ "check-srv-cname", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_SRV_CNAME]), .words = findings },
	{ "check-wildcard", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_WILDCARD]), .words = looks },
	{ "check-spf", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_SPF]), .words = findings },
	{ "check-svcb", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_SVCB]), .words = must },
	{ "check-dnssec", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_DNSSEC]), .words = findings },
	{ "check-zonemd", EVERYWHERE, parse_word, print_word, RULE(checks[CHECK_ZONEMD]), .words = findings },
	{ "masterfile-style", EVERYWHERE, parse_word, print_word, RULE(full_style), .words = styles },

	{ "keys", IN_SERVER, parse_server_key, print_server_key, AT(conf_server, key_name) },
	{ "bogus", IN_SERVER, parse_word, print_maybe, AT(conf_server, bogus), .words = maybe },
	{ "edns", IN_SERVER, parse_word, print_maybe, AT(conf_server, edns), .words = maybe },
	{ "provide-ixfr", IN_SERVER, parse_word, print_maybe, AT(conf_server, provide_ixfr), .words = maybe },
	{ "request-ixfr", IN_SERVER, parse_word, print_maybe, AT(conf_server, request_ixfr), .words = maybe },
	{ "request-expire", IN_SERVER, parse_word, print_maybe, AT(conf_server, request_expire), .words = maybe },
	{ "transfer-format", IN_SERVER, parse_word, print_maybe, AT(conf_server, one_answer), .words = maybe_formats },
	{ "transfers", IN_SERVER, parse_number, print_number, AT(conf_server, transfers), .min = 1, .max = 100000 },
	IGNORE("edns-udp-size", IN_SERVER, LATER),
	IGNORE("edns-version", IN_SERVER, LATER),
	IGNORE("max-udp-size", IN_SERVER, LATER),
	IGNORE("notify-source", IN_SERVER, "write it into 'options' or zones"),
	IGNORE("notify-source-v6", IN_SERVER, "write it into 'options' or zones"),
	IGNORE("transfer-source", IN_SERVER, "write it into 'options' or zones"),
	IGNORE("transfer-source-v6", IN_SERVER, "write it into 'options' or zones"),
	IGNORE("query-source", IN_SERVER, RESOLVER),
	IGNORE("query-source-v6", IN_SERVER, RESOLVER),
	IGNORE("padding", IN_SERVER, RESOLVER),
	IGNORE("request-nsid", IN_SERVER, RESOLVER),
	IGNORE("request-ixfr-max-diffs", IN_SERVER, "write it into 'options' or zones"),
	IGNORE("require-cookie", IN_SERVER, RESOLVER),
	IGNORE("send-cookie", IN_SERVER, RESOLVER),
	IGNORE("tcp-keepalive", IN_SERVER, RESOLVER),
	IGNORE("tcp-only", IN_SERVER, RESOLVER),

	{ "unix", IN_CONTROLS, parse_unix, print_unix, AT(conf, control_socket) },
	IGNORE("inet", IN_CONTROLS, "tandemctl speaks to a unix socket; write unix \"...\""),

	{ "inet", IN_CHANNELS, parse_channel, print_channels, AT(conf, channels), .repeats = true },

	{ "algorithm", IN_KEY, parse_algorithm, print_string, AT(conf_key, algorithm) },
	{ "secret", IN_KEY, parse_secret, print_string, AT(conf_key, secret), .secret = true },

	{ "type", IN_MIRROR, parse_word, print_word, AT(conf_mirror, type), .words = mirror_types },
	{ "file", IN_MIRROR, parse_string, print_string, AT(conf_mirror, file), .sqlite = true },
	{ "host", IN_MIRROR, parse_hosts, print_hosts, AT(conf_mirror, hosts), .mysql = true },
	{ "socket", IN_MIRROR, parse_string, print_string, AT(conf_mirror, socket), .mysql = true },
	{ "database", IN_MIRROR, parse_string, print_string, AT(conf_mirror, database), .mysql = true },
	{ "user", IN_MIRROR, parse_string, print_string, AT(conf_mirror, user), .mysql = true },
	{ "password", IN_MIRROR, parse_string, print_string, AT(conf_mirror, password), .mysql = true, .secret = true },
	{ "password-file", IN_MIRROR, parse_string, print_string, AT(conf_mirror, password_file), .mysql = true },
	{ "tls", IN_MIRROR, parse_word, print_word, AT(conf_mirror, tls_require), .words = tls, .mysql = true },
	{ "ca-file", IN_MIRROR, parse_string, print_string, AT(conf_mirror, ca_file), .mysql = true },
	{ "connections", IN_MIRROR, parse_number, print_number, AT(conf_mirror, connections), .min = 1, .max = 32, .mysql = true },
	{ "kind", IN_MIRROR, parse_word, print_word, AT(conf_mirror, kind_master), .words = kinds },
	{ "owner", IN_MIRROR, parse_string, print_string, AT(conf_mirror, owner) },
	{ "zones", IN_MIRROR, parse_word, print_word, AT(conf_mirror, zones_all), .words = all_none },
	{ "adopt", IN_MIRROR, parse_word, print_word, AT(conf_mirror, adopt), .words = yes_no },
	{ "on-remove", IN_MIRROR, parse_word, print_word, AT(conf_mirror, on_remove), .words = removals },
	{ "target-version", IN_MIRROR, parse_version_number, print_version_number, AT(conf_mirror, target_version),
	    .min = 403 },
	{ "unmirrorable", IN_MIRROR, parse_word, print_word, AT(conf_mirror, skip_unmirrorable), .words = fail_skip },
	{ "on-drift", IN_MIRROR, parse_word, print_word, AT(conf_mirror, repair_drift), .words = drift },
	{ "export-metadata", IN_MIRROR, parse_word, print_word, AT(conf_mirror, export_metadata), .words = yes_no },
	{ "supermasters", IN_MIRROR, parse_word, print_word, AT(conf_mirror, supermasters), .words = yes_no },
	{ "verify-interval", IN_MIRROR, parse_number, print_number, AT(conf_mirror, verify_interval), .min = 1, .max = 31536000 },
	{ "pdns-control", IN_MIRROR, parse_strings, print_strings, AT(conf_mirror, pdns_control), .repeats = true },
	{ "pdns-api", IN_MIRROR, parse_api, print_api, AT(conf_mirror, pdns_api), .repeats = true },

	/* What only tunes resolving or writes files on the side is read and has no effect. */
	IGNORE_BUT("recursion", IN_OPTIONS, NO, RESOLVER),
	IGNORE("dnssec-validation", IN_OPTIONS, RESOLVER),
	IGNORE("allow-recursion", IN_OPTIONS, RESOLVER),
	IGNORE("allow-recursion-on", IN_OPTIONS, RESOLVER),
	IGNORE("allow-query-cache", IN_OPTIONS, RESOLVER),
	IGNORE("allow-query-cache-on", IN_OPTIONS, RESOLVER),
	IGNORE("forward", EVERYWHERE, RESOLVER),
	IGNORE("forwarders", EVERYWHERE, RESOLVER),
	IGNORE("trust-anchors", IN_TOP, RESOLVER),
	IGNORE("trusted-keys", IN_TOP, RESOLVER),
	IGNORE("managed-keys", IN_TOP, RESOLVER),
	IGNORE("managed-keys-directory", IN_OPTIONS, RESOLVER),
	IGNORE("bindkeys-file", IN_OPTIONS, RESOLVER),
	IGNORE("root-key-sentinel", IN_OPTIONS, RESOLVER),
	IGNORE("trust-anchor-telemetry", IN_OPTIONS, RESOLVER),
	IGNORE("validate-except", IN_OPTIONS, RESOLVER),
	IGNORE("auth-nxdomain", IN_OPTIONS, "answers have AA only where Tandem is authoritative"),
	IGNORE("empty-zones-enable", IN_OPTIONS, "only configured zones are served"),
	IGNORE("empty-server", IN_OPTIONS, "only configured zones are served"),
	IGNORE("empty-contact", IN_OPTIONS, "only configured zones are served"),
	IGNORE("disable-empty-zone", IN_OPTIONS, "only configured zones are served"),
	IGNORE("prefetch", IN_OPTIONS, RESOLVER),
	IGNORE("max-cache-size", IN_OPTIONS, RESOLVER),
	IGNORE("max-cache-ttl", IN_OPTIONS, RESOLVER),
	IGNORE("min-cache-ttl", IN_OPTIONS, RESOLVER),
	IGNORE("max-ncache-ttl", IN_OPTIONS, RESOLVER),
	IGNORE("min-ncache-ttl", IN_OPTIONS, RESOLVER),
	IGNORE("max-stale-ttl", IN_OPTIONS, RESOLVER),
	IGNORE("stale-answer-enable", IN_OPTIONS, RESOLVER),
	IGNORE("stale-answer-ttl", IN_OPTIONS, RESOLVER),
	IGNORE("stale-answer-client-timeout", IN_OPTIONS, RESOLVER),
	IGNORE("stale-cache-enable", IN_OPTIONS, RESOLVER),
	IGNORE("stale-refresh-time", IN_OPTIONS, RESOLVER),
	IGNORE("synth-from-dnssec", IN_OPTIONS, RESOLVER),
	IGNORE("qname-minimization", IN_OPTIONS, RESOLVER),
	IGNORE("fetches-per-server", IN_OPTIONS, RESOLVER),
	IGNORE("fetches-per-zone", IN_OPTIONS, RESOLVER),
	IGNORE("fetch-quota-params", IN_OPTIONS, RESOLVER),
	IGNORE("clients-per-query", IN_OPTIONS, RESOLVER),
	IGNORE("max-clients-per-query", IN_OPTIONS, RESOLVER),
	IGNORE("recursive-clients", IN_OPTIONS, RESOLVER),
	IGNORE("resolver-query-timeout", IN_OPTIONS, RESOLVER),
	IGNORE("max-recursion-depth", IN_OPTIONS, RESOLVER),
	IGNORE("max-recursion-queries", IN_OPTIONS, RESOLVER),
	IGNORE("query-source", IN_OPTIONS, RESOLVER),
	IGNORE("query-source-v6", IN_OPTIONS, RESOLVER),
	IGNORE("dual-stack-servers", IN_OPTIONS, RESOLVER),
	IGNORE("lame-ttl", IN_OPTIONS, RESOLVER),
	IGNORE("servfail-ttl", IN_OPTIONS, RESOLVER),
	IGNORE("send-cookie", IN_OPTIONS, RESOLVER),
	IGNORE("ipv4only-enable", IN_OPTIONS, RESOLVER),
	IGNORE("attach-cache", IN_OPTIONS, RESOLVER),
	IGNORE("avoid-v4-udp-ports", IN_OPTIONS, RESOLVER),
	IGNORE("avoid-v6-udp-ports", IN_OPTIONS, RESOLVER),
	IGNORE("disable-algorithms", IN_OPTIONS, RESOLVER),
	IGNORE("disable-ds-digests", IN_OPTIONS, RESOLVER),
	IGNORE("dnssec-accept-expired", IN_OPTIONS, RESOLVER),
	IGNORE("dnssec-must-be-secure", IN_OPTIONS, RESOLVER),
	IGNORE("dns64-contact", IN_OPTIONS, RESOLVER),
	IGNORE("dns64-server", IN_OPTIONS, RESOLVER),
	IGNORE("dnsrps-enable", IN_OPTIONS, RESOLVER),
	IGNORE("dnsrps-options", IN_OPTIONS, RESOLVER),
	IGNORE("ipv4only-contact", IN_OPTIONS, RESOLVER),
	IGNORE("ipv4only-server", IN_OPTIONS, RESOLVER),
	IGNORE("max-query-count", IN_OPTIONS, RESOLVER),
	IGNORE("max-query-restarts", IN_OPTIONS, RESOLVER),
	IGNORE("max-rsa-exponent-size", IN_OPTIONS, RESOLVER),
	IGNORE("nta-lifetime", IN_OPTIONS, RESOLVER),
	IGNORE("nta-recheck", IN_OPTIONS, RESOLVER),
	IGNORE("resolver-nonbackoff-tries", IN_OPTIONS, RESOLVER),
	IGNORE("resolver-retry-interval", IN_OPTIONS, RESOLVER),
	IGNORE("root-delegation-only", IN_OPTIONS, RESOLVER),
	IGNORE("v6-bias", IN_OPTIONS, RESOLVER),
	IGNORE("zero-no-soa-ttl-cache", IN_OPTIONS, RESOLVER),
	IGNORE("max-validations-per-fetch", IN_OPTIONS, RESOLVER),
	IGNORE("max-validation-failures-per-fetch", IN_OPTIONS, RESOLVER),
	IGNORE("delegation-only", IN_ZONE, RESOLVER),
	IGNORE("server-addresses", IN_ZONE, RESOLVER),
	IGNORE("server-names", IN_ZONE, RESOLVER),
	IGNORE_BUT("zero-no-soa-ttl", EVERYWHERE, NO, LATER),
	IGNORE("dump-file", IN_OPTIONS, SIDE_FILE),
	IGNORE("statistics-file", IN_OPTIONS, SIDE_FILE),
	IGNORE("memstatistics-file", IN_OPTIONS, SIDE_FILE),
	IGNORE("memstatistics", IN_OPTIONS, SIDE_FILE),
	IGNORE("secroots-file", IN_OPTIONS, SIDE_FILE),
	IGNORE("recursing-file", IN_OPTIONS, SIDE_FILE),
	IGNORE("lock-file", IN_OPTIONS, SIDE_FILE),
	IGNORE("key-directory", EVERYWHERE, UNSIGNED),
	IGNORE("session-keyfile", IN_OPTIONS, SIDE_FILE),
	IGNORE("session-keyname", IN_OPTIONS, SIDE_FILE),
	IGNORE("session-keyalg", IN_OPTIONS, SIDE_FILE),
	IGNORE("geoip-directory", IN_OPTIONS, LATER),
	IGNORE("interface-interval", IN_OPTIONS, LATER),
	IGNORE("automatic-interface-scan", IN_OPTIONS, LATER),
	IGNORE("flush-zones-on-shutdown", IN_OPTIONS, LATER),
	IGNORE("tkey-domain", IN_OPTIONS, LATER),
	IGNORE("tkey-gssapi-credential", IN_OPTIONS, LATER),
	IGNORE("tkey-gssapi-keytab", IN_OPTIONS, LATER),
	IGNORE("dnstap", IN_OPTIONS, LATER),
	IGNORE("dnstap-output", IN_OPTIONS, LATER),
	IGNORE("dnstap-identity", IN_OPTIONS, LATER),
	IGNORE("dnstap-version", IN_OPTIONS, LATER),
	IGNORE("dscp", IN_OPTIONS, LATER),
	IGNORE("fstrm-set-buffer-hint", IN_OPTIONS, LATER),
	IGNORE("fstrm-set-flush-timeout", IN_OPTIONS, LATER),
	IGNORE("fstrm-set-input-queue-size", IN_OPTIONS, LATER),
	IGNORE("fstrm-set-output-notify-threshold", IN_OPTIONS, LATER),
	IGNORE("fstrm-set-output-queue-model", IN_OPTIONS, LATER),
	IGNORE("fstrm-set-output-queue-size", IN_OPTIONS, LATER),
	IGNORE("fstrm-set-reopen-interval", IN_OPTIONS, LATER),
	IGNORE("glue-cache", IN_OPTIONS, LATER),
	IGNORE("http-listener-clients", IN_OPTIONS, LATER),
	IGNORE("http-streams-per-connection", IN_OPTIONS, LATER),
	IGNORE("lmdb-mapsize", IN_OPTIONS, LATER),
	IGNORE("preferred-glue", IN_OPTIONS, LATER),
	IGNORE("responselog", IN_OPTIONS, LATER),
	IGNORE("send-report-channel", IN_OPTIONS, LATER),
	IGNORE("sig0checks-quota", IN_OPTIONS, LATER),
	IGNORE("sig0key-checks-limit", IN_OPTIONS, LATER),
	IGNORE("sig0message-checks-limit", IN_OPTIONS, LATER),
	IGNORE("tkey-dhkey", IN_OPTIONS, LATER),
	IGNORE("update-quota", IN_OPTIONS, LATER),
	IGNORE("logging", IN_TOP, "messages go to standard error, with -d to syslog, with -l to a file"),
	IGNORE("parental-agents", IN_TOP, UNSIGNED),
	IGNORE("dnssec-enable", EVERYWHERE, OBSOLETE),
	IGNORE("dnssec-lookaside", IN_OPTIONS, OBSOLETE),
	IGNORE("dialup", EVERYWHERE, OBSOLETE),
	IGNORE("cleaning-interval", IN_OPTIONS, OBSOLETE),
	IGNORE("additional-from-auth", IN_OPTIONS, OBSOLETE),
	IGNORE("additional-from-cache", IN_OPTIONS, OBSOLETE),
	IGNORE("statistics-interval", IN_OPTIONS, OBSOLETE),
	IGNORE("use-v4-udp-ports", IN_OPTIONS, OBSOLETE),
	IGNORE("use-v6-udp-ports", IN_OPTIONS, OBSOLETE),
	IGNORE("heartbeat-interval", IN_OPTIONS, OBSOLETE),
	IGNORE("random-device", IN_OPTIONS, OBSOLETE),
	IGNORE("suppress-initial-notify", IN_OPTIONS, OBSOLETE),
	IGNORE("nsec3-test-zone", EVERYWHERE, OBSOLETE),
	IGNORE("match-mapped-addresses", IN_OPTIONS, "IPv4 clients are IPv4 on any socket"),

	/* What tunes things that this version does in one way only. */
	IGNORE("rate-limit", IN_OPTIONS, "every question is answered; only a packet filter can limit that here"),
	IGNORE("minimal-any", IN_OPTIONS, LATER),
	IGNORE("rrset-order", IN_OPTIONS, LATER),
	IGNORE("sortlist", IN_OPTIONS, LATER),
	IGNORE("answer-cookie", IN_OPTIONS, LATER),
	IGNORE("cookie-secret", IN_OPTIONS, LATER),
	IGNORE("cookie-algorithm", IN_OPTIONS, LATER),
	IGNORE("require-server-cookie", IN_OPTIONS, LATER),
	IGNORE("nocookie-udp-size", IN_OPTIONS, LATER),
	IGNORE_BUT("reuseport", IN_OPTIONS, YES, "each worker has sockets of its own"),
	IGNORE("tcp-listen-queue", IN_OPTIONS, LATER),
	IGNORE("tcp-keepalive-timeout", IN_OPTIONS, LATER),
	IGNORE("tcp-advertised-timeout", IN_OPTIONS, LATER),
	IGNORE("keep-response-order", IN_OPTIONS, "answers over TCP are in order"),
	IGNORE("tcp-receive-buffer", IN_OPTIONS, LATER),
	IGNORE("tcp-send-buffer", IN_OPTIONS, LATER),
	IGNORE("udp-receive-buffer", IN_OPTIONS, LATER),
	IGNORE("udp-send-buffer", IN_OPTIONS, LATER),
	IGNORE("reserved-sockets", IN_OPTIONS, LATER),
	IGNORE("files", IN_OPTIONS, "limits are the system's"),
	IGNORE("coresize", IN_OPTIONS, "limits are the system's"),
	IGNORE("datasize", IN_OPTIONS, "limits are the system's"),
	IGNORE("stacksize", IN_OPTIONS, "limits are the system's"),
	IGNORE("no-case-compress", IN_OPTIONS, LATER),
	IGNORE("message-compression", IN_OPTIONS, "answers are compressed"),
	IGNORE("max-zone-ttl", EVERYWHERE, "TTLs are those of the file"),
	IGNORE("journal", IN_ZONE, "all zones share the journal of 'options'"),
	IGNORE("request-nsid", EVERYWHERE, RESOLVER),
	IGNORE("alt-transfer-source", EVERYWHERE, OBSOLETE),
	IGNORE("alt-transfer-source-v6", EVERYWHERE, OBSOLETE),
	IGNORE("use-alt-transfer-source", EVERYWHERE, OBSOLETE),
	IGNORE_BUT("try-tcp-refresh", EVERYWHERE, YES, "a master that does not answer over UDP is asked over TCP"),
	IGNORE("serial-update-method", EVERYWHERE, "zones are not updated but by their files"),
	IGNORE("sig-validity-interval", EVERYWHERE, UNSIGNED),
	IGNORE("dnskey-sig-validity", EVERYWHERE, UNSIGNED),
	IGNORE("dnssec-dnskey-kskonly", EVERYWHERE, UNSIGNED),
	IGNORE("dnssec-loadkeys-interval", EVERYWHERE, UNSIGNED),
	IGNORE("dnssec-update-mode", EVERYWHERE, UNSIGNED),
	IGNORE("dnssec-secure-to-insecure", EVERYWHERE, UNSIGNED),
	IGNORE("parental-source", EVERYWHERE, UNSIGNED),
	IGNORE("parental-source-v6", EVERYWHERE, UNSIGNED),
	IGNORE("sig-signing-nodes", EVERYWHERE, UNSIGNED),
	IGNORE("sig-signing-signatures", EVERYWHERE, UNSIGNED),
	IGNORE("sig-signing-type", EVERYWHERE, UNSIGNED),
	IGNORE("parental-agents", IN_ZONE, UNSIGNED),
	IGNORE("checkds", IN_ZONE, UNSIGNED),
	IGNORE("update-check-ksk", EVERYWHERE, UNSIGNED),

	/* What would change answers, who may transfer, or the safety of data is an error when it is not acted on. */
	REFUSE_BUT("watch", EVERYWHERE, NO, LATER),
	REFUSE_BUT("serial-policy", EVERYWHERE, "keep", LATER),
	REFUSE("max-change", EVERYWHERE, LATER),
	REFUSE_BUT("blackhole", IN_OPTIONS, "{ none; }|{ }", "every client is answered; allow-query refuses them, a packet filter drops them"),
	REFUSE_BUT("allow-query-on", EVERYWHERE, "{ any; }", LATER),
	REFUSE_BUT("allow-update", EVERYWHERE, "{ none; }|{ }", UPDATES),
	REFUSE_BUT("allow-update-forwarding", EVERYWHERE, "{ none; }|{ }", UPDATES),
	REFUSE("update-policy", IN_ZONE, UPDATES),
	REFUSE("allow-proxy", IN_OPTIONS, LATER),
	REFUSE("allow-proxy-on", IN_OPTIONS, LATER),
	REFUSE("view", IN_TOP, "views answer differently from client to client, and Tandem does not"),
	REFUSE("match-clients", EVERYWHERE, "Tandem has no views"),
	REFUSE("match-destinations", EVERYWHERE, "Tandem has no views"),
	REFUSE("match-recursive-only", EVERYWHERE, "Tandem has no views"),
	REFUSE("in-view", IN_ZONE, "Tandem has no views"),
	REFUSE("template", IN_TOP | IN_ZONE, "write what it says into each zone"),
	REFUSE("initial-file", IN_ZONE, "zones come from files that are there"),
	REFUSE_BUT("dnssec-policy", EVERYWHERE, "none|insecure", SIGNING),
	REFUSE("dnssec-policy", IN_TOP, SIGNING),
	REFUSE_BUT("inline-signing", EVERYWHERE, NO, SIGNING),
	REFUSE_BUT("auto-dnssec", EVERYWHERE, "off", SIGNING),
	REFUSE_BUT("masterfile-format", EVERYWHERE, "text", "zone files are text"),
	REFUSE("catalog-zones", IN_OPTIONS, "a catalog is not read; autosecondary takes the zones of a master by its NOTIFYs"),
	REFUSE("dlz", IN_TOP | IN_ZONE, "zones come from files"),
	REFUSE("dyndb", IN_TOP, "zones come from files"),
	REFUSE("database", IN_ZONE, "zones come from files"),
	REFUSE("plugin", IN_TOP, "Tandem has no plugins"),
	REFUSE("response-policy", IN_OPTIONS, RESOLVER),
	REFUSE("response-padding", IN_OPTIONS, LATER),
	REFUSE("deny-answer-addresses", IN_OPTIONS, RESOLVER),
	REFUSE("deny-answer-aliases", IN_OPTIONS, RESOLVER),
	REFUSE("dns64", IN_OPTIONS, LATER),
	REFUSE("filter-aaaa-on-v4", IN_OPTIONS, LATER),
	REFUSE("nxdomain-redirect", IN_OPTIONS, RESOLVER),
	REFUSE("tls", IN_TOP, "queries are answered over UDP and TCP"),
	REFUSE("http", IN_TOP, "queries are answered over UDP and TCP"),
	REFUSE("tls-port", IN_OPTIONS, "queries are answered over UDP and TCP"),
	REFUSE("https-port", IN_OPTIONS, "queries are answered over UDP and TCP"),
	REFUSE("http-port", IN_OPTIONS, "queries are answered over UDP and TCP"),
};

const char *
block_name(unsigned where)
{
	switch (where) {
	case IN_OPTIONS:
		return "options";
	case IN_ZONE:
		return "zone";
	case IN_MIRROR:
		return "mirror";
	case IN_KEY:
		return "key";
	case IN_CONTROLS:
		return "controls";
	case IN_SERVER:
		return "server";
	case IN_CHANNELS:
		return "statistics-channels";
	default:
		return "the top level";
	}
}

const struct clause *
clause_next(unsigned where, size_t *from)
{
	while (*from < sizeof(clauses) / sizeof(clauses[0])) {
		const struct clause *c = &clauses[(*from)++];

		if (c->where & where)
			return c;
	}
	return NULL;
}

const struct clause *
clause_find(unsigned where, const char *name)
{
	const struct clause *c;

	for (size_t at = 0; (c = clause_next(where, &at)) != NULL;)
		if (strcasecmp(c->name, name) == 0)
			return c;
	return NULL;
}

bool
clause_inherits(const struct clause *c)
{
	return (c->where & EVERYWHERE) == EVERYWHERE && c->print != NULL;
}

bool
clause_fits(const struct clause *c, const struct conf_mirror *mirror)
{
	return mirror->type == CONF_MIRROR_MYSQL ? !c->sqlite : !c->mysql;
}

void
clauses_print(const struct printer *to, unsigned where, const void *base, const struct conf_rules *options)
{
	const struct clause *c;

	for (size_t at = 0; (c = clause_next(where, &at)) != NULL;) {
		const char *field = (const char *)base + c->field;

		if (c->print == NULL || (where == IN_MIRROR && !clause_fits(c, base)) ||
		    (options != NULL && clause_inherits(c) && memcmp(field, (const char *)options + c->field, c->size) == 0))
			continue;
		c->print(to, c, field);
	}
}
