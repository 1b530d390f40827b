/* announce_servers.c - the addresses of a zone's name servers: those that our zones know, else those that the system finds. */
#include "daemon/transfer/announce_impl.h"

struct lookup {
	struct lookup *next;		/* of its zone */
	struct announce *zone;
	uv_getaddrinfo_t request;
	char name[DNAME_TEXT_MAX];
};

static bool
is_master(const struct announce *a, const struct sockaddr *address)
{
	for (size_t i = 0; i < a->conf.master_count; i++)
		if (peer_same_host(&a->conf.masters[i].address.any, address))
			return true;
	return false;
}

static void
want_address(struct announce *a, int family, const void *address)
{
	struct peer peer = a->conf.like;

	memset(&peer.address, 0, sizeof(peer.address));
	peer.address.any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		peer.address.v4.sin_port = htons(DNS_PORT);
		memcpy(&peer.address.v4.sin_addr, address, 4);
	} else {
		peer.address.v6.sin6_port = htons(DNS_PORT);
		memcpy(&peer.address.v6.sin6_addr, address, 16);
		peer.source = a->conf.source_v6;
	}
	if (announce_common.env.ourselves(&peer.address.any) || is_master(a, &peer.address.any))
		return;
	announce_common.env.about(&peer);
	announce_want(a, &peer);
}

static unsigned
want_set(struct announce *a, const struct rrset *set, int family)
{
	const uint8_t *p = set != NULL ? set->rdata : NULL;
	unsigned i;

	for (i = 0; set != NULL && i < set->count; i++, p += 2 + get16(p))
		want_address(a, family, p + 2);
	return i;
}

/* The addresses that a zone of ours has for a name server, its own or another's. */
static bool
want_known(struct announce *a, const struct zone *zone, const uint8_t *name)
{
	const struct node *node = zone_node(zone, name);

	return node != NULL && want_set(a, node_set(node, T_A), AF_INET) +
	    want_set(a, node_set(node, T_AAAA), AF_INET6) > 0;
}

static void
on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct lookup *l = request->data, **at;
	struct announce *a = l->zone;

	for (at = &a->lookups; *at != l; at = &(*at)->next)
		continue;
	*at = l->next;
	if (status < 0 && status != UV_ECANCELED && !a->freed)
		announce_tell(a, WARNING, "the name server %s is not told of the new version: %s", l->name, uv_strerror(status));
	for (const struct addrinfo *i = list; i != NULL && !a->freed; i = i->ai_next) {
		if (i->ai_family == AF_INET)
			want_address(a, AF_INET, &((struct sockaddr_in *)(void *)i->ai_addr)->sin_addr);
		else if (i->ai_family == AF_INET6)
			want_address(a, AF_INET6, &((struct sockaddr_in6 *)(void *)i->ai_addr)->sin6_addr);
	}
	uv_freeaddrinfo(list);
	free(l);
	announce_let_go(a);
}

static void
look_up(struct announce *a, const uint8_t *name)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct lookup *l = xcalloc(1, sizeof(*l));

	l->zone = a;
	l->request.data = l;
	name_print_plain(l->name, name);
	if (uv_getaddrinfo(announce_common.loop, &l->request, on_looked_up, l->name, NULL, &hints) < 0) {
		free(l);
		return;
	}
	l->next = a->lookups;
	a->lookups = l;
	a->open++;
}

/* Names of servers are looked for in our own zones first: they are right there before the world can ask. */
static void
want_name(struct announce *a, const struct zone *zone, const uint8_t *name)
{
	uint8_t lower[DNAME_MAX];
	struct zone *other = NULL;
	struct slot *slot;
	bool found = want_known(a, zone, name);

	if (found)
		return;
	name_lower(lower, name);
	slot_enter();
	if ((slot = slot_find(lower, false)) != NULL && (other = slot_zone(slot)) != NULL)
		zone_ref(other);
	slot_leave();
	if (other != NULL && other != zone)
		found = want_known(a, other, name);
	zone_unref(other);
	if (!found)
		look_up(a, name);
}

void
announce_want_servers(struct announce *a, const struct zone *zone)
{
	const struct rrset *set = node_set(zone_apex(zone), T_NS);
	const uint8_t *primary = zone_soa(zone)->rdata + 2, *p = set->rdata;

	for (unsigned i = 0; i < set->count; i++, p += 2 + get16(p))
		if (a->conf.primary_too || !name_equal(p + 2, primary))
			want_name(a, zone, p + 2);
}

void
announce_stop_lookups(struct announce *a)
{
	for (struct lookup *l = a->lookups; l != NULL; l = l->next)
		uv_cancel((uv_req_t *)&l->request);	/* those that still wait for a thread */
}
