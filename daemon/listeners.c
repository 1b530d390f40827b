#include "daemon/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/transfer/peer.h"
#include "zonefile/arena.h"

struct listeners {
	union worker_address *address;
	size_t count;
};

static struct listeners now, wanted;

static bool
has_address(const struct listeners *list, const union worker_address *address)
{
	for (size_t i = 0; i < list->count; i++)
		if (worker_same_address(&list->address[i], address))
			return true;
	return false;
}

static void
add_address(struct listeners *list, const union worker_address *address)
{
	if (has_address(list, address))
		return;
	list->address = xrealloc(list->address, (list->count + 1) * sizeof(*address));
	list->address[list->count++] = *address;
}

static void
add_matches(struct listeners *list, const struct conf_listen *listen, const struct conf_match_list *matches)
{
	for (size_t i = 0; i < matches->count; i++) {
		const struct conf_match *m = &matches->match[i];
		union worker_address a = { .any = { .sa_family = listen->v6 ? AF_INET6 : AF_INET } };

		if (m->negate || m->kind == MATCH_NONE)
			continue;
		if (m->kind == MATCH_LIST) {
			add_matches(list, listen, m->list);
			continue;
		}
		if (listen->v6)
			a.v6.sin6_port = htons(listen->port);
		else
			a.v4.sin_port = htons(listen->port);
		if (m->kind == MATCH_PREFIX && m->family != a.any.sa_family)
			continue;
		if (m->kind == MATCH_PREFIX && listen->v6)
			memcpy(&a.v6.sin6_addr, m->address, 16);
		else if (m->kind == MATCH_PREFIX)
			memcpy(&a.v4.sin_addr, m->address, 4);
		else if (m->kind == MATCH_LOCALHOST && listen->v6)
			a.v6.sin6_addr = in6addr_loopback;
		else if (m->kind == MATCH_LOCALHOST)
			a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		add_address(list, &a);
	}
}

static const char *
print_address(char out[80], const union worker_address *a)
{
	char text[INET6_ADDRSTRLEN];

	if (a->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof(text));
		snprintf(out, 80, "%s port %u", text, ntohs(a->v4.sin_port));
	} else {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof(text));
		snprintf(out, 80, "%s port %u", text, ntohs(a->v6.sin6_port));
	}
	return out;
}

static bool
is_wildcard(const union worker_address *a)
{
	return a->any.sa_family == AF_INET ? a->v4.sin_addr.s_addr == INADDR_ANY :
	    IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

/* Would our own socket of one be in the way of another's?  Ports lie at the same place in both. */
static bool
overlaps(const struct listeners *list, const union worker_address *a)
{
	for (size_t i = 0; i < list->count; i++) {
		const union worker_address *b = &list->address[i];

		if (a->any.sa_family == b->any.sa_family && a->v4.sin_port == b->v4.sin_port &&
		    (is_wildcard(a) || is_wildcard(b)))
			return true;
	}
	return false;
}

/* Workers share ports, and with SO_REUSEPORT the kernel would share them with another server of this user too, who
 * would take half of the queries.  0 when the address is ours alone, or -errno. */
static int
probe(const union worker_address *a, int type)
{
	bool v4 = a->any.sa_family == AF_INET;
	int fd = socket(a->any.sa_family, type | SOCK_CLOEXEC, 0), on = 1, err = 0;

	if (fd < 0)
		return -errno;
	/* Of TCP this is about connections that have ended, not about a listener. */
	if ((type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
	    (!v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(fd, &a->any, v4 ? sizeof(a->v4) : sizeof(a->v6)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int
probe_both(const union worker_address *a)
{
	int err = probe(a, SOCK_DGRAM);

	return err < 0 ? err : probe(a, SOCK_STREAM);
}

/* Listen on what is new, all of it or nothing.  All are tried before the first of ours is in the way. */
static bool
listen_new(struct workers *workers, struct sink *sink)
{
	int *err = xcalloc(wanted.count, sizeof(*err));
	char text[80];
	bool ok = true;

	for (size_t i = 0; i < wanted.count; i++)
		if (!has_address(&now, &wanted.address[i]) && !overlaps(&now, &wanted.address[i]))
			err[i] = probe_both(&wanted.address[i]);
	for (size_t i = 0; i < wanted.count; i++) {
		const union worker_address *a = &wanted.address[i];

		if (has_address(&now, a))
			continue;
		if (err[i] == 0)
			err[i] = workers_listen(workers, a);
		if (err[i] == 0)
			continue;
		report_zone(sink, ERROR, NULL, "cannot listen on %s: %s", print_address(text, a), strerror(-err[i]));
		ok = false;
	}
	free(err);
	return ok;
}

bool
listeners_open(struct workers *workers, const struct conf *conf, struct sink *sink)
{
	for (size_t i = 0; i < conf->listen_count; i++)
		add_matches(&wanted, &conf->listens[i], conf->listens[i].addresses);
	return listen_new(workers, sink);
}

static void
tell_new(const struct listeners *old)
{
	char text[80];

	for (size_t i = 0; i < now.count; i++)
		if (!has_address(old, &now.address[i]))
			log_note("listening on %s", print_address(text, &now.address[i]));
}

void
listeners_settle(struct workers *workers, bool taken)
{
	struct listeners other = taken ? now : wanted;
	char text[80];

	if (taken) {
		now = wanted;
		tell_new(&other);
	}
	wanted = (struct listeners){ NULL, 0 };
	for (size_t i = 0; i < other.count; i++) {
		if (has_address(&now, &other.address[i]))
			continue;
		workers_unlisten(workers, &other.address[i]);
		if (taken)
			log_note("no longer listening on %s", print_address(text, &other.address[i]));
	}
	free(other.address);
}

/* Of an interface of this host. */
static bool
is_local(const struct sockaddr *address)
{
	struct ifaddrs *list;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *i = list; i != NULL && !found; i = i->ifa_next)
		found = i->ifa_addr != NULL && i->ifa_addr->sa_family == address->sa_family &&
		    peer_same_host(i->ifa_addr, address);
	freeifaddrs(list);
	return found;
}

bool
listeners_ourselves(const struct sockaddr *address)
{
	for (size_t i = 0; i < now.count; i++) {
		const union worker_address *a = &now.address[i];

		if (a->any.sa_family == address->sa_family && peer_address_port(&a->any) == peer_address_port(address) &&
		    (is_wildcard(a) ? is_local(address) : peer_same_host(&a->any, address)))
			return true;
	}
	return false;
}

void
listeners_free(void)
{
	free(now.address);
}
