#include "daemon/config/acl.h"

#include <assert.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* All addresses are numbers of 128 bits, IPv4 as ::ffff:0:0/96.  A set of them is the sorted numbers
 * at which belonging to it changes; below the first one nothing belongs.  A list becomes the set of clients
 * that it allows, so a question is one binary search, however the list is written. */
__extension__ typedef unsigned __int128 address;

struct set {
	address *at;
	size_t count;
};

struct acl_table {
	size_t count;
	address at[];
};

#define MAPPED_FIRST ((address)0xffff00000000)
#define MAPPED_LAST ((address)0xffffffffffff)

/* A growing heap of ranges, from which a set is made. */
struct range {
	address first, last;
};
struct ranges {
	struct range *range;
	size_t count, room;
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
	ranges->range[ranges->count++] = (struct range){ first, last };
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

static struct set
set_of(struct ranges *ranges)
{
	struct set set = { xmalloc((2 * ranges->count + 1) * sizeof(address)), 0 };

	if (ranges->count > 0)
		qsort(ranges->range, ranges->count, sizeof(*ranges->range), by_first);
	for (size_t i = 0; i < ranges->count;) {
		address last = ranges->range[i].last;

		set.at[set.count++] = ranges->range[i].first;
		for (i++; i < ranges->count && (last == ~(address)0 || ranges->range[i].first <= last + 1); i++)
			if (ranges->range[i].last > last)
				last = ranges->range[i].last;
		if (last != ~(address)0)
			set.at[set.count++] = last + 1;
	}
	return set;
}

/* Bit 2 * (in a) + (in b) of the operation says whether the result has it. */
enum operation { UNION = 0xe, LESS = 0x4 };

static struct set
combine(struct set a, struct set b, enum operation operation)
{
	struct set out = { xmalloc((a.count + b.count + 1) * sizeof(address)), 0 };
	size_t i = 0, j = 0;

	while (i < a.count || j < b.count) {
		address at = j == b.count || (i < a.count && a.at[i] < b.at[j]) ? a.at[i] : b.at[j];
		bool in;

		i += i < a.count && a.at[i] == at;
		j += j < b.count && b.at[j] == at;
		in = operation >> (2 * (i & 1) + (j & 1)) & 1;
		if (in != (out.count & 1))
			out.at[out.count++] = at;
	}
	return out;
}

static struct set allowed(const struct conf_match_list *, const struct acl_local *);

static void
add_match(struct ranges *ranges, const struct conf_match *match, const struct acl_local *local)
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
		nested = allowed(match->list, local);
		for (size_t i = 0; i < nested.count; i += 2)
			add_range(ranges, nested.at[i], i + 1 < nested.count ? nested.at[i + 1] - 1 : ~(address)0);
		free(nested.at);
		break;
	case MATCH_KEY:
	case MATCH_NONE:
		break;
	}
}

/* The first element that matches decides.  Elements of one sign that stand together decide alike, so
 * they are one step, and a list of a hundred thousand prefixes costs a sort. */
static struct set
allowed(const struct conf_match_list *list, const struct acl_local *local)
{
	struct set yes = { NULL, 0 }, decided = { NULL, 0 };

	for (size_t i = 0; i < list->count;) {
		bool negate = list->match[i].negate;
		struct ranges ranges = { NULL, 0, 0 };
		struct set these, fresh, old_yes = yes, old_decided = decided;

		for (; i < list->count && list->match[i].negate == negate; i++)
			add_match(&ranges, &list->match[i], local);
		these = set_of(&ranges);
		fresh = combine(these, decided, LESS);
		decided = combine(these, old_decided, UNION);
		if (!negate) {
			yes = combine(fresh, old_yes, UNION);
			free(old_yes.at);
		}
		free(old_decided.at);
		free(these.at);
		free(fresh.at);
		free(ranges.range);
	}
	free(decided.at);
	return yes;
}

const struct conf_match_list *
acl_compile(const struct conf_match_list *list, const struct acl_local *local, struct arena *arena)
{
	struct set yes = allowed(list, local);
	struct conf_match_list *out = arena_alloc(arena, sizeof(*out));
	uintptr_t room = (uintptr_t)arena_alloc(arena, sizeof(struct acl_table) + (yes.count + 1) * sizeof(address));
	/* The arena aligns to 8, and these numbers want 16. */
	struct acl_table *table = (struct acl_table *)((room + 15) & ~(uintptr_t)15);

	table->count = yes.count;
	if (yes.count > 0)
		memcpy(table->at, yes.at, yes.count * sizeof(address));
	free(yes.at);
	*out = *list;
	out->table = table;
	return out;
}

bool
acl_allows(const struct conf_match_list *list, const struct sockaddr *client)
{
	const struct acl_table *table = list->table;
	size_t low = 0, high;
	address who;

	assert(table != NULL);
	if (client->sa_family == AF_INET)
		who = MAPPED_FIRST | ntohl(((const struct sockaddr_in *)(const void *)client)->sin_addr.s_addr);
	else if (client->sa_family == AF_INET6)
		who = load(((const struct sockaddr_in6 *)(const void *)client)->sin6_addr.s6_addr, 16);
	else
		return false;
	/* How many changes are at or below the client: odd inside, even outside. */
	for (high = table->count; low < high;) {
		size_t middle = (low + high) / 2;

		if (table->at[middle] <= who)
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
