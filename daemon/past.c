#include "daemon/past.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/journal.h"
#include "zonefile/arena.h"
#include "zonefile/octets.h"

struct list {
	struct past_version *version;
	size_t count;
};

static struct past_version *
add(struct list *list)
{
	list->version = xrealloc(list->version, (list->count + 1) * sizeof(*list->version));
	return memset(&list->version[list->count++], 0, sizeof(*list->version));
}

static void
on_step(void *ctx, const struct journal_step *step)
{
	struct list *list = ctx;
	struct past_version *v;

	/* The one from which the change before, in this order, led on. */
	if (list->count > 0)
		list->count--;
	v = add(list);
	v->serial = step->to_serial;
	v->digest = step->to;
	v->at = step->at;
	snprintf(v->source, sizeof(v->source), "%s", step->source);
	v->removed = step->removed;
	v->added = step->added;
	v = add(list);
	v->serial = step->from_serial;
	v->digest = step->from;
}

struct past_version *
past_versions(const char *journal, const uint8_t *origin, size_t *count)
{
	struct journal *j = journal_open_reader(journal);
	struct list list = { NULL, 0 };

	journal_steps(j, origin, on_step, &list);
	journal_close(j);
	*count = list.count;
	return list.version;
}

/* The newest of that serial; count: none. */
static size_t
find(const struct past_version *version, size_t count, uint32_t serial)
{
	size_t i = 0;

	while (i < count && version[i].serial != serial)
		i++;
	return i;
}

struct delta *
past_delta(const char *journal, const uint8_t *origin, uint32_t from, uint32_t to, char *why, size_t size)
{
	struct delta *delta = NULL, *forward;
	struct past_version *version;
	struct journal *j;
	size_t count, f, t;

	version = past_versions(journal, origin, &count);
	f = find(version, count, from);
	t = find(version, count, to);
	if (f == count || t == count) {
		snprintf(why, size, "the journal does not know serial %" PRIu32 "; 'history' lists what it knows",
		    f == count ? from : to);
	} else {
		/* The order is from new to old. */
		size_t older = f > t ? f : t, newer = f > t ? t : f;

		j = journal_open_reader(journal);
		forward = journal_chain(j, origin, version[older].digest, version[newer].digest);
		journal_close(j);
		if (forward == NULL) {
			snprintf(why, size, "the journal does not lead from serial %" PRIu32 " to %" PRIu32,
			    version[older].serial, version[newer].serial);
		} else if (older == f) {
			delta = forward;
		} else {
			delta = delta_reverse(forward);
			delta_free(forward);
		}
	}
	free(version);
	return delta;
}

struct delta *
past_change(const char *journal, const uint8_t *origin, char *why, size_t size)
{
	struct past_version *version;
	struct delta *delta = NULL;
	struct journal *j;
	size_t count;

	version = past_versions(journal, origin, &count);
	if (count > 1) {
		j = journal_open_reader(journal);
		delta = journal_chain(j, origin, version[1].digest, version[0].digest);
		journal_close(j);
	}
	if (delta == NULL)
		snprintf(why, size, "no change is known");
	free(version);
	return delta;
}

/* The same records but for the serial. */
static struct zone *
renumber(struct zone *zone, uint32_t serial, struct sink *sink)
{
	const struct rrset *soa = zone_soa(zone);
	struct builder *builder = builder_derive(zone, sink);
	uint16_t len = (uint16_t)(soa->size - 2);
	uint8_t rdata[512 + 20];
	struct rr rr = { zone_origin(zone), soa->ttl, soa->type, len, soa->rdata + 2 };

	memcpy(rdata, soa->rdata + 2, len);
	put32(rdata + len - 20, serial);
	builder_remove(builder, &rr);
	rr.rdata = rdata;
	builder_add(builder, &rr, NULL);
	return builder_finish(builder);
}

struct zone *
past_zone(const char *journal, struct zone *current, uint32_t serial, uint32_t new_serial, char *why, size_t size)
{
	struct sink quiet = { 0 };
	struct delta *delta = past_delta(journal, zone_origin(current), zone_serial(current), serial, why, size);
	struct zone *old, *renumbered = NULL;

	if (delta == NULL)
		return NULL;
	if ((old = delta_apply(current, delta, &quiet)) != NULL)
		renumbered = renumber(old, new_serial, &quiet);
	if (renumbered == NULL)
		snprintf(why, size, "serial %" PRIu32 " does not come out of the journal whole", serial);
	zone_unref(old);
	delta_free(delta);
	return renumbered;
}
