#include "daemon/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/autosecondary.h"
#include "daemon/inbox.h"
#include "daemon/log.h"
#include "daemon/refused.h"
#include "daemon/transfer/peer.h"
#include "daemon/transfer/xfrout.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"
#include "zonefile/name.h"
#include "zonefile/rrtype.h"

/* Worker's thread. */
static void
on_notified(void *ctx, struct slot *slot, const struct sockaddr *from, const struct tsig_key *key,
    const uint32_t *serial)
{
	(void)ctx;
	(void)key;
	inbox_put(slot, from, serial);
}

/* The same. */
static bool
on_notified_unknown(void *ctx, const uint8_t *name, const struct sockaddr *from, const struct tsig_key *key)
{
	return autosecondary_notified(ctx, name, from, key);
}

/* Does transfer-format of this peer's server block, or of options, say so? */
static bool
wants_one_answer(const void *list, const struct sockaddr *client, const uint8_t *key)
{
	const struct conf *conf = list;
	const struct conf_server *server = conf_server_of(conf, client);

	(void)key;
	return server != NULL && server->one_answer != CONF_UNSAID ? server->one_answer == CONF_YES : conf->one_answer;
}

static struct server_counts counts;	/* any thread */

void
server_counts(struct server_counts *out)
{
	out->sent = __atomic_load_n(&counts.sent, __ATOMIC_RELAXED);
	out->broken_off = __atomic_load_n(&counts.broken_off, __ATOMIC_RELAXED);
}

/* Worker's thread. */
static void
on_transferred(void *ctx, const struct sockaddr *to, const struct xfrout_facts *facts, bool whole,
    uint64_t ms)
{
	char zone[DNAME_TEXT_MAX], client[PEER_TEXT], from[24] = "", key[8 + DNAME_TEXT_MAX] = "";

	(void)ctx;
	__atomic_fetch_add(whole ? &counts.sent : &counts.broken_off, 1, __ATOMIC_RELAXED);
	name_print_plain(zone, facts->origin);
	if (facts->incremental)
		snprintf(from, sizeof(from), " from %" PRIu32, facts->since);
	if (facts->key != NULL) {
		strcpy(key, ", key ");
		name_print_plain(key + strlen(key), facts->key->name);
	}
	log_note("zone %s: %s%s to serial %" PRIu32 " for %s%s%s: %" PRIu64 " record%s, %" PRIu64
	    " octets in %" PRIu64 " ms", zone, facts->how, from, facts->serial,
	    peer_print(client, to), key, whole ? "" : " broken off", facts->records, PLURAL(facts->records),
	    facts->octets, ms);
}

/* Worker's thread.  Flags: + recursion desired, S signed, E EDNS, T by TCP, D DNSSEC. */
static void
on_asked(void *ctx, const struct sockaddr *from, const struct query_asked *asked)
{
	char client[PEER_TEXT], name[DNAME_TEXT_MAX], type[RRTYPE_TEXT_MAX];

	(void)ctx;
	name_print_plain(name, asked->name);
	log_note("client %s: query: %s %s %s %s%s%s%s%s", peer_print(client, from), name,
	    asked->class == 1 ? "IN" : asked->class == 3 ? "CH" : "?", rrtype_print(type, asked->type),
	    asked->recursion ? "+" : "-", asked->signed_by != NULL ? "S" : "", asked->edns ? "E" : "",
	    asked->tcp ? "T" : "", asked->dnssec ? "D" : "");
}

struct query_server *
server_new(const struct conf *conf, const struct tsig_keys *keys, struct history *history, bool log_queries)
{
	struct query_server *server = xcalloc(1, sizeof(*server));

	server->edns_udp_size = conf->edns_udp_size;
	server->version = conf->version;
	server->server_id = conf->server_id;
	server->hostname = conf->hostname;
	server->minimal_responses = conf->minimal_responses;
	server->keys = keys;
	server->transfers = (struct query_transfers){
		.at_once = conf->transfers_out,
		.message_size = conf->transfer_message_size,
	};
	server->one_answer = (struct query_right){ wants_one_answer, conf };
	server->notified = on_notified;
	server->notified_unknown = on_notified_unknown;
	server->ctx = (void *)(uintptr_t)conf;
	server->history = history;
	server->asked = log_queries ? on_asked : NULL;
	server->refused = refused_tell;
	server->transferred = on_transferred;
	return server;
}
