#include "daemon/transfer/xfrout.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"

/* All names of a message of this size can be pointed at: larger ones carry more octets. */
#define BEST_SIZE 16383
#define LEAST_SIZE 1024		/* question, OPT, TSIG, and some */

/* What is sent next.
 *
 *	AXFR  FIRST -> NODES -----------> LAST -> END
 *	IXFR  FIRST -> REMOVED -> ADDED -> LAST -> END
 */
enum stage { FIRST, NODES, REMOVED, ADDED, LAST, END };

struct xfrout {
	struct zone *zone;
	enum stage stage;
	bool begun;			/* the first message is out */

	/* IXFR */
	bool asked_ixfr, waits;
	uint32_t since;
	struct history *history;
	unsigned ratio;
	struct change *change;		/* NULL: the whole zone */
	struct delta_walk changes;
	struct rr rr;			/* did not fit into the message before */
	bool rr_left;

	/* The whole zone: the next record is of a set of a node. */
	struct zone_walk walk;
	const struct node *node;
	unsigned set;
	const uint8_t *rdata;
	unsigned left;			/* records of the set; 0: it has not begun */
	uint8_t owner[DNAME_MAX];

	/* The messages. */
	struct question question;
	uint8_t asked[DNAME_MAX + 4];
	uint16_t id, flags;
	uint8_t *opt;
	size_t opt_len;
	struct tsig tsig;
	size_t size;
	bool one_answer;
	unsigned max_ms, idle_ms;
	uint64_t records, octets;
};

static atomic_uint count;

void
xfrout_time(const struct xfrout *x, unsigned *max_ms, unsigned *idle_ms)
{
	*max_ms = x->max_ms;
	*idle_ms = x->idle_ms;
}

unsigned
xfrout_count(void)
{
	return atomic_load_explicit(&count, memory_order_relaxed);
}

struct xfrout *
xfrout_axfr(struct zone *zone, const struct xfrout_request *request)
{
	const struct question *q = request->question;
	struct xfrout *x = xcalloc(1, sizeof(*x));

	atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
	x->zone = zone_ref(zone);
	x->question = *q;
	memcpy(x->asked, q->wire, q->name_len + 4u);
	x->question.wire = x->asked;
	x->id = request->id;
	x->flags = request->flags;
	if (request->opt_len > 0) {
		x->opt = xmalloc(request->opt_len);
		memcpy(x->opt, request->opt, request->opt_len);
		x->opt_len = request->opt_len;
	}
	x->tsig = request->tsig;
	tsig_key_ref(x->tsig.key);
	x->size = request->datagram ? request->message_size :
	    request->message_size == 0 ? BEST_SIZE :
	    request->message_size < LEAST_SIZE ? LEAST_SIZE :
	    request->message_size < MESSAGE_MAX ? request->message_size : MESSAGE_MAX;
	x->one_answer = request->one_answer;
	x->max_ms = request->max_ms;
	x->idle_ms = request->idle_ms;
	return x;
}

struct xfrout *
xfrout_ixfr(struct zone *zone, uint32_t since, struct history *history, unsigned ratio,
    const struct xfrout_request *request)
{
	struct xfrout *x = xfrout_axfr(zone, request);

	x->asked_ixfr = true;
	x->since = since;
	x->history = history;
	x->ratio = ratio;
	x->waits = history != NULL;
	return x;
}

bool
xfrout_waits(const struct xfrout *x)
{
	return x->waits;
}

void
xfrout_prepare(struct xfrout *x)
{
	struct change *change = history_change(x->history, x->zone, x->since);

	x->waits = false;
	if (change != NULL && x->ratio > 0) {
		const struct delta *delta = change_delta(change);
		uint64_t changes = delta_removed(delta) + delta_added(delta);

		if (changes * 100 > (uint64_t)zone_records(x->zone) * x->ratio) {
			change_unref(change);
			change = NULL;
		}
	}
	x->change = change;
}

void
xfrout_free(struct xfrout *x)
{
	tsig_end(&x->tsig);
	tsig_key_unref(x->tsig.key);
	change_unref(x->change);
	zone_unref(x->zone);
	free(x->opt);
	free(x);
	atomic_fetch_sub_explicit(&count, 1, memory_order_relaxed);
}

/* --- records: all return false when the message is full --- */

static bool
has_its_one(const struct xfrout *x, const struct message *m)
{
	return x->one_answer && m->count[SECTION_ANSWER] > 0;
}

static bool
put_soa(struct xfrout *x, struct message *m)
{
	struct owner owner = { zone_origin(x->zone),
	    m->question_len > 0 ? MESSAGE_HEADER : 0 };
	const struct rrset *soa = zone_soa(x->zone);

	return !has_its_one(x, m) && message_rrset(m, &owner, soa, soa->ttl);
}

static void
enter_node(struct xfrout *x, const struct node *node)
{
	x->node = node;
	x->set = 0;
	x->left = 0;
	if (node != NULL)
		zone_owner(x->zone, node, x->owner);
}

static bool
put_set(struct xfrout *x, struct message *m, struct owner *owner, const struct rrset *set)
{
	/* The apex's SOA is sent first and last. */
	if (set->type == T_SOA && x->node == zone_apex(x->zone))
		return true;
	if (x->left == 0) {
		x->rdata = set->rdata;
		x->left = set->count;
	}
	if (x->one_answer) {
		unsigned one = 1;

		if (has_its_one(x, m))
			return false;
		message_part(m, owner, set, &x->rdata, &one);
		x->left -= 1 - one;
	} else {
		message_part(m, owner, set, &x->rdata, &x->left);
	}
	return x->left == 0;
}

static bool
put_nodes(struct xfrout *x, struct message *m)
{
	while (x->node != NULL) {
		struct owner owner = { x->owner, 0 };

		for (; x->set < x->node->count; x->set++)
			if (!put_set(x, m, &owner, x->node->set[x->set]))
				return false;
		enter_node(x, zone_next(&x->walk));
	}
	return true;
}

static bool
put_changes(struct xfrout *x, struct message *m)
{
	struct owner owner = { NULL, 0 };

	for (;;) {
		const struct rr *rr = &x->rr;

		if (!x->rr_left && !delta_next(&x->changes, &x->rr))
			return true;
		x->rr_left = true;
		/* Those of one owner follow each other. */
		if (owner.name == NULL || !name_equal(owner.name, rr->owner))
			owner = (struct owner){ rr->owner, 0 };
		if (has_its_one(x, m) ||
		    !message_rr(m, &owner, rr->type, rr->ttl, rr->rdata, rr->len))
			return false;
		x->rr_left = false;
	}
}

static bool
put_stage(struct xfrout *x, struct message *m)
{
	switch (x->stage) {
	case FIRST:
	case LAST:
		return put_soa(x, m);
	case NODES:
		return put_nodes(x, m);
	case REMOVED:
	case ADDED:
		return put_changes(x, m);
	case END:
		break;
	}
	return false;
}

static void
next_stage(struct xfrout *x)
{
	switch (x->stage) {
	case FIRST:
		if (x->change != NULL) {
			delta_walk_removed(&x->changes, change_delta(x->change));
			x->stage = REMOVED;
		} else {
			enter_node(x, zone_walk(&x->walk, x->zone));
			x->stage = NODES;
		}
		break;
	case REMOVED:
		delta_walk_added(&x->changes, change_delta(x->change));
		x->stage = ADDED;
		break;
	case NODES:
	case ADDED:
		x->stage = LAST;
		break;
	case LAST:
	case END:
		x->stage = END;
	}
}

/* --- messages --- */

static bool
fill(struct xfrout *x, struct message *m, struct message_many_names *names, uint8_t *out,
    size_t size)
{
	/* The question is needed once (RFC 5936 2.2.1), as is OPT (2.2.5). */
	size_t rest = tsig_room(&x->tsig) + (x->begun ? 0 : x->opt_len);

	message_begin_many(m, out, size - rest, names, x->begun ? NULL : &x->question);
	m->flags = MESSAGE_AA;
	while (x->stage != END && put_stage(x, m))
		next_stage(x);
	return m->count[SECTION_ANSWER] > 0;
}

static int
finish(struct xfrout *x, struct message *m)
{
	size_t len;

	if (!x->begun && x->opt_len > 0) {
		memcpy(m->base + m->at, x->opt, x->opt_len);
		m->at += x->opt_len;
		m->count[SECTION_ADDITIONAL]++;
	}
	x->begun = true;
	len = message_end(m, x->id, x->flags);
	if (x->tsig.key != NULL)
		len = tsig_sign(&x->tsig, m->base, len, (uint64_t)time(NULL));
	x->records += m->count[SECTION_ANSWER];
	x->octets += len;
	return (int)len;
}

int
xfrout_next(struct xfrout *x, struct message_many_names *names, uint8_t *out)
{
	struct message m;

	if (x->stage == END)
		return 0;
	/* A record that needs more gets more. */
	if (!fill(x, &m, names, out, x->size) && !fill(x, &m, names, out, MESSAGE_MAX))
		return -1;
	return finish(x, &m);
}

int
xfrout_datagram(struct xfrout *x, struct message_many_names *names, uint8_t *out)
{
	struct message m;

	if (x->change != NULL) {
		fill(x, &m, names, out, x->size);
		if (x->stage == END)
			return finish(x, &m);
		change_unref(x->change);
		x->change = NULL;
	}
	x->stage = LAST;
	if (!fill(x, &m, names, out, x->size))
		m.flags |= MESSAGE_TC;
	return finish(x, &m);
}

void
xfrout_facts(const struct xfrout *x, struct xfrout_facts *facts)
{
	*facts = (struct xfrout_facts){
		.origin = zone_origin(x->zone),
		.how = x->change != NULL ? "IXFR" : x->asked_ixfr ? "AXFR-style IXFR" : "AXFR",
		.incremental = x->change != NULL,
		.since = x->since,
		.serial = zone_serial(x->zone),
		.records = x->records,
		.octets = x->octets,
		.key = x->tsig.key,
	};
}
