#include "daemon/config/acl.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/name.h"

/* All addresses are numbers of 128 bits, IPv4 as ::ffff:0:0/96.  A set of them is the sorted numbers
 * at which belonging to it changes; below the first one nothing belongs.  A list becomes the set of clients
 * that it allows, so a question is one binary search, however the list is written. */
__extension__ typedef unsigned __int128 address;

struct set {
	address *at;
	size_t count;
};

/* A list that names keys is one set for clients without any of these, and one for those with each. */
struct keyed {
	const uint8_t *key;		/* wire form, lower case; NULL: the first, of those without */
	size_t count;
	const address *at;
};
struct acl_table {
	size_t count;
	struct keyed sets[];
};

#define MAPPED_FIRST ((address)0xffff00000000)
#define MAPPED_LAST ((address)0xffffffffffff)

/* What the elements of a list match. */
struct range {
	address first, last;
	size_t element;			/* its place in the list: the lowest decides */
	bool allow;
};
struct ranges {
	struct range *range;
	size_t count, room;
	size_t element;			/* the one at hand, and whether it allows */
	bool allow;
};

static address
load(const uint8_t *octets, size_t count)
{
	address value = 0;

	for (size_t i = 0; i < count; i++)
		value = value << 8 | octets[i];
	return value;
}

static void
add_range(struct ranges *ranges, address first, address last)
{
	if (ranges->count == ranges->room) {
		ranges->room = ranges->room * 2 + 8;
		ranges->range = xrealloc(ranges->range, ranges->room * sizeof(*ranges->range));
	}
	ranges->range[ranges->count++] = (struct range){ first, last, ranges->element, ranges->allow };
}

static void
add_prefix(struct ranges *ranges, const struct conf_match *match)
{
	unsigned free_bits;
	address first, last;

	if (match->family == AF_INET) {
		free_bits = 32 - match->bits;
		first = MAPPED_FIRST | load(match->address, 4);
	} else {
		free_bits = 128 - match->bits;
		first = load(match->address, 16);
	}
	last = free_bits < 128 ? first | (((address)1 << free_bits) - 1) : ~(address)0;
	if (match->family == AF_INET || first > MAPPED_LAST || last < MAPPED_FIRST) {
		add_range(ranges, first, last);
		return;
	}
	/* ::/0 speaks of IPv6 clients only: leave the IPv4 ones in its midst out. */
	if (first < MAPPED_FIRST)
		add_range(ranges, first, MAPPED_FIRST - 1);
	if (last > MAPPED_LAST)
		add_range(ranges, MAPPED_LAST + 1, last);
}

static int
by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* A heap of ranges, that of the lowest element on top. */
static void
sift_down(struct range *heap, size_t count, size_t at)
{
	for (;;) {
		size_t least = at, child = 2 * at + 1;
		struct range moved;

		for (size_t i = child; i < child + 2 && i < count; i++)
			if (heap[i].element < heap[least].element)
				least = i;
		if (least == at)
			return;
		moved = heap[at];
		heap[at] = heap[least];
		heap[least] = moved;
		at = least;
	}
}

static void
push(struct range *heap, size_t count, struct range range)
{
	size_t at = count;

	for (; at > 0 && heap[(at - 1) / 2].element > range.element; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = range;
}

static int
by_address(const void *a, const void *b)
{
	const address *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* From border to border: of the ranges that hold there, the one whose element comes first in the list decides. */
static struct set
sweep(struct ranges *ranges)
{
	struct set set = { xmalloc((2 * ranges->count + 1) * sizeof(address)), 0 };
	address *border = xmalloc((2 * ranges->count + 1) * sizeof(*border));
	struct range *heap = xmalloc((ranges->count + 1) * sizeof(*heap));
	size_t borders = 0, holding = 0, next = 0;

	for (size_t i = 0; i < ranges->count; i++) {
		border[borders++] = ranges->range[i].first;
		if (ranges->range[i].last != ~(address)0)
			border[borders++] = ranges->range[i].last + 1;
	}
	if (ranges->count > 0) {
		qsort(border, borders, sizeof(*border), by_address);
		qsort(ranges->range, ranges->count, sizeof(*ranges->range), by_first);
	}
	for (size_t i = 0; i < borders; i++) {
		for (; next < ranges->count && ranges->range[next].first <= border[i]; next++)
			push(heap, holding++, ranges->range[next]);
		while (holding > 0 && heap[0].last < border[i]) {
			heap[0] = heap[--holding];
			sift_down(heap, holding, 0);
		}
		if ((holding > 0 && heap[0].allow) != (set.count & 1))
			set.at[set.count++] = border[i];
	}
	free(border);
	free(heap);
	return set;
}

static struct set allowed(const struct conf_match_list *, const struct acl_local *, const uint8_t *key);

static void
add_match(struct ranges *ranges, const struct conf_match *match, const struct acl_local *local, const uint8_t *key)
{
	struct set nested;

	switch (match->kind) {
	case MATCH_PREFIX:
		add_prefix(ranges, match);
		break;
	case MATCH_ANY:
		add_range(ranges, 0, ~(address)0);
		break;
	case MATCH_LOCALHOST:
		for (size_t i = 0; i < local->host_count; i++)
			add_prefix(ranges, &local->hosts[i]);
		break;
	case MATCH_LOCALNETS:
		for (size_t i = 0; i < local->net_count; i++)
			add_prefix(ranges, &local->nets[i]);
		break;
	case MATCH_LIST:
		/* Whom a list within refuses it does not match: the list around goes on. */
		nested = allowed(match->list, local, key);
		for (size_t i = 0; i < nested.count; i += 2)
			add_range(ranges, nested.at[i], i + 1 < nested.count ? nested.at[i + 1] - 1 : ~(address)0);
		free(nested.at);
		break;
	case MATCH_KEY:
		if (key != NULL && name_equal(match->key_wire, key))
			add_range(ranges, 0, ~(address)0);
		break;
	case MATCH_NONE:
		break;
	}
}

/* The first element that matches decides. */
static struct set
allowed(const struct conf_match_list *list, const struct acl_local *local, const uint8_t *key)
{
	struct ranges ranges = { NULL, 0, 0, 0, false };
	struct set set;

	for (size_t i = 0; i < list->count; i++) {
		ranges.element = i;
		ranges.allow = !list->match[i].negate;
		add_match(&ranges, &list->match[i], local, key);
	}
	set = sweep(&ranges);
	free(ranges.range);
	return set;
}

/* The keys of a list and those in it, each once. */
static void
add_keys(const struct conf_match_list *list, const uint8_t ***keys, size_t *count)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct conf_match *match = &list->match[i];
		size_t at = 0;

		if (match->kind == MATCH_LIST)
			add_keys(match->list, keys, count);
		if (match->kind != MATCH_KEY)
			continue;
		while (at < *count && !name_equal((*keys)[at], match->key_wire))
			at++;
		if (at < *count)
			continue;
		*keys = xrealloc(*keys, (*count + 1) * sizeof(**keys));
		(*keys)[(*count)++] = match->key_wire;
	}
}

static struct keyed
keep_set(const struct conf_match_list *list, const struct acl_local *local, const uint8_t *key, struct arena *arena)
{
	struct set yes = allowed(list, local, key);
	uintptr_t room = (uintptr_t)arena_alloc(arena, (yes.count + 1) * sizeof(address));
	/* The arena aligns to 8, and these numbers want 16. */
	address *at = (address *)((room + 15) & ~(uintptr_t)15);

	if (yes.count > 0)
		memcpy(at, yes.at, yes.count * sizeof(address));
	free(yes.at);
	return (struct keyed){ key, yes.count, at };
}

const struct conf_match_list *
acl_compile(const struct conf_match_list *list, const struct acl_local *local, struct arena *arena)
{
	struct conf_match_list *out = arena_alloc(arena, sizeof(*out));
	struct acl_table *table;
	const uint8_t **keys = NULL;
	size_t count = 0;

	add_keys(list, &keys, &count);
	table = arena_alloc(arena, sizeof(*table) + (count + 1) * sizeof(table->sets[0]));
	table->count = count + 1;
	table->sets[0] = keep_set(list, local, NULL, arena);
	for (size_t i = 0; i < count; i++)
		table->sets[i + 1] = keep_set(list, local, keys[i], arena);
	free(keys);
	*out = *list;
	out->table = table;
	return out;
}

bool
acl_allows(const struct conf_match_list *list, const struct sockaddr *client, const uint8_t *key)
{
	const struct keyed *set = &list->table->sets[0];
	size_t low = 0, high;
	address who;

	if (client->sa_family == AF_INET)
		who = MAPPED_FIRST | ntohl(((const struct sockaddr_in *)(const void *)client)->sin_addr.s_addr);
	else if (client->sa_family == AF_INET6)
		who = load(((const struct sockaddr_in6 *)(const void *)client)->sin6_addr.s6_addr, 16);
	else
		return false;
	for (size_t i = 1; key != NULL && i < list->table->count; i++)
		if (name_equal(list->table->sets[i].key, key)) {
			set = &list->table->sets[i];
			break;
		}
	/* How many changes are at or below the client: odd inside, even outside. */
	for (high = set->count; low < high;) {
		size_t middle = (low + high) / 2;

		if (set->at[middle] <= who)
			low = middle + 1;
		else
			high = middle;
	}
	return low & 1;
}

static unsigned
mask_bits(const uint8_t *mask, size_t octets)
{
	unsigned bits = 0;

	while (bits < octets * 8 && (mask[bits / 8] & (0x80 >> bits % 8)))
		bits++;
	return bits;
}

static bool
interface_prefixes(const struct ifaddrs *interface, struct conf_match *host, struct conf_match *net)
{
	const uint8_t *octets, *mask;
	size_t count;

	if (interface->ifa_addr == NULL || interface->ifa_netmask == NULL)
		return false;
	if (interface->ifa_addr->sa_family == AF_INET) {
		octets = (const uint8_t *)&((const struct sockaddr_in *)(const void *)interface->ifa_addr)->sin_addr;
		mask = (const uint8_t *)&((const struct sockaddr_in *)(const void *)interface->ifa_netmask)->sin_addr;
		count = 4;
	} else if (interface->ifa_addr->sa_family == AF_INET6) {
		octets = ((const struct sockaddr_in6 *)(const void *)interface->ifa_addr)->sin6_addr.s6_addr;
		mask = ((const struct sockaddr_in6 *)(const void *)interface->ifa_netmask)->sin6_addr.s6_addr;
		count = 16;
	} else {
		return false;
	}
	*host = (struct conf_match){ .kind = MATCH_PREFIX, .bits = (uint8_t)(count * 8),
		.family = (uint8_t)interface->ifa_addr->sa_family };
	memcpy(host->address, octets, count);
	*net = *host;
	net->bits = (uint8_t)mask_bits(mask, count);
	for (size_t i = 0; i < count; i++)
		net->address[i] &= mask[i];
	return true;
}

void
acl_local_read(struct acl_local *local)
{
	struct ifaddrs *all = NULL;
	size_t count = 0;

	*local = (struct acl_local){ 0 };
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		count++;
	local->hosts = xcalloc(count + 1, sizeof(*local->hosts));
	local->nets = xcalloc(count + 1, sizeof(*local->nets));
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		if (interface_prefixes(i, &local->hosts[local->host_count], &local->nets[local->net_count])) {
			local->host_count++;
			local->net_count++;
		}
	freeifaddrs(all);
}

void
acl_local_free(struct acl_local *local)
{
	free(local->hosts);
	free(local->nets);
}
