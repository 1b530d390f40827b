#include "zonefile/check.h"

#include <errno.h>

#include "zonefile/name.h"
#include "zonefile/rdata.h"

enum check { TARGET_ABSENT, TARGET_CNAME, TARGET_DNAME, TARGET_NO_ADDRESS, GLUE_ABSENT };

static const struct {
	enum severity severity;
	const char *text;		/* behind the name of the target */
} checks[] = {
	[TARGET_ABSENT] = { WARNING, "does not exist" },
	[TARGET_CNAME] = { WARNING, "is an alias (CNAME), which RFC 2181 10.3 forbids" },
	[TARGET_DNAME] = { WARNING, "is below a DNAME and so an alias" },
	[TARGET_NO_ADDRESS] = { WARNING, "has no A or AAAA record" },
	[GLUE_ABSENT] = { WARNING, "is below the delegation and has no A or AAAA record (glue) here" },
};

static bool
has_address(const struct node *node)
{
	return node_set(node, T_A) != NULL || node_set(node, T_AAAA) != NULL;
}

/* What is wrong with a name of this zone that a client will ask addresses of; -1: nothing. */
static int
check_target(const struct zone *zone, const struct node *owner, const uint8_t *target)
{
	uint8_t name[DNAME_MAX], cut[DNAME_MAX];
	struct zone_found found;
	const struct node *node;

	name_lower(name, target);
	switch (zone_find(zone, name, &found)) {
	case ZONE_NONE:
		return TARGET_ABSENT;
	case ZONE_DNAME:
		return TARGET_DNAME;
	case ZONE_CUT:
		/* Names below another delegation are that one's business. */
		zone_owner(zone, owner, cut);
		if ((owner->flags & NODE_CUT) == 0 || !name_under(name, cut))
			return -1;
		node = zone_node(zone, name);
		return node != NULL && has_address(node) ? -1 : GLUE_ABSENT;
	case ZONE_EXACT:
	case ZONE_WILDCARD:
		break;
	}
	if (has_address(found.node))
		return -1;
	if (found.node->flags & NODE_CUT)
		return found.node == owner ? GLUE_ABSENT : -1;
	return node_set(found.node, T_CNAME) != NULL ? TARGET_CNAME : TARGET_NO_ADDRESS;
}

/* Most targets of a registry's zone are elsewhere: their last octets tell, before labels are counted. */
static bool
in_zone(const uint8_t *name, size_t len, const uint8_t *origin, size_t origin_len)
{
	const uint8_t *a = name + len, *b = origin + origin_len;

	if (len < origin_len)
		return false;
	while (b > origin)
		if (name_tolower[*--a] != *--b)
			return false;
	return name_under(name, origin);
}

static int
report(const struct zone *zone, struct sink *sink, const struct node *node, uint16_t type,
    const uint8_t *target, enum check check)
{
	char of[DNAME_TEXT_MAX], owner[DNAME_TEXT_MAX], name[DNAME_TEXT_MAX], word[RRTYPE_TEXT_MAX];
	uint8_t wire[DNAME_MAX];

	zone_owner(zone, node, wire);
	name_print(owner, wire);
	name_print(name, target);
	name_print_plain(of, zone_origin(zone));
	report_zone(sink, checks[check].severity, of, "%s %s: %s %s", owner,
	    rrtype_print(word, type), name, checks[check].text);
	return checks[check].severity == ERROR ? -1 : 0;
}

static int
check_set(const struct zone *zone, struct sink *sink, const struct node *node, const struct rrset *set)
{
	size_t skip = set->type == T_NS ? 0 : set->type == T_MX ? 2 : 6;
	const uint8_t *at = set->rdata, *origin = zone_origin(zone);
	size_t origin_len = name_len(origin), len;
	int check, err = 0;

	for (unsigned i = 0; i < set->count; i++, at += 2 + len) {
		const uint8_t *target = at + 2 + skip;

		len = at[0] << 8 | at[1];
		/* The root as a target means: none (RFC 7505, RFC 2782). */
		if (*target == 0 || !in_zone(target, len - skip, origin, origin_len))
			continue;
		if ((check = check_target(zone, node, target)) >= 0 &&
		    report(zone, sink, node, set->type, target, check) < 0)
			err = -EINVAL;
	}
	return err;
}

int
check_zone(const struct zone *zone, struct sink *sink)
{
	const struct node *node;
	struct zone_walk walk;
	int err = 0;

	for (node = zone_walk(&walk, zone); node != NULL; node = zone_next(&walk)) {
		if (node->flags & NODE_OCCLUDED)
			continue;
		for (unsigned i = 0; i < node->count; i++) {
			uint16_t type = node->set[i]->type;

			if ((type == T_NS || type == T_MX || type == T_SRV) &&
			    check_set(zone, sink, node, node->set[i]) < 0)
				err = -EINVAL;
		}
	}
	return err;
}
