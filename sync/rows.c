/* rows.c - a zone as the rows that PowerDNS reads: auth, ordername, empty non-terminals, content. */
#include "sync/rows_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/nsec3hash.h"

static enum chain
chain_of(const struct zone *zone)
{
	static const uint8_t zero[NSEC3_HASH];
	bool exact;

	if (!zone_signed(zone))
		return CHAIN_NONE;
	/* While a zone changes from one chain to the other, the NSEC3PARAM tells that NSEC3 is whole. */
	if (zone_nsec3(zone) != NULL && zone_nsec3_at(zone, zero, &exact) != NULL)
		return CHAIN_NSEC3;
	return CHAIN_NSEC;
}

struct maker *
maker_new(const struct zone *zone, const struct rows_style *style, struct sink *sink)
{
	struct maker *m = xcalloc(1, sizeof(*m));

	m->zone = zone;
	m->style = style;
	m->sink = sink;
	m->chain = chain_of(zone);
	m->nsec3 = zone_nsec3(zone);
	pdns_name(m->zone_name, zone_origin(zone));
	return m;
}

/* Once a set, a name or the zone. */
static void
refuse(struct maker *m, uint16_t type, const char *why)
{
	char buf[16];
	const char *name = type == 0 ? "" : type == T_ALIAS ? "ALIAS" : type == T_LUA ? "LUA" : pdns_type(buf, type, m->style->version);

	if (!m->style->skip)
		m->refused = true;
	if (m->sink != NULL)
		report_zone(m->sink, m->style->skip ? WARNING : ERROR, m->zone_name,
		    "%s%s%s cannot be mirrored: %s", m->name, type != 0 ? " " : "", name, why);
}

void
maker_check(struct maker *m)
{
	strcpy(m->name, m->zone_name);
	if (m->chain == CHAIN_NSEC && node_set(zone_apex(m->zone), T_NSEC) == NULL)
		refuse(m, 0, "it is signed, but its apex has neither NSEC nor NSEC3PARAM");
	if (m->chain == CHAIN_NSEC3 && m->nsec3->algorithm != 1)
		refuse(m, 0, "PowerDNS knows NSEC3 of algorithm 1 only");
}

enum occlusion { VISIBLE, BELOW_CUT, BELOW_DNAME };

/* What hides the node is the highest cut or DNAME above it. */
static enum occlusion
occlusion_of(const struct maker *m, const struct node *node)
{
	const uint8_t *above[DNAME_LABELS + 1];
	unsigned depth = 0;

	if (!(node->flags & NODE_OCCLUDED))
		return VISIBLE;
	for (const uint8_t *at = m->owner; !name_equal(at, zone_origin(m->zone)); ) {
		at += *at + 1;
		above[depth++] = at;
	}
	while (depth-- > 0) {
		const struct node *n = zone_node(m->zone, above[depth]);

		if (n != NULL && n->flags & NODE_CUT)
			return BELOW_CUT;
		if (n != NULL && n->flags & NODE_DNAME)
			return BELOW_DNAME;
	}
	return VISIBLE;
}

static bool
has_addresses(const struct node *node)
{
	return node_set(node, T_A) != NULL || node_set(node, T_AAAA) != NULL;
}

/* Does the opt-out chain have to know this node? */
static bool
is_secure(const struct node *node)
{
	return node->count > 0 && !(node->flags & NODE_OCCLUDED) &&
	    (!(node->flags & NODE_CUT) || node_set(node, T_DS) != NULL);
}

static bool
any_below(const struct maker *m, bool (*test)(const struct node *))
{
	struct zone_walk w;
	const struct node *n;

	for (n = zone_walk_below(&w, m->zone, m->owner); n != NULL; n = zone_next(&w))
		if (test(n))
			return true;
	return false;
}

/* m->ordername by what the zone's own chain says; false: the node is not in it. */
static bool
make_ordername(struct maker *m, const struct node *node)
{
	uint8_t hash[NSEC3_HASH];
	bool exact = false, escaped;

	if (m->chain == CHAIN_NSEC3) {
		nsec3_hash(m->nsec3, m->owner, hash);
		if (zone_nsec3_at(m->zone, hash, &exact) == NULL || !exact)
			return false;
		base32hex_encode(m->ordername, hash, sizeof(hash));
		m->ordername[NSEC3_TEXT] = '\0';
		m->row.ordername_len = NSEC3_TEXT;
		return true;
	}
	if (m->chain == CHAIN_NONE || node_set(node, T_NSEC) == NULL)
		return false;
	m->row.ordername_len = (uint16_t)pdns_ordername(m->ordername, m->owner,
	    node->name_len, &escaped);
	if (escaped)
		refuse(m, T_NSEC, "PowerDNS sorts names with escaped octets by the escapes");
	return true;
}

static int
give(struct maker *m, rows_fn *fn, void *ctx)
{
	return m->refused ? 0 : fn(ctx, &m->row);
}

static bool
set_fits(struct maker *m, const struct rrset *set)
{
	const uint8_t *at = set->rdata;
	const char *why;
	uint16_t prio;

	if (pdns_always(set->type, set->size))
		return true;
	for (unsigned i = 0; i < set->count; i++) {
		size_t len = (size_t)at[0] << 8 | at[1];

		if (pdns_content(m->content, &prio, set->type, at + 2, len,
		    m->style->version, &why) < 0) {
			refuse(m, set->type, why);
			return false;
		}
		at += 2 + len;
	}
	return true;
}

/* Rows cannot tell whether the server has the setting; once a zone. */
static void
warn_of_dname(struct maker *m, uint16_t type)
{
	if (type != T_DNAME || m->row.disabled || m->dname_told || m->sink == NULL)
		return;
	m->dname_told = true;
	report_zone(m->sink, WARNING, m->zone_name, "%s DNAME: PowerDNS heeds it only with dname-processing=yes", m->name);
}

static int
give_set(struct maker *m, const struct rrset *set, rows_fn *fn, void *ctx)
{
	const uint8_t *at = set->rdata;
	const char *why;
	int err = 0;

	m->row.type = pdns_type(m->type, set->type, m->style->version);
	m->row.content = m->content;
	m->row.ttl = set->ttl;
	warn_of_dname(m, set->type);
	for (unsigned i = 0; i < set->count && err == 0; i++) {
		size_t len = (size_t)at[0] << 8 | at[1];

		m->row.content_len = (uint32_t)pdns_content(m->content, &m->row.prio,
		    set->type, at + 2, len, m->style->version, &why);
		err = give(m, fn, ctx);
		at += 2 + len;
	}
	return err;
}

static int
give_ent(struct maker *m, enum occlusion hidden, bool in_chain, rows_fn *fn, void *ctx)
{
	m->row.type = m->row.content = NULL;
	m->row.content_len = m->row.ttl = m->row.prio = 0;
	m->row.ordername = NULL;
	switch (hidden) {
	case BELOW_DNAME:
		m->row.disabled = m->row.auth = true;
		break;
	case BELOW_CUT:
		m->row.disabled = !any_below(m, has_addresses);
		m->row.auth = false;
		break;
	case VISIBLE:
		m->row.disabled = false;
		m->row.auth = m->chain != CHAIN_NSEC3 || in_chain ||
		    !(m->nsec3->flags & 1) || any_below(m, is_secure);
		if (m->chain == CHAIN_NSEC3 && in_chain)
			m->row.ordername = m->ordername;
		break;
	}
	return give(m, fn, ctx);
}

static bool
has_row(const struct maker *m, uint16_t type)
{
	return type != T_NSEC && type != T_NSEC3 && type != T_NSEC3PARAM &&
	    (type != T_RRSIG || m->chain != CHAIN_NONE);
}

/* The NSEC3 records of a chain must agree with the one flag that PowerDNS keeps of them. */
static void
check_nsec3(struct maker *m, const struct rrset *set)
{
	if (m->chain == CHAIN_NSEC3 && set->count > 0 && set->size >= 4 &&
	    (set->rdata[3] & 1) != (m->nsec3->flags & 1))
		refuse(m, T_NSEC3, "PowerDNS knows no chain that is opt-out in parts");
}

int
maker_node(struct maker *m, const struct node *node, enum part part, rows_fn *fn, void *ctx)
{
	enum occlusion hidden;
	const struct rrset *nsec3 = node_set(node, T_NSEC3);
	bool cut = node->flags & NODE_CUT, in_chain, any = false;
	int err = 0;

	zone_owner(m->zone, node, m->owner);
	name_lower(m->owner, m->owner);
	hidden = occlusion_of(m, node);
	m->row.name_len = (uint16_t)pdns_name(m->name, m->owner);
	m->row.name = m->name;
	if (m->row.name_len > PDNS_NAME_MAX) {
		refuse(m, 0, "its name is longer than the 255 characters of PowerDNS's column");
		return 0;
	}
	if (nsec3 != NULL)
		check_nsec3(m, nsec3);
	in_chain = hidden == VISIBLE && nsec3 == NULL && make_ordername(m, node);
	for (unsigned i = 0; i < node->count && err == 0; i++) {
		const struct rrset *set = node->set[i];
		uint16_t type = set->type;

		if ((type == T_SOA) != (part == PART_SOA) || !has_row(m, type) || !set_fits(m, set))
			continue;
		any = true;
		m->row.auth = type == T_RRSIG || type == T_DS ||
		    !(hidden == BELOW_CUT || (hidden == VISIBLE && cut));
		m->row.disabled = hidden == BELOW_DNAME ||
		    (hidden == BELOW_CUT && type != T_A && type != T_AAAA);
		m->row.ordername = in_chain && type != T_RRSIG &&
		    (m->row.auth || type == T_NS) ? m->ordername : NULL;
		err = give_set(m, set, fn, ctx);
	}
	if (!any && part == PART_REST && err == 0 && nsec3 == NULL && node->name_len > 0)
		err = give_ent(m, hidden, in_chain, fn, ctx);
	return err;
}

int
rows_each(const struct zone *zone, const struct rows_style *style, struct sink *sink,
    rows_fn *fn, void *ctx)
{
	struct maker *m = maker_new(zone, style, sink);
	const struct node *node;
	struct zone_walk w;
	int err = 0;

	maker_check(m);
	for (node = zone_walk(&w, zone); node != NULL && err == 0; node = zone_next(&w))
		err = maker_node(m, node, PART_REST, fn, ctx);
	if (err == 0)
		err = maker_node(m, zone_apex(zone), PART_SOA, fn, ctx);
	if (err == 0 && m->refused)
		err = -ENOTSUP;
	free(m);
	return err;
}

void
rows_meta(const struct zone *zone, struct rows_meta *meta)
{
	enum chain chain = chain_of(zone);
	const struct nsec3_params *p = zone_nsec3(zone);
	char *out = meta->nsec3param;

	meta->presigned = chain != CHAIN_NONE;
	*out = '\0';
	if (chain != CHAIN_NSEC3)
		return;
	out += sprintf(out, "%u %u %u ", p->algorithm, p->flags & 1, p->iterations);
	for (unsigned i = 0; i < p->salt_len; i++)
		out += sprintf(out, "%02x", p->salt[i]);
	if (p->salt_len == 0)
		strcpy(out, "-");
}
