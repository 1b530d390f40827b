#include "daemon/listeners.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "zonefile/arena.h"

struct listeners {
	union worker_address *address;
	size_t count;
};

static struct listeners now, wanted;

static bool
same_address(const union worker_address *a, const union worker_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port &&
	    memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

static bool
has_address(const struct listeners *list, const union worker_address *address)
{
	for (size_t i = 0; i < list->count; i++)
		if (same_address(&list->address[i], address))
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

/* Listen on what is new, all of it or nothing. */
static bool
listen_new(struct workers *workers)
{
	char text[80];
	bool ok = true;

	for (size_t i = 0; i < wanted.count; i++) {
		const union worker_address *a = &wanted.address[i];
		int err = has_address(&now, a) ? 0 : workers_listen(workers, a);

		if (err < 0) {
			log_error("cannot listen on %s: %s", print_address(text, a), strerror(-err));
			ok = false;
		} else if (!has_address(&now, a)) {
			log_note("listening on %s", print_address(text, a));
			continue;
		}
	}
	return ok;
}

static void
unlisten_other(struct workers *workers, const struct listeners *have, const struct listeners *keep)
{
	for (size_t i = 0; i < have->count; i++)
		if (!has_address(keep, &have->address[i]))
			workers_unlisten(workers, &have->address[i]);
}

bool
listeners_open(struct workers *workers, const struct conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++)
		add_matches(&wanted, &conf->listens[i], conf->listens[i].addresses);
	return listen_new(workers);
}

void
listeners_settle(struct workers *workers, bool taken)
{
	struct listeners other = taken ? now : wanted;

	if (taken)
		now = wanted;
	wanted = (struct listeners){ NULL, 0 };
	unlisten_other(workers, &other, &now);
	free(other.address);
}

void
listeners_free(void)
{
	free(now.address);
}
