#include "daemon/transfer/away.h"

#include <stdlib.h>

#include "daemon/transfer/peer.h"
#include "zonefile/arena.h"

#define FIRST_MS 10000u
#define LAST_MS 640000u

/* Few masters are away at a time, and many zones share them. */
struct away {
	struct away *next;
	union peer_address address;
	uint64_t until;
	unsigned ms;			/* that it is left alone now */
};

struct away_list {
	struct away *first;
};

struct away_list *
away_new(void)
{
	return xcalloc(1, sizeof(struct away_list));
}

void
away_free(struct away_list *list)
{
	struct away *next;

	for (struct away *a = list->first; a != NULL; a = next) {
		next = a->next;
		free(a);
	}
	free(list);
}

/* Where it is linked from, or the end. */
static struct away *const *
find(struct away *const *at, const struct sockaddr *address)
{
	while (*at != NULL && !peer_same_address(&(*at)->address.any, address))
		at = &(*at)->next;
	return at;
}

void
away_note(struct away_list *list, const struct sockaddr *address, uint64_t now)
{
	struct away *a = *find(&list->first, address);

	if (a == NULL) {
		a = xcalloc(1, sizeof(*a));
		peer_address_set(&a->address, address);
		a->next = list->first;
		list->first = a;
	} else if (now < a->until) {
		return;			/* asked before that, or by force: one silence */
	}
	a->ms = a->ms == 0 ? FIRST_MS : a->ms * 2 < LAST_MS ? a->ms * 2 : LAST_MS;
	a->until = now + a->ms;
}

void
away_clear(struct away_list *list, const struct sockaddr *address)
{
	struct away **at = (struct away **)find(&list->first, address), *a = *at;

	if (a == NULL)
		return;
	*at = a->next;
	free(a);
}

uint64_t
away_until(const struct away_list *list, const struct sockaddr *address, uint64_t now)
{
	const struct away *a = *find(&list->first, address);

	return a != NULL && now < a->until ? a->until : 0;
}
