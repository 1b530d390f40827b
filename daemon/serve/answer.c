#include "daemon/serve/answer.h"

#include <string.h>

#include "daemon/serve/deny.h"

/* Targets whose addresses were added; more are not told apart, and so may come twice. */
#define SEEN 32

/* A wildcard that was used on the way, to be proven in the authority section. */
struct used {
	const uint8_t *name;
	const struct node *encloser;
};

struct asking {
	const struct zone *zone;
	const struct question *question;
	struct answer_style style;
	struct message *message;
	struct answer_scratch *scratch;
	size_t origin_len;

	/* The name asked for now: the question's, or that of an alias. */
	const uint8_t *name;		/* in lower case */
	struct owner owner;
	unsigned aliases;

	/* What zone_find() said about it. */
	struct zone_found found;
	bool wildcard;

	unsigned wildcards;
	struct used used[ANSWER_CHAIN + 1];

	const struct rrset *set;	/* the answer; its targets get their addresses added */
	bool left_out;			/* glue that is not required */
	unsigned seen_count;
	const struct node *seen[SEEN];
};

/* --- records --- */

static bool
put(struct asking *a, struct owner *owner, struct pair pair)
{
	return message_rrset(a->message, owner, pair.set, pair.set->ttl) &&
	    (!a->style.dnssec || pair.sigs == NULL ||
	    message_rrset(a->message, owner, pair.sigs, pair.sigs->ttl));
}

/* The same, but both or neither. */
static bool
put_whole(struct asking *a, struct owner *owner, struct pair pair)
{
	struct message_mark mark = message_mark(a->message);

	if (put(a, owner, pair))
		return true;
	message_back(a->message, mark);
	return false;
}

/* The owner of a node, buf holding its name.  A name above the question's stands there already. */
static struct owner
owner_of(const struct asking *a, const struct node *node, bool above,
    uint8_t buf[DNAME_MAX])
{
	size_t len = zone_owner(a->zone, node, buf);

	if (above && a->aliases == 0 && len > 1)
		return (struct owner){ buf, message_question_suffix(a->message, len) };
	return (struct owner){ buf, 0 };
}

/* --- additional section --- */

/* Where in RDATA stands the name that addresses are added for (RFC 1035 3.3, RFC 2782, RFC 9460 4.1)? */
static int
target_offset(uint16_t type)
{
	switch (type) {
	case T_NS:
		return 0;
	case T_MX: case T_SVCB: case T_HTTPS:
		return 2;
	case T_SRV:
		return 6;
	}
	return -1;
}

static bool
seen(struct asking *a, const struct node *node)
{
	for (unsigned i = 0; i < a->seen_count; i++)
		if (a->seen[i] == node)
			return true;
	if (a->seen_count < SEEN)
		a->seen[a->seen_count++] = node;
	return false;
}

/* The addresses of a target, but for those that are the answer. */
static bool
put_addresses(struct asking *a, const uint8_t *name, const struct node *node)
{
	static const uint16_t types[] = { T_A, T_AAAA };
	struct owner owner = { name, 0 };

	if (seen(a, node))
		return true;
	for (unsigned i = 0; i < 2; i++) {
		struct pair pair = node_pair(node, types[i]);

		if (pair.set != NULL && pair.set != a->set &&
		    !put_whole(a, &owner, pair))
			return false;
	}
	return true;
}

/* The addresses of what a set names, as far as there is room.  Glue is for those who follow a delegation, so
 * only for NS are names below a cut looked at. */
static void
put_targets(struct asking *a, const uint8_t *owner, const struct rrset *set)
{
	int offset = target_offset(set->type);
	const uint8_t *p = set->rdata;

	for (unsigned i = 0; offset >= 0 && i < set->count; i++, p += 2 + get16(p)) {
		const uint8_t *name = p + 2 + offset;
		const struct node *node;

		if (name[0] == 0) {
			/* "." is the owner itself (RFC 9460 2.5.2), or no host (RFC 7505, RFC 2782). */
			if (set->type != T_SVCB && set->type != T_HTTPS)
				continue;
			name = owner;
		}
		node = zone_node(a->zone, name);
		if (node == NULL ||
		    (set->type != T_NS && (node->flags & NODE_OCCLUDED)))
			continue;
		if (!put_addresses(a, name, node))
			return;
	}
}

/* --- referral --- */

static bool
below(const uint8_t *name, const uint8_t *cut, size_t cut_len)
{
	size_t len = name_len(name), i = 0;

	if (len < cut_len)
		return false;
	while (i < len - cut_len)
		i += name[i] + 1u;
	return i == len - cut_len && name_equal(name + i, cut);
}

/* Glue: names below the cut are not to be found otherwise and so must fit (RFC 9471 2.1); those of
 * other delegations may be left out. */
static bool
put_glue(struct asking *a, const struct rrset *ns, const uint8_t *cut)
{
	size_t cut_len = name_len(cut);

	for (int required = 1; required >= 0; required--) {
		const uint8_t *p = ns->rdata;

		for (unsigned i = 0; i < ns->count; i++, p += 2 + get16(p)) {
			const struct node *node;

			if (below(p + 2, cut, cut_len) != required)
				continue;
			node = zone_node(a->zone, p + 2);
			if (node != NULL && !put_addresses(a, p + 2, node)) {
				a->left_out = true;
				return !required;
			}
		}
	}
	return true;
}

static enum answer_outcome
make_referral(struct asking *a, const struct node *cut)
{
	uint8_t buf[DNAME_MAX];
	struct owner owner = owner_of(a, cut, true, buf);
	struct pair ns = node_pair(cut, T_NS), ds;
	struct message *m = a->message;

	m->section = SECTION_AUTHORITY;
	/* NS above a cut is not signed (RFC 4035 2.2). */
	if (!message_rrset(m, &owner, ns.set, ns.set->ttl))
		return ANSWER_CUT_SHORT;
	if (a->style.dnssec) {
		struct denial d;

		ds = node_pair(cut, T_DS);
		if (ds.set != NULL) {
			/* Unsigned it says nothing to who validates. */
			if (ds.sigs != NULL && !put(a, &owner, ds))
				return ANSWER_CUT_SHORT;
		} else {
			uint8_t lower[DNAME_MAX];

			name_lower(lower, buf);
			deny_begin(&d, a->zone, m, &a->scratch->denied);
			if (!deny_type(&d, lower, cut))
				return ANSWER_CUT_SHORT;
		}
	}
	m->section = SECTION_ADDITIONAL;
	return put_glue(a, ns.set, buf) ? ANSWER_REFERRAL : ANSWER_CUT_SHORT;
}

static enum answer_outcome
refer(struct asking *a, const struct node *cut)
{
	struct recent *recent = &a->scratch->recent;
	struct recent_key key = { zone_id(a->zone), cut,
	    a->style.dnssec ? RECENT_SIGNED_REFERRAL : RECENT_REFERRAL };
	size_t cut_len = cut->name_len + a->origin_len;
	enum answer_outcome outcome;
	bool keep;

	if (a->aliases > 0)
		return make_referral(a, cut);
	if (recent_copy(recent, key, cut_len, a->message, &keep)) {
		a->message->section = SECTION_ADDITIONAL;
		return ANSWER_REFERRAL;
	}
	outcome = make_referral(a, cut);
	if (keep && outcome == ANSWER_REFERRAL && !a->left_out)
		recent_keep(recent, key, cut_len, a->message);
	return outcome;
}

/* --- authority section of the rest --- */

/* SOA with the TTL of negative answers (RFC 2308 3, 5). */
static bool
make_soa(struct asking *a)
{
	uint8_t buf[DNAME_MAX];
	const struct node *apex = zone_apex(a->zone);
	struct owner owner = owner_of(a, apex, true, buf);
	struct pair soa = node_pair(apex, T_SOA);
	uint32_t minimum = get32(soa.set->rdata + 2 + get16(soa.set->rdata) - 4);
	uint32_t ttl = soa.set->ttl < minimum ? soa.set->ttl : minimum;

	return message_rrset(a->message, &owner, soa.set, ttl) &&
	    (!a->style.dnssec || soa.sigs == NULL ||
	    message_rrset(a->message, &owner, soa.sigs, ttl));
}

static bool
put_soa(struct asking *a)
{
	struct recent *recent = &a->scratch->recent;
	struct recent_key key = { zone_id(a->zone), zone_apex(a->zone),
	    a->style.dnssec ? RECENT_SIGNED_SOA : RECENT_SOA };
	bool keep;

	if (a->aliases > 0)
		return make_soa(a);
	if (recent_copy(recent, key, a->origin_len, a->message, &keep))
		return true;
	if (!make_soa(a))
		return false;
	if (keep)
		recent_keep(recent, key, a->origin_len, a->message);
	return true;
}

/* The zone's own NS, which nobody needs. */
static void
put_apex_ns(struct asking *a)
{
	uint8_t buf[DNAME_MAX];
	const struct node *apex = zone_apex(a->zone);
	struct owner owner = owner_of(a, apex, true, buf);
	struct pair ns = node_pair(apex, T_NS);

	if (ns.set == NULL || ns.set == a->set || !put_whole(a, &owner, ns))
		return;
	a->message->section = SECTION_ADDITIONAL;
	put_targets(a, buf, ns.set);
}

/* Large answers to those who have the zone's NS already. */
static bool
for_validators(uint16_t type)
{
	return type == T_DS || type == T_DNSKEY || type == T_CDS || type == T_CDNSKEY;
}

/* The proofs of the wildcards on the way; a last one without the type asked for has its own. */
static bool
put_wildcards(struct asking *a, struct denial *d)
{
	for (unsigned i = 0; i < a->wildcards; i++)
		if (!deny_closer(d, a->used[i].name, a->used[i].encloser))
			return false;
	return true;
}

static bool
put_denial(struct asking *a, struct denial *d, enum answer_outcome outcome)
{
	if (!put_soa(a))
		return false;
	if (!a->style.dnssec)
		return true;
	if (!put_wildcards(a, d))
		return false;
	if (outcome == ANSWER_NXDOMAIN)
		return deny_name(d, a->name, a->found.encloser);
	if (a->wildcard)
		return deny_wildcard_type(d, a->name, a->found.encloser,
		    a->found.node);
	return deny_type(d, a->name, a->found.node);
}

static enum answer_outcome
finish(struct asking *a, enum answer_outcome outcome)
{
	struct message *m = a->message;
	struct denial d;

	m->section = SECTION_AUTHORITY;
	if (a->style.dnssec && (a->wildcards > 0 || outcome == ANSWER_NODATA ||
	    outcome == ANSWER_NXDOMAIN))
		deny_begin(&d, a->zone, m, &a->scratch->denied);
	switch (outcome) {
	case ANSWER_NXDOMAIN:
		m->rcode = RCODE_NXDOMAIN;
		/* fall through */
	case ANSWER_NODATA:
		return put_denial(a, &d, outcome) ? outcome : ANSWER_CUT_SHORT;
	case ANSWER_REFERRAL:
		if (a->aliases == 0)
			m->flags &= (uint16_t)~MESSAGE_AA;
		if (a->style.dnssec && a->wildcards > 0 && !put_wildcards(a, &d))
			return ANSWER_CUT_SHORT;
		return refer(a, a->found.node);
	case ANSWER_FOUND:
	case ANSWER_CHAINED:
		if (a->style.dnssec && a->wildcards > 0 && !put_wildcards(a, &d))
			return ANSWER_CUT_SHORT;
		if (!a->style.minimal && outcome == ANSWER_FOUND &&
		    !for_validators(a->question->type))
			put_apex_ns(a);
		m->section = SECTION_ADDITIONAL;
		if (a->set != NULL && (!a->style.minimal || a->set->type == T_NS))
			put_targets(a, a->name, a->set);
		return outcome;
	case ANSWER_CUT_SHORT:
		break;
	}
	return ANSWER_CUT_SHORT;
}

/* --- answer section --- */

/* A step of the way: its outcome, or that there is another. */
enum { STEP_ON = -1 };

/* A chain that does not end is the zone's fault and the asker's to know. */
static int
give_up(struct asking *a)
{
	a->message->rcode = RCODE_SERVFAIL;
	return ANSWER_CHAINED;
}

/* Go on at an alias's target, when it is in this zone. */
static int
follow(struct asking *a, const uint8_t *target)
{
	struct answer_alias *alias = a->scratch->alias;
	size_t len;

	if (a->aliases == ANSWER_CHAIN)
		return give_up(a);
	len = name_lower(alias[a->aliases].name, target);
	if (!below(alias[a->aliases].name, zone_origin(a->zone), a->origin_len))
		return ANSWER_CHAINED;
	if (memcmp(alias[a->aliases].name, a->question->name, len) == 0)
		return give_up(a);
	for (unsigned i = 0; i < a->aliases; i++)
		if (memcmp(alias[a->aliases].name, alias[i].name, len) == 0)
			return give_up(a);
	a->name = alias[a->aliases++].name;
	a->owner = (struct owner){ target, 0 };
	return STEP_ON;
}

/* Below a DNAME: the record, and the CNAME that it means for this name (RFC 6672 3.1). */
static int
redirect(struct asking *a, const struct node *node)
{
	uint8_t buf[DNAME_MAX];
	struct pair dname = node_pair(node, T_DNAME);
	struct owner owner = owner_of(a, node, true, buf);
	const uint8_t *to = dname.set->rdata + 2;
	size_t front = name_len(a->name) - name_len(buf), to_len = name_len(to);
	uint8_t *target;

	if (a->aliases == ANSWER_CHAIN)
		return give_up(a);
	if (!put(a, &owner, dname))
		return ANSWER_CUT_SHORT;
	if (front + to_len > DNAME_MAX) {
		a->message->rcode = RCODE_YXDOMAIN;
		return ANSWER_CHAINED;
	}
	target = a->scratch->alias[a->aliases].wire;
	memcpy(target, a->owner.name, front);
	memcpy(target + front, to, to_len);
	if (!message_cname(a->message, &a->owner, dname.set->ttl, target))
		return ANSWER_CUT_SHORT;
	if (a->question->type == T_CNAME || a->question->type == T_ANY)
		return ANSWER_FOUND;
	return follow(a, target);
}

/* ANY, or all the signatures. */
static int
take_many(struct asking *a, const struct node *node)
{
	bool sigs = a->question->type == T_RRSIG;
	unsigned taken = 0;

	for (unsigned i = 0; i < node->count; i++) {
		const struct rrset *set = node->set[i];

		if (sigs && set->type != T_RRSIG)
			continue;
		if (!sigs && !a->style.any_whole && set->type == T_RRSIG &&
		    (!a->style.dnssec || taken == 0))
			continue;
		if (!sigs && !a->style.any_whole && set->type != T_RRSIG && taken > 0)
			break;
		if (!message_rrset(a->message, &a->owner, set, set->ttl))
			return ANSWER_CUT_SHORT;
		taken++;
	}
	return taken > 0 ? ANSWER_FOUND : ANSWER_NODATA;
}

/* At a node that owns the name, or a wildcard that stands for it. */
static int
take(struct asking *a, const struct node *node)
{
	uint16_t type = a->question->type;
	struct pair pair;

	if (type == T_ANY || type == T_RRSIG)
		return take_many(a, node);
	pair = node_pair(node, type);
	if (pair.set != NULL) {
		a->set = pair.set;
		return put(a, &a->owner, pair) ? ANSWER_FOUND : ANSWER_CUT_SHORT;
	}
	/* KEY and NSEC stand beside a CNAME (RFC 2181 10.1, RFC 4035 2.5), so that it does not speak for them. */
	if (type == T_NSEC || type == T_KEY)
		return ANSWER_NODATA;
	pair = node_pair(node, T_CNAME);
	if (pair.set == NULL)
		return ANSWER_NODATA;
	if (!put(a, &a->owner, pair))
		return ANSWER_CUT_SHORT;
	return follow(a, pair.set->rdata + 2);
}

/* At a cut, DS belongs to the side above, whether it is there or not (RFC 4035 3.1.4.1), and so does the NSEC that we
 * have of it (RFC 4035 2.3). */
static bool
above_cut(const struct node *cut, uint16_t type)
{
	return type == T_DS || (type == T_NSEC && node_set(cut, T_NSEC) != NULL);
}

static int
step(struct asking *a)
{
	const struct node *node;
	int result;

	a->wildcard = false;
	switch (zone_find(a->zone, a->name, &a->found)) {
	case ZONE_CUT:
		return ANSWER_REFERRAL;
	case ZONE_DNAME:
		return redirect(a, a->found.node);
	case ZONE_NONE:
		return ANSWER_NXDOMAIN;
	case ZONE_WILDCARD:
		a->wildcard = true;
		break;
	case ZONE_EXACT:
		if ((a->found.node->flags & NODE_CUT) &&
		    !above_cut(a->found.node, a->question->type))
			return ANSWER_REFERRAL;
		break;
	}
	node = a->found.node;
	if (!a->wildcard)
		return take(a, node);
	a->used[a->wildcards] = (struct used){ a->name, a->found.encloser };
	result = take(a, node);
	if (result != ANSWER_NODATA)
		a->wildcards++;
	return result;
}

enum answer_outcome
answer(struct answer_scratch *scratch, const struct zone *zone,
    const struct question *question, struct answer_style style,
    struct message *m)
{
	struct asking a;
	int result;

	a.zone = zone;
	a.question = question;
	a.style = style;
	a.message = m;
	a.scratch = scratch;
	a.origin_len = name_len(zone_origin(zone));
	a.name = question->name;
	a.owner = (struct owner){ question->wire,
	    question->name_len > 1 ? MESSAGE_HEADER : 0 };
	a.aliases = a.wildcards = a.seen_count = 0;
	a.set = NULL;
	a.left_out = false;
	m->flags |= MESSAGE_AA;
	m->section = SECTION_ANSWER;
	do
		result = step(&a);
	while (result == STEP_ON);
	if (result != ANSWER_CUT_SHORT)
		result = finish(&a, (enum answer_outcome)result);
	if (result == ANSWER_CUT_SHORT) {
		m->flags |= MESSAGE_TC;
		/* Half an answer is of no use; half of the glue is. */
		if (m->section != SECTION_ADDITIONAL)
			message_clear(m);
	}
	return (enum answer_outcome)result;
}
