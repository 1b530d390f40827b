#include "daemon/serve/deny.h"

#include <string.h>

#include "zonefile/nsec3hash.h"

void
deny_begin(struct denial *d, const struct zone *zone, struct message *message,
    struct deny_memo *memo)
{
	d->memo = memo;
	d->zone = zone;
	d->message = message;
	d->nsec3 = zone_nsec3(zone);
	d->count = 0;
}

/* The node's NSEC or NSEC3 with its signatures, unless it stands there already. */
static bool
put(struct denial *d, const struct node *node, uint16_t type)
{
	uint8_t name[DNAME_MAX];
	struct owner owner = { name, 0 };
	struct pair pair;

	if (node == NULL)
		return true;
	for (unsigned i = 0; i < d->count; i++)
		if (d->seen[i] == node)
			return true;
	if (d->count < DENY_SEEN)
		d->seen[d->count++] = node;
	pair = node_pair(node, type);
	/* Unsigned it proves nothing. */
	if (pair.set == NULL || pair.sigs == NULL)
		return true;
	zone_owner(d->zone, node, name);
	return message_rrset(d->message, &owner, pair.set, pair.set->ttl) &&
	    message_rrset(d->message, &owner, pair.sigs, pair.sigs->ttl);
}

/* --- names --- */

/* The suffix of a name that a node of the zone stands for. */
static const uint8_t *
suffix_at(const struct denial *d, const uint8_t *name, const struct node *node)
{
	return name + name_len(name) - name_len(zone_origin(d->zone)) - node->name_len;
}

/* The suffix one label longer. */
static const uint8_t *
longer(const uint8_t *name, const uint8_t *suffix)
{
	while (name + name[0] + 1 < suffix)
		name += name[0] + 1;
	return name;
}

static const uint8_t *
wildcard_of(uint8_t out[DNAME_MAX + 2], const uint8_t *encloser)
{
	out[0] = 1;
	out[1] = '*';
	memcpy(out + 2, encloser, name_len(encloser));
	return out;
}

/* --- NSEC --- */

static bool
nsec_at(struct denial *d, const uint8_t *name)
{
	return put(d, zone_nsec_at(d->zone, name), T_NSEC);
}

/* Of a name that exists; an empty non-terminal has no record of its own, what is before it tells. */
static bool
nsec_of(struct denial *d, const uint8_t *name, const struct node *node)
{
	if (node_pair(node, T_NSEC).set != NULL)
		return put(d, node, T_NSEC);
	return nsec_at(d, name);
}

/* --- NSEC3 --- */

static const struct node *
nsec3_at(struct denial *d, const uint8_t *name, bool *exact)
{
	uint8_t hash[NSEC3_HASH];

	nsec3_hash(d->nsec3, name, hash);
	return zone_nsec3_at(d->zone, hash, exact);
}

/* The record that matches the name or covers it. */
static bool
nsec3_put(struct denial *d, const uint8_t *name)
{
	bool exact;

	return put(d, nsec3_at(d, name, &exact), T_NSEC3);
}

/* The closest encloser that can be proven (RFC 5155 7.2.4), from suffix up.  With opt-out the closest one may have
 * no record: an empty non-terminal above insecure delegations only. */
static const uint8_t *
provable(struct denial *d, const uint8_t *name, const uint8_t *suffix,
    const struct node **node)
{
	const uint8_t *apex = name + name_len(name) - name_len(zone_origin(d->zone));
	bool exact;

	/* A chain without its apex proves nothing, whatever we say. */
	while ((*node = nsec3_at(d, suffix, &exact)) != NULL && !exact && suffix != apex)
		suffix += suffix[0] + 1;
	return suffix;
}

/* Closest encloser proof (RFC 5155 7.2.1) of a name below suffix; encloser is the one proven. */
static bool
nsec3_encloser(struct denial *d, const uint8_t *name, const uint8_t *suffix,
    const uint8_t **encloser)
{
	const struct node *node;

	*encloser = provable(d, name, suffix, &node);
	return put(d, node, T_NSEC3) && nsec3_put(d, longer(name, *encloser));
}

/* --- proofs --- */

static const struct deny_shared *
shared(struct denial *d, const uint8_t *name, const struct node *encloser)
{
	struct deny_shared *s = &d->memo->shared[encloser->hash % DENY_MEMO];
	const uint8_t *suffix = suffix_at(d, name, encloser);
	uint8_t buf[DNAME_MAX + 2];
	bool exact;

	if (s->encloser == encloser && s->zone == zone_id(d->zone))
		return s;
	*s = (struct deny_shared){ .zone = zone_id(d->zone), .encloser = encloser };
	if (d->nsec3 == NULL) {
		s->wildcard = zone_nsec_at(d->zone, wildcard_of(buf, suffix));
	} else {
		/* A validator looks for the wildcard where the proof puts it. */
		suffix = provable(d, name, suffix, &s->match);
		s->match_len = name_len(suffix);
		s->wildcard = nsec3_at(d, wildcard_of(buf, suffix), &exact);
	}
	return s;
}

bool
deny_name(struct denial *d, const uint8_t *name, const struct node *encloser)
{
	const struct deny_shared *s = shared(d, name, encloser);

	if (d->nsec3 == NULL)
		return nsec_at(d, name) && put(d, s->wildcard, T_NSEC);
	return put(d, s->match, T_NSEC3) &&
	    nsec3_put(d, longer(name, name + name_len(name) - s->match_len)) &&
	    put(d, s->wildcard, T_NSEC3);
}

bool
deny_type(struct denial *d, const uint8_t *name, const struct node *node)
{
	const struct node *match;
	const uint8_t *encloser;
	bool exact;

	if (d->nsec3 == NULL)
		return nsec_of(d, name, node);
	match = nsec3_at(d, name, &exact);
	if (match == NULL || exact || node->name_len == 0)
		return put(d, match, T_NSEC3);
	return nsec3_encloser(d, name, name + name[0] + 1, &encloser);
}

bool
deny_closer(struct denial *d, const uint8_t *name, const struct node *encloser)
{
	if (d->nsec3 != NULL)
		return nsec3_put(d, longer(name, suffix_at(d, name, encloser)));
	return nsec_at(d, name);
}

bool
deny_wildcard_type(struct denial *d, const uint8_t *name,
    const struct node *encloser, const struct node *wildcard)
{
	uint8_t buf[DNAME_MAX + 2];
	const uint8_t *suffix = suffix_at(d, name, encloser);

	if (d->nsec3 != NULL)
		return nsec3_encloser(d, name, suffix, &suffix) &&
		    nsec3_put(d, wildcard_of(buf, suffix));
	return nsec_at(d, name) && nsec_of(d, wildcard_of(buf, suffix), wildcard);
}
