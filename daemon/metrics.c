#include "daemon/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "daemon/command_impl.h"
#include "daemon/current.h"
#include "daemon/heap.h"
#include "daemon/mirrors.h"
#include "daemon/server.h"
#include "daemon/setup.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"
#include "zonefile/name.h"

#define ZONES_A_PIECE 200
#define LATE_SHOWN 100			/* zones of each mirror */

struct metrics {
	struct text *out;		/* of the piece being made */
	const struct family *family;
	bool begun;			/* its heading is written */
	/* The zones come and go between pieces: go on behind this one. */
	bool after;
	uint8_t origin[DNAME_MAX];
	/* Of the server and of all mirrors, when the page was asked for. */
	struct query_stats queries;
	struct server_counts out_counts;
	struct refresh_counts in_counts;
	struct announce_counts announced;
	size_t mirrors;
	struct {
		char name[64];
		struct mirror_status status;
		struct mirror_late late[LATE_SHOWN];
		size_t lates;
	} *mirror;
	size_t zones, in_trouble;
};

/* Of struct metrics, or of struct mirror_status: a bool, size_t or uint64_t. */
struct number {
	size_t at, size;		/* 0: behind the last */
	const char *text;		/* of the family's label */
};

/* Lines of one name stand together, so zones are walked for each family that is theirs. */
struct family {
	const char *name;
	enum { COUNTER, GAUGE } type;
	const char *help;
	const char *label;
	const struct number *server, *mirror;
	void (*write)(struct metrics *);	/* of the server or the mirrors otherwise */
	/* false: it has none */
	bool (*of_zone)(struct metrics *, const struct served *, const struct zone *, uint64_t *value);
	bool (*of_slave)(const struct refresh_status *, uint64_t *value);
};

/* --- samples --- */

/* Of a label: a backslash before itself, quotes, and an n that stands for a new line. */
static void
add_value(struct text *out, const char *text)
{
	for (;;) {
		size_t plain = strcspn(text, "\\\"\n");

		text_add(out, text, plain);
		text += plain;
		if (*text == '\0')
			return;
		text_add(out, *text == '\n' ? "\\n" : *text == '"' ? "\\\"" : "\\\\", 2);
		text++;
	}
}

static void
add_label(struct text *out, const char *label, const char *value)
{
	text_print(out, "%s=\"", label);
	add_value(out, value);
	text_add(out, "\"", 1);
}

static void
add_number(struct text *out, uint64_t value)
{
	text_print(out, " %" PRIu64 "\n", value);
}

static void
plain(struct metrics *m, uint64_t value)
{
	text_print(m->out, "%s", m->family->name);
	add_number(m->out, value);
}

static uint64_t
number_in(const void *whole, const struct number *n)
{
	const void *at = (const char *)whole + n->at;

	return n->size == sizeof(bool) ? *(const bool *)at : n->size == sizeof(size_t) ? *(const size_t *)at :
	    *(const uint64_t *)at;
}

/* With one label. */
static void
labelled(struct metrics *m, const char *label, const char *text, uint64_t value)
{
	text_print(m->out, "%s{", m->family->name);
	add_label(m->out, label, text);
	text_add(m->out, "}", 1);
	add_number(m->out, value);
}

/* --- the server --- */

static void
write_info(struct metrics *m)
{
	labelled(m, "version", TANDEM_VERSION, 1);
}

static void
write_started(struct metrics *m)
{
	plain(m, (uint64_t)setup_started());
}

static void
write_cpu(struct metrics *m)
{
	struct rusage used;
	uint64_t us;

	getrusage(RUSAGE_SELF, &used);
	us = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	    (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	text_print(m->out, "%s %" PRIu64 ".%06" PRIu64 "\n", m->family->name, us / 1000000, us % 1000000);
}

static void
write_memory(struct metrics *m)
{
	uint64_t octets = heap_resident();

	if (octets > 0)
		plain(m, octets);
}

static void
write_taken(struct metrics *m)
{
	plain(m, (uint64_t)current_since());
}

static void
write_refused(struct metrics *m)
{
	plain(m, setup_refused().at != 0);
}

static void
write_server(struct metrics *m)
{
	for (const struct number *n = m->family->server; n->size > 0; n++)
		if (m->family->label != NULL)
			labelled(m, m->family->label, n->text, number_in(m, n));
		else
			plain(m, number_in(m, n));
}

/* --- zones --- */

static bool
zone_serial_of(struct metrics *m, const struct served *zone, const struct zone *version, uint64_t *value)
{
	(void)m;
	(void)zone;
	*value = version != NULL ? zone_serial(version) : 0;
	return version != NULL;
}

static bool
zone_records_of(struct metrics *m, const struct served *zone, const struct zone *version, uint64_t *value)
{
	(void)m;
	(void)zone;
	*value = version != NULL ? zone_records(version) : 0;
	return version != NULL;
}

static bool
zone_published(struct metrics *m, const struct served *zone, const struct zone *version, uint64_t *value)
{
	(void)m;
	(void)version;
	*value = slot_since(zone->slot);
	return *value != 0;
}

/* Written with the state as a label; counted on the way. */
static bool
zone_in_state(struct metrics *m, const struct served *zone, const struct zone *version, uint64_t *value)
{
	(void)version;
	m->zones++;
	m->in_trouble += command_zone_trouble(zone)[0] != '\0';
	*value = 1;
	return true;
}

static bool
zone_signatures(struct metrics *m, const struct served *zone, const struct zone *version, uint64_t *value)
{
	struct signatures_state s;

	(void)m;
	(void)version;
	if (!signatures_state(zone->signatures, &s))
		return false;
	*value = (uint64_t)s.first;
	return true;
}

static bool
slave_checked(const struct refresh_status *s, uint64_t *value)
{
	*value = (uint64_t)s->checked;
	return s->checked != 0;
}

static bool
slave_next(const struct refresh_status *s, uint64_t *value)
{
	*value = (uint64_t)s->next;
	return s->next != 0;
}

static bool
slave_expires(const struct refresh_status *s, uint64_t *value)
{
	*value = (uint64_t)s->expires;
	return s->expires != 0;
}

static bool
slave_failures(const struct refresh_status *s, uint64_t *value)
{
	*value = s->failures;
	return true;
}

static uint64_t
seconds_since(int64_t since)
{
	int64_t now = time(NULL);

	return since != 0 && now > since ? (uint64_t)(now - since) : 0;
}

static bool
slave_behind(const struct refresh_status *s, uint64_t *value)
{
	*value = seconds_since(s->behind_since);
	return true;
}

/* --- mirrors --- */

#define EACH_MIRROR(m, i) for (size_t i = 0; i < (m)->mirrors; i++)

static void
of_mirror(struct metrics *m, size_t i, const char *label, const char *text, uint64_t value)
{
	text_print(m->out, "%s{", m->family->name);
	add_label(m->out, "mirror", m->mirror[i].name);
	if (label != NULL) {
		text_add(m->out, ",", 1);
		add_label(m->out, label, text);
	}
	text_add(m->out, "}", 1);
	add_number(m->out, value);
}

static void
write_mirrors(struct metrics *m)
{
	EACH_MIRROR(m, i)
		for (const struct number *n = m->family->mirror; n->size > 0; n++)
			of_mirror(m, i, m->family->label, n->text, number_in(&m->mirror[i].status, n));
}

static void
write_mirror_left(struct metrics *m)
{
	EACH_MIRROR(m, i)
		if (m->mirror[i].status.seconds_left >= 0)
			of_mirror(m, i, NULL, NULL, (uint64_t)m->mirror[i].status.seconds_left);
}

static void
write_mirror_error(struct metrics *m)
{
	static const char *const kind[] = {
		[MIRROR_NO_CONNECTION] = "connection", [MIRROR_DATABASE_FAULT] = "database", [MIRROR_ZONE_HELD] = "zone",
	};

	EACH_MIRROR(m, i) {
		for (unsigned k = MIRROR_NO_CONNECTION; k < COUNT(kind); k++)
			of_mirror(m, i, "class", kind[k], m->mirror[i].status.error_kind == k);
		of_mirror(m, i, "class", "purge", m->mirror[i].status.purge_error[0] != '\0');
	}
}

static void
write_mirror_behind(struct metrics *m)
{
	EACH_MIRROR(m, i)
		of_mirror(m, i, NULL, NULL, m->mirror[i].lates > 0 ? seconds_since(m->mirror[i].late[0].since) : 0);
}

static void
write_mirror_late(struct metrics *m)
{
	EACH_MIRROR(m, i)
		for (size_t k = 0; k < m->mirror[i].lates; k++) {
			const struct mirror_late *late = &m->mirror[i].late[k];

			text_print(m->out, "%s{", m->family->name);
			add_label(m->out, "mirror", m->mirror[i].name);
			text_add(m->out, ",", 1);
			add_label(m->out, "zone", slot_name(late->slot));
			text_print(m->out, ",state=\"%s\"}", late->held ? "held" : "behind");
			add_number(m->out, seconds_since(late->since));
		}
}

/* --- the table --- */

#define NUMBERS(...) (const struct number[]){ __VA_ARGS__, { 0, 0, NULL } }
#define SERVER(member, text) { offsetof(struct metrics, member), sizeof(((struct metrics *)NULL)->member), text }
#define MIRROR(member, text) { offsetof(struct mirror_status, member), sizeof(((struct mirror_status *)NULL)->member), text }

static const struct family families[] = {
	{ "tandem_info", GAUGE, "The version that runs.", .write = write_info },
	{ "process_start_time_seconds", GAUGE, "When the server started, since 1970.", .write = write_started },
	{ "process_cpu_seconds_total", COUNTER, "Processor time, in user space and in the kernel.", .write = write_cpu },
	{ "process_resident_memory_bytes", GAUGE, "Memory in use.", .write = write_memory },
	{ "tandem_configuration_timestamp_seconds", GAUGE, "When the configuration in force was read.", .write = write_taken },
	{ "tandem_configuration_refused", GAUGE, "1 when the one read last was not taken over.", .write = write_refused },

	{ "tandem_queries_total", COUNTER, "Queries that came.", .label = "transport",
	    .server = NUMBERS(SERVER(queries.udp, "udp"), SERVER(queries.tcp, "tcp")) },
	{ "tandem_tcp_connections_total", COUNTER, "Connections of DNS over TCP.",
	    .server = NUMBERS(SERVER(queries.tcp_connections, NULL)) },
	{ "tandem_answers_total", COUNTER, "Answers that went, by what they say.", .label = "result",
	    .server = NUMBERS(SERVER(queries.answers, "answer"), SERVER(queries.nodata, "nodata"),
		SERVER(queries.referrals, "referral"), SERVER(queries.nxdomain, "nxdomain"), SERVER(queries.refused, "refused"),
		SERVER(queries.servfail, "servfail"), SERVER(queries.formerr, "formerr"), SERVER(queries.notimp, "notimp")) },
	{ "tandem_truncated_total", COUNTER, "Answers that did not fit.", .server = NUMBERS(SERVER(queries.truncated, NULL)) },
	{ "tandem_dropped_total", COUNTER, "Messages that got no answer.", .server = NUMBERS(SERVER(queries.dropped, NULL)) },
	{ "tandem_transfers_out_total", COUNTER, "Transfers to slaves that have ended.", .label = "result",
	    .server = NUMBERS(SERVER(out_counts.sent, "done"), SERVER(out_counts.broken_off, "broken_off")) },
	{ "tandem_transfers_in_total", COUNTER, "Transfers from masters that have ended.", .label = "result",
	    .server = NUMBERS(SERVER(in_counts.fetched, "done"), SERVER(in_counts.broken_off, "failed")) },
	{ "tandem_probes_total", COUNTER, "Questions to masters for a SOA.",
	    .server = NUMBERS(SERVER(in_counts.probes, NULL)) },
	{ "tandem_probes_unanswered_total", COUNTER, "Those of them that nobody answered.",
	    .server = NUMBERS(SERVER(in_counts.unanswered, NULL)) },
	{ "tandem_notifies_in_total", COUNTER, "NOTIFYs of masters that were taken.",
	    .server = NUMBERS(SERVER(queries.notifies, NULL)) },
	{ "tandem_notifies_out_total", COUNTER, "NOTIFYs sent to slaves.", .server = NUMBERS(SERVER(announced.sent, NULL)) },
	{ "tandem_notify_results_total", COUNTER, "What became of those.", .label = "result",
	    .server = NUMBERS(SERVER(announced.acknowledged, "acknowledged"), SERVER(announced.failed, "failed")) },

	{ "tandem_zone_state", GAUGE, "1, with what tandemctl status says.", .of_zone = zone_in_state },
	{ "tandem_zones", GAUGE, "Zones of the configuration.", .server = NUMBERS(SERVER(zones, NULL)) },
	{ "tandem_zones_in_trouble", GAUGE, "Those whose file has errors, that no master gives, or whose signatures have run out.",
	    .server = NUMBERS(SERVER(in_trouble, NULL)) },
	{ "tandem_zone_serial", GAUGE, "The serial that is served.", .of_zone = zone_serial_of },
	{ "tandem_zone_records", GAUGE, "Records of the zone.", .of_zone = zone_records_of },
	{ "tandem_zone_published_timestamp_seconds", GAUGE, "Since when this version is served.", .of_zone = zone_published },
	{ "tandem_zone_signatures_expire_timestamp_seconds", GAUGE,
	    "When the first signature of a signed zone runs out.", .of_zone = zone_signatures },
	{ "tandem_zone_checked_timestamp_seconds", GAUGE, "When a master last said what it has.", .of_slave = slave_checked },
	{ "tandem_zone_next_refresh_timestamp_seconds", GAUGE, "When the masters are asked next.", .of_slave = slave_next },
	{ "tandem_zone_expires_timestamp_seconds", GAUGE, "When a slave serves it no longer.", .of_slave = slave_expires },
	{ "tandem_zone_transfer_failures", GAUGE, "Failed attempts to refresh the zone, in a row.", .of_slave = slave_failures },
	{ "tandem_zone_behind_seconds", GAUGE, "Since when a master is known to have a newer version; 0: none is.",
	    .of_slave = slave_behind },

	{ "tandem_mirror_connected", GAUGE, "1 with a connection to the database.",
	    .mirror = NUMBERS(MIRROR(connected, NULL)) },
	{ "tandem_mirror_paused", GAUGE, "1 when paused by tandemctl.", .mirror = NUMBERS(MIRROR(paused, NULL)) },
	{ "tandem_mirror_standby", GAUGE, "1 when another instance writes.", .mirror = NUMBERS(MIRROR(standby, NULL)) },
	{ "tandem_mirror_zones", GAUGE, "Zones that are mirrored, by how far they are.", .label = "state",
	    .mirror = NUMBERS(MIRROR(in_step, "in_step"), MIRROR(behind, "behind"), MIRROR(held, "held")) },
	{ "tandem_mirror_drifted_zones", GAUGE, "Zones whose rows somebody else has changed.",
	    .mirror = NUMBERS(MIRROR(drifted, NULL)) },
	{ "tandem_mirror_left_behind_domains", GAUGE, "Domains of ours that no zone of the configuration has.",
	    .mirror = NUMBERS(MIRROR(left, NULL)) },
	{ "tandem_mirror_rows_total", COUNTER, "Rows changed in the database.", .label = "change",
	    .mirror = NUMBERS(MIRROR(rows_deleted, "deleted"), MIRROR(rows_inserted, "inserted"),
		MIRROR(rows_updated, "updated")) },
	{ "tandem_mirror_rows_per_second", GAUGE, "Since there was last nothing to do.",
	    .mirror = NUMBERS(MIRROR(rows_a_second, NULL)) },
	{ "tandem_mirror_left_seconds", GAUGE, "At that speed, until all zones are in step; absent when not known.",
	    .write = write_mirror_left },
	{ "tandem_mirror_transactions_total", COUNTER, "Transactions committed.",
	    .mirror = NUMBERS(MIRROR(transactions, NULL)) },
	{ "tandem_mirror_purges_total", COUNTER, "Zones that all PowerDNS servers have been made to forget.",
	    .mirror = NUMBERS(MIRROR(purges, NULL)) },
	{ "tandem_mirror_purges_waiting", GAUGE, "Zones that some PowerDNS server has still to forget.",
	    .mirror = NUMBERS(MIRROR(purges_waiting, NULL)) },
	{ "tandem_mirror_error", GAUGE, "1 for what is in trouble: the connection, the database, a zone that is held back, or a purge.", .write = write_mirror_error },
	{ "tandem_mirror_behind_seconds", GAUGE, "For how long the zone that is longest behind or held is.",
	    .write = write_mirror_behind },
	{ "tandem_mirror_zone_behind_seconds", GAUGE, "The same of each such zone, the longest, 100 at most.",
	    .write = write_mirror_late },
};

/* --- pieces --- */

static void *
metrics_open(void)
{
	struct metrics *m = xcalloc(1, sizeof(*m));
	struct mirror *const *mirror = mirrors_all(&m->mirrors);

	m->family = families;
	workers_stats(setup_workers(), &m->queries);
	server_counts(&m->out_counts);
	refresh_counts(&m->in_counts);
	announce_counts(&m->announced);
	m->mirror = xcalloc(m->mirrors, sizeof(*m->mirror));
	EACH_MIRROR(m, i) {
		snprintf(m->mirror[i].name, sizeof(m->mirror[i].name), "%s", mirrors_name(i));
		mirror_status(mirror[i], &m->mirror[i].status);
		m->mirror[i].lates = mirror_late(mirror[i], m->mirror[i].late, LATE_SHOWN);
	}
	return m;
}

static void
metrics_close(void *state)
{
	struct metrics *m = state;

	EACH_MIRROR(m, i)
		for (size_t k = 0; k < m->mirror[i].lates; k++)
			slot_unref(m->mirror[i].late[k].slot);
	free(m->mirror);
	free(m);
}

static bool
value_of(struct metrics *m, const struct served *zone, uint64_t *value)
{
	struct refresh_status s;

	if (m->family->of_zone != NULL)
		return m->family->of_zone(m, zone, slot_zone(zone->slot), value);
	if (zone->refresh == NULL)
		return false;
	refresh_status(zone->refresh, &s);
	return m->family->of_slave(&s, value);
}

static void
write_zone(struct metrics *m, const struct served *zone)
{
	uint64_t value;

	if (!value_of(m, zone, &value) || zone->conf->rules->statistics == CONF_STATISTICS_NONE)
		return;
	text_print(m->out, "%s{", m->family->name);
	add_label(m->out, "zone", slot_name(zone->slot));
	text_print(m->out, ",role=\"%s\"", command_zone_role(zone));
	if (m->family->of_zone == zone_in_state) {
		text_add(m->out, ",", 1);
		add_label(m->out, "state", command_zone_state(zone));
	}
	text_add(m->out, "}", 1);
	add_number(m->out, value);
}

/* true: there are more. */
static bool
write_some_zones(struct metrics *m)
{
	size_t count, at = m->after ? zones_after(m->origin) : 0, end;
	const struct served *zone = zones_all(&count);

	end = count - at > ZONES_A_PIECE ? at + ZONES_A_PIECE : count;
	slot_enter();
	for (; at < end; at++)
		write_zone(m, &zone[at]);
	slot_leave();
	if ((m->after = end < count))
		memcpy(m->origin, slot_origin(zone[end - 1].slot), name_len(slot_origin(zone[end - 1].slot)));
	return m->after;
}

static bool
metrics_more(void *state, struct text *out)
{
	static const char *const type[] = { [COUNTER] = "counter", [GAUGE] = "gauge" };
	struct metrics *m = state;
	const struct family *f = m->family;

	m->out = out;
	if (!m->begun)
		text_print(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, type[f->type]);
	m->begun = true;
	if (f->write != NULL)
		f->write(m);
	else if (f->server != NULL)
		write_server(m);
	else if (f->mirror != NULL)
		write_mirrors(m);
	else if (write_some_zones(m))
		return true;
	m->begun = false;
	return ++m->family < families + COUNT(families);
}

const struct page metrics_page = {
	"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_open, metrics_more, metrics_close,
};
