#include "zonefile/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/check_cds.h"
#include "zonefile/check_dnssec.h"
#include "zonefile/index.h"
#include "zonefile/name.h"
#include "zonefile/version.h"
#include "zonefile/zonemd.h"

/* BIND's for zones of type primary. */
const struct checks checks_default = {
	.severity = {
		[CHECK_NAMES] = ERROR, [CHECK_DUP_RECORDS] = WARNING, [CHECK_INTEGRITY] = WARNING,
		[CHECK_SIBLING] = WARNING, [CHECK_MX] = WARNING, [CHECK_MX_CNAME] = WARNING,
		[CHECK_SRV_CNAME] = WARNING, [CHECK_WILDCARD] = WARNING, [CHECK_SPF] = WARNING,
		[CHECK_SVCB] = ERROR, [CHECK_DNSSEC] = WARNING, [CHECK_ZONEMD] = WARNING,
	},
	.max_records_per_type = 100,
	.max_types_per_name = 100,
};

struct state {
	const struct zone *zone;
	const struct checks *checks;
	struct sink *sink;
	const struct zone_walk *walk;	/* behind the node that is looked at, or NULL */
	int err;
};

/* What may be wrong with the target of a record. */
enum target { ABSENT, ALIAS, BELOW_DNAME, NO_ADDRESS, NO_GLUE, NO_SIBLING };

static const char *const targets[] = {		/* behind the name of the target */
	[ABSENT] = "does not exist",
	[ALIAS] = "is an alias (CNAME), which RFC 2181 10.3 forbids",
	[BELOW_DNAME] = "is below a DNAME and so an alias",
	[NO_ADDRESS] = "has no A or AAAA record",
	[NO_GLUE] = "is below the delegation and has no A or AAAA record (glue) here",
	[NO_SIBLING] = "is below another delegation and has no A or AAAA record (glue) here",
};

static bool
has_address(const struct node *node)
{
	return node_set(node, T_A) != NULL || node_set(node, T_AAAA) != NULL;
}

/* Is a name of the zone at or below the node? */
static bool
is_below(const struct zone *zone, const uint8_t *name, const struct node *node)
{
	struct rel rel = { name, (unsigned)(name_len(name) - name_len(zone_origin(zone))) };

	return rel_below(rel, rel_of(node)) || rel_cmp(rel, rel_of(node)) == 0;
}

/* What is wrong with a name of this zone that a client will ask addresses of; -1: nothing. */
static int
check_target(const struct state *s, const struct node *owner, const uint8_t *target)
{
	const struct zone *zone = s->zone;
	uint8_t name[DNAME_MAX];
	struct zone_found found;
	const struct node *node;

	/* No cut is above this one, so glue is where its name is. */
	if (owner->flags & NODE_CUT && is_below(zone, target, owner)) {
		node = s->walk != NULL ? zone_walk_glue(s->walk, target) : zone_node(zone, target);
		return node != NULL && has_address(node) ? -1 : NO_GLUE;
	}
	name_lower(name, target);
	switch (zone_find(zone, name, &found)) {
	case ZONE_NONE:
		return ABSENT;
	case ZONE_DNAME:
		return BELOW_DNAME;
	case ZONE_CUT:
		/* Where MX and SRV lead below a delegation is that one's business. */
		if ((owner->flags & NODE_CUT) == 0)
			return -1;
		node = zone_node(zone, name);
		return node != NULL && has_address(node) ? -1 : NO_SIBLING;
	case ZONE_EXACT:
	case ZONE_WILDCARD:
		break;
	}
	if (has_address(found.node))
		return -1;
	if (found.node->flags & NODE_CUT)
		return owner->flags & NODE_CUT ? NO_SIBLING : -1;
	return node_set(found.node, T_CNAME) != NULL ? ALIAS : NO_ADDRESS;
}

/* A sentence about a node, that begins with its name and a type. */
static void __attribute__((format(printf, 5, 6), noinline, cold))
say(struct state *s, enum severity severity, const struct node *node, uint16_t type, const char *fmt, ...)
{
	char of[DNAME_TEXT_MAX], owner[DNAME_TEXT_MAX], word[RRTYPE_TEXT_MAX], text[DNAME_TEXT_MAX + 256];
	uint8_t wire[DNAME_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	zone_owner(s->zone, node, wire);
	name_print(owner, wire);
	name_print_plain(of, zone_origin(s->zone));
	report_zone(s->sink, severity, of, "%s %s: %s", owner, rrtype_print(word, type), text);
	if (severity == ERROR)
		s->err = -EINVAL;
}

/* Is the name what "ns.example.org" without its last dot becomes in example.org? */
static bool
has_zone_twice(const uint8_t *name, const uint8_t *origin)
{
	uint8_t without[DNAME_MAX];
	size_t len = name_len(name) - name_len(origin);

	memcpy(without, name, len);
	without[len] = 0;
	return *origin != 0 && name_under(without, origin);
}

static void
say_target(struct state *s, const struct node *node, uint16_t type, const uint8_t *target, enum target fault)
{
	const uint8_t *severity = s->checks->severity;
	enum severity is = severity[CHECK_INTEGRITY];
	char name[DNAME_TEXT_MAX];

	if ((fault == ALIAS || fault == BELOW_DNAME) && type != T_NS)
		is = severity[type == T_MX ? CHECK_MX_CNAME : CHECK_SRV_CNAME];
	if (fault == NO_SIBLING && severity[CHECK_SIBLING] < is)
		is = severity[CHECK_SIBLING];
	/* Without its own servers a zone is nowhere. */
	if (type == T_NS && node->name_len == 0 && is == WARNING)
		is = ERROR;
	if (is == NOTE)
		return;
	name_print(name, target);
	say(s, is, node, type, "%s %s%s", name, targets[fault], fault == ABSENT &&
	    has_zone_twice(target, zone_origin(s->zone)) ? "; is a dot missing at its end in the file?" : "");
}

static void
check_targets(struct state *s, const struct node *node, const struct rrset *set)
{
	size_t skip = set->type == T_NS ? 0 : set->type == T_MX ? 2 : 6;
	const uint8_t *at = set->rdata, *origin = zone_origin(s->zone);
	size_t origin_len = name_len(origin), len;
	int fault;

	for (unsigned i = 0; i < set->count; i++, at += 2 + len) {
		const uint8_t *target = at + 2 + skip;

		len = at[0] << 8 | at[1];
		/* The root as a target means: none (RFC 7505, RFC 2782). */
		if (*target == 0 || !name_inside(target, len - skip, origin, origin_len))
			continue;
		if ((fault = check_target(s, node, target)) >= 0)
			say_target(s, node, set->type, target, fault);
	}
}

/* Four numbers, or an IPv6 address, as labels and nothing behind them but the zone. */
static bool
is_address(const uint8_t *name, const uint8_t *origin)
{
	char text[DNAME_TEXT_MAX];
	uint8_t front[DNAME_MAX], address[16];
	size_t len = name_len(name) - 1;

	if (name_under(name, origin))
		len = name_len(name) - name_len(origin);
	memcpy(front, name, len);
	front[len] = 0;
	name_print_plain(text, front);
	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static void
check_exchanges(struct state *s, const struct node *node, const struct rrset *set)
{
	const uint8_t *at = set->rdata;
	char name[DNAME_TEXT_MAX];

	for (unsigned i = 0; i < set->count; i++, at += 2 + (at[0] << 8 | at[1])) {
		if (!is_address(at + 4, zone_origin(s->zone)))
			continue;
		name_print(name, at + 4);
		say(s, s->checks->severity[CHECK_MX], node, T_MX, "%s is an address and not the name of a host", name);
	}
}

/* Records that nobody will be answered with. */
static void
check_hidden(struct state *s, const struct node *node, const struct rrset *set)
{
	uint16_t type = set->type;

	if (type == T_A || type == T_AAAA || type == T_RRSIG || type == T_NSEC || type == T_NSEC3)
		return;
	if (node->flags & NODE_OCCLUDED) {
		if (type != T_NS && type != T_DS)
			say(s, WARNING, node, type, "is below a delegation or a DNAME and so never answered");
	} else if (type != T_NS && type != T_DS)
		say(s, WARNING, node, type, "is at a delegation and so never answered");
}

static bool
says_spf(const struct rrset *set)
{
	const uint8_t *at = set != NULL ? set->rdata : NULL;

	for (unsigned i = 0; set != NULL && i < set->count; i++, at += 2 + (at[0] << 8 | at[1]))
		if (at[2] >= 6 && memcmp(at + 3, "v=spf1", 6) == 0 && (at[2] == 6 || at[9] == ' '))
			return true;
	return false;
}

/* Names of servers of DNS begin with _dns, or a port and _dns (RFC 9461 3). */
static bool
names_dns(const uint8_t *owner)
{
	static const uint8_t dns[] = "\4_dns";

	if (owner[0] > 1 && owner[1] == '_' && owner[2] >= '0' && owner[2] <= '9')
		owner += owner[0] + 1;
	for (unsigned i = 0; i < sizeof(dns) - 1; i++)
		if (name_tolower[owner[i]] != dns[i])
			return false;
	return true;
}

static void
check_svcb(struct state *s, const struct node *node, const struct rrset *set)
{
	const uint8_t *at = set->rdata;
	uint8_t owner[DNAME_MAX];
	size_t len;

	zone_owner(s->zone, node, owner);
	for (unsigned i = 0; names_dns(owner) && i < set->count; i++, at += 2 + len) {
		const uint8_t *end = at + 2 + (len = at[0] << 8 | at[1]), *p = at + 4;
		bool alpn = false, http = false, path = false;

		if (at[2] == 0 && at[3] == 0)
			continue;
		for (p += name_len(p); p < end; p += 4 + (p[2] << 8 | p[3])) {
			unsigned key = p[0] << 8 | p[1], size = p[2] << 8 | p[3];

			path |= key == 7;
			alpn |= key == 1;
			for (unsigned k = 0; key == 1 && k < size; k += p[4 + k] + 1)
				http |= p[4 + k] == 2 && p[5 + k] == 'h';
		}
		if (!alpn)
			say(s, s->checks->severity[CHECK_SVCB], node, set->type, "a server of DNS needs alpn (RFC 9461 4.1)");
		else if (http && !path)
			say(s, s->checks->severity[CHECK_SVCB], node, set->type, "DNS over HTTPS needs dohpath (RFC 9461 5.1)");
	}
}

/* A record and the octets before its name. */
struct folded {
	const uint8_t *rdata;
	size_t len;
	int numbers;
};

/* The name with letters in lower case. */
static int
folded_cmp(const void *a, const void *b)
{
	const struct folded *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	for (size_t i = 0; i < x->len; i++) {
		bool name = i >= (size_t)x->numbers;
		int order = name ? name_tolower[x->rdata[i]] - name_tolower[y->rdata[i]] : x->rdata[i] - y->rdata[i];

		if (order != 0)
			return order;
	}
	return 0;
}

/* Octets before the name of types that end in names, whose case tells records apart for DNSSEC and not for
 * DNS; -1: not one of these types. */
static int
numbers_before_name(uint16_t type)
{
	switch (type) {
	case 23:	/* NSAP-PTR */
	case 58:	/* TALINK */
		return 0;
	case 107:	/* LP */
		return 2;
	case 66:	/* DSYNC */
		return 5;
	default:
		return -1;
	}
}

static void
check_doubles(struct state *s, const struct node *node, const struct rrset *set)
{
	struct folded *record = xmalloc(set->count * sizeof(*record));
	const uint8_t *at = set->rdata;

	for (unsigned i = 0; i < set->count; i++, at += 2 + (at[0] << 8 | at[1]))
		record[i] = (struct folded){ at + 2, at[0] << 8 | at[1], numbers_before_name(set->type) };
	qsort(record, set->count, sizeof(*record), folded_cmp);
	for (unsigned i = 1; i < set->count; i++)
		if (folded_cmp(&record[i - 1], &record[i]) == 0)
			say(s, s->checks->severity[CHECK_DUP_RECORDS], node, set->type,
			    "two records differ only in the case of a name");
	free(record);
}

static void
check_star(struct state *s, const struct node *node)
{
	const uint8_t *label = node_name(node), *end = label + node->name_len;

	while (label < end && (label += *label + 1) < end)
		if (label[0] == 1 && label[1] == '*' && node->count > 0) {
			say(s, s->checks->severity[CHECK_WILDCARD], node, node->set[0]->type,
			    "the name has * as a label that is not its first, where it is no wildcard");
			return;
		}
}

/* Does a message have room for the set?  Its header and the question take some; the owner of each record is
 * a pointer to the question's name, and size has 2 of the 12 octets that a record takes beside its RDATA. */
static void
check_room(struct state *s, const struct node *node, const struct rrset *set)
{
	uint8_t owner[DNAME_MAX];
	size_t len;

	zone_owner(s->zone, node, owner);
	len = name_len(owner) + 4 + 12 + set->size + 10 * (size_t)set->count;
	if (len <= UINT16_MAX)
		return;
	if (set->count == 1)
		say(s, WARNING, node, set->type, "no message has room for it: it is neither answered nor transferred");
	else
		say(s, WARNING, node, set->type, "no message has room for the %u records of %zu octets: answers are empty"
		    " and truncated, also by TCP", set->count, len);
}

/* Are there checks of one name that look at others? */
static bool
leads(const struct checks *checks)
{
	const uint8_t *severity = checks->severity;

	return severity[CHECK_INTEGRITY] != NOTE || severity[CHECK_MX_CNAME] != NOTE ||
	    severity[CHECK_SRV_CNAME] != NOTE || severity[CHECK_SIBLING] != NOTE;
}

static void
check_set(struct state *s, const struct node *node, const struct rrset *set)
{
	const uint8_t *severity = s->checks->severity;

	if (set->size + 10 * (size_t)set->count > CHECK_ROOM)
		check_room(s, node, set);
	switch (set->type) {
	case T_MX:
		if (severity[CHECK_MX] != NOTE)
			check_exchanges(s, node, set);
		/* fallthrough */
	case T_NS:
	case T_SRV:
		if (leads(s->checks))
			check_targets(s, node, set);
		break;
	case T_SPF:
		if (severity[CHECK_SPF] != NOTE && says_spf(set) && !says_spf(node_set(node, T_TXT)))
			say(s, severity[CHECK_SPF], node, T_SPF, "the same as TXT is missing, and nobody asks for SPF (RFC 7208 3.1)");
		break;
	case T_SVCB:
		if (severity[CHECK_SVCB] != NOTE)
			check_svcb(s, node, set);
		break;
	}
	if (set->count > 1 && severity[CHECK_DUP_RECORDS] != NOTE && numbers_before_name(set->type) >= 0)
		check_doubles(s, node, set);
}

static void
check_parent(struct state *s)
{
	uint16_t type;
	const char *fault = cds_fault(s->zone, &type);

	if (fault != NULL)
		say(s, s->checks->severity[CHECK_DNSSEC], zone_apex(s->zone), type, "%s", fault);
}

static void
check_digest(struct state *s)
{
	enum severity severity = s->checks->severity[CHECK_ZONEMD];

	switch (zonemd_verify(s->zone)) {
	case ZONEMD_WRONG:
		say(s, severity, zone_apex(s->zone), 63, "the zone has another digest (RFC 8976)");
		break;
	case ZONEMD_UNKNOWN:
		say(s, severity, zone_apex(s->zone), 63, "none is for this serial, with a scheme and a hash that are known");
		break;
	case ZONEMD_NONE:
	case ZONEMD_RIGHT:
		break;
	}
}

static void
check_node(struct state *s, const struct node *node)
{
	if (s->checks->severity[CHECK_WILDCARD] != NOTE)
		check_star(s, node);
	if (s->checks->severity[CHECK_INTEGRITY] != NOTE && (node->flags & (NODE_CUT | NODE_OCCLUDED)))
		for (unsigned i = 0; i < node->count; i++)
			check_hidden(s, node, node->set[i]);
	if (node->flags & NODE_OCCLUDED)
		return;
	for (unsigned i = 0; i < node->count; i++)
		check_set(s, node, node->set[i]);
}

static void
check_nodes(struct state *s)
{
	struct zone_walk walk;
	const struct node *node;

	s->walk = &walk;
	for (node = zone_walk(&walk, s->zone); node != NULL; node = zone_next(&walk))
		check_node(s, node);
	s->walk = NULL;
}

/* They lie anywhere, glue behind its delegation: nodes are fetched this many before they are looked at, their
 * sets when they have come. */
#define AHEAD 16

static void
check_odd(struct state *s)
{
	const struct index *names = s->zone->names;
	struct zone_walk walk = { .zone = s->zone };
	size_t number[AHEAD], count = 0, next = 0;

	s->walk = &walk;
	for (size_t done = 0; ; done++) {
		struct index_pos pos, behind;

		for (; count < done + AHEAD && odd_next(s->zone->odd, &next); next++) {
			index_fetch_nodes(names, index_nth(next));
			number[count++ % AHEAD] = next;
		}
		if (done == count)
			break;
		if (done + AHEAD / 2 < count)
			index_fetch_sets(names, index_nth(number[(done + AHEAD / 2) % AHEAD]));
		pos = index_nth(number[done % AHEAD]);
		behind = index_next(names, pos);
		walk.block[0] = behind.block;
		walk.at[0] = behind.at;
		check_node(s, index_at(names, pos));
	}
	s->walk = NULL;
}

static void
check_size(struct state *s)
{
	char of[DNAME_TEXT_MAX];

	if (s->checks->max_records == 0 || zone_records(s->zone) <= s->checks->max_records)
		return;
	name_print_plain(of, zone_origin(s->zone));
	s->err = report_zone(s->sink, ERROR, of, "%zu records, max-records allows %u", zone_records(s->zone),
	    s->checks->max_records);
}

int
check_zone(struct zone *zone, const struct checks *checks, time_t now, struct sink *sink)
{
	struct state s = { .zone = zone, .checks = checks, .sink = sink };

	if (zone->odd != NULL)
		check_odd(&s);
	else
		check_nodes(&s);
	odd_free(zone->odd);
	zone->odd = NULL;
	check_size(&s);
	if (checks->severity[CHECK_DNSSEC] != NOTE) {
		check_parent(&s);
		check_dnssec(zone, checks->severity[CHECK_DNSSEC], now, sink);
		if (checks->severity[CHECK_DNSSEC] == ERROR)
			s.err = sink->errors > 0 ? -EINVAL : s.err;
	}
	if (checks->severity[CHECK_ZONEMD] != NOTE)
		check_digest(&s);
	return s.err;
}

/* --- of a change --- */

static unsigned
hides(const struct node *node)
{
	return node != NULL ? node->flags & (NODE_CUT | NODE_DNAME) : 0;
}

static bool
below_wildcard(const struct zone *zone, const uint8_t *name)
{
	while (*name != 0 && !name_equal(name, zone_origin(zone))) {
		const struct node *above = zone_node(zone, name += *name + 1);

		if (above != NULL && above->flags & NODE_WILD)
			return true;
	}
	return false;
}

/* May names that lead to this one, or below it, lead to something worse than before?  What only came into being was
 * missed before, unless a wildcard stood for it. */
static bool
misleads(const struct zone *from, const struct zone *to, const uint8_t *name)
{
	const struct node *old = zone_node(from, name), *node = zone_node(to, name);
	bool old_alias = old != NULL && node_set(old, T_CNAME) != NULL;
	bool alias = node != NULL && node_set(node, T_CNAME) != NULL;

	if (old == NULL)
		return node != NULL && (alias || node->flags & NODE_DNAME || below_wildcard(from, name));
	if (old_alias != alias || hides(old) != hides(node))
		return true;
	return (has_address(old) && (node == NULL || !has_address(node))) || (node == NULL && below_wildcard(to, name));
}

static void
check_changed(struct state *s, const struct zone *from, const uint8_t *const *name, size_t count)
{
	const uint8_t *all = NULL;	/* below it all nodes have been looked at */
	const struct node *node;
	struct zone_walk walk;

	for (size_t i = 0; leads(s->checks) && i < count; i++)
		if (misleads(from, s->zone, name[i])) {
			check_nodes(s);
			return;
		}
	for (size_t i = 0; i < count; i++) {
		if (all != NULL && name_under(name[i], all))
			continue;
		node = zone_node(s->zone, name[i]);
		if (hides(node) == hides(zone_node(from, name[i]))) {
			if (node != NULL)
				check_node(s, node);
			continue;
		}
		all = name[i];
		for (node = zone_walk_below(&walk, s->zone, all); node != NULL; node = zone_next(&walk))
			check_node(s, node);
	}
}

/* A version shares the sets of the other one that did not change. */
static bool
apex_differs(const struct zone *from, const struct zone *to, uint16_t type)
{
	return node_set(zone_apex(from), type) != node_set(zone_apex(to), type);
}

static int
name_order(const void *a, const void *b)
{
	return name_cmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b);
}

int
check_change(const struct zone *from, struct zone *to, const uint8_t **name, size_t count,
    const struct checks *checks, time_t now, struct sink *sink)
{
	struct state s = { .zone = to, .checks = checks, .sink = sink };
	unsigned errors = sink->errors;
	size_t n = 0;

	qsort(name, count, sizeof(*name), name_order);
	for (size_t i = 0; i < count; i++)
		if (n == 0 || !name_equal(name[n - 1], name[i]))
			name[n++] = name[i];
	check_changed(&s, from, name, n);
	check_size(&s);
	if (checks->severity[CHECK_DNSSEC] != NOTE && (apex_differs(from, to, T_CDS) || apex_differs(from, to, T_CDNSKEY) ||
	    apex_differs(from, to, T_DNSKEY)))
		check_parent(&s);
	if (checks->severity[CHECK_DNSSEC] != NOTE)
		check_dnssec_change(from, to, name, n, checks->severity[CHECK_DNSSEC], now, sink);
	if (checks->severity[CHECK_ZONEMD] != NOTE)
		check_digest(&s);
	return sink->errors > errors ? -EINVAL : s.err;
}
