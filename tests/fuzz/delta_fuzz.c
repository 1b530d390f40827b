/* Octets of a journal.  What decodes as a delta has records that can be walked, reversed, joined and applied. */
#include "tests/fuzz/fuzz.h"
#include "zonefile/delta.h"
#include "zonefile/name.h"
#include "zonefile/rdata.h"

static size_t
walk(struct delta_walk *w)
{
	struct rr rr;
	size_t n = 0;

	for (; delta_next(w, &rr); n++)
		MUST(name_len(rr.owner) <= DNAME_MAX && rdata_valid(rr.type, rr.rdata, rr.len));
	return n;
}

static struct zone *
zone_for(const struct delta *delta)
{
	static const uint8_t soa[22], ns[1];
	struct sink sink = { .fn = NULL };
	struct builder *b = builder_new(delta_origin(delta), &sink);

	builder_add(b, &(struct rr){ delta_origin(delta), 1, T_SOA, sizeof(soa), soa }, NULL);
	builder_add(b, &(struct rr){ delta_origin(delta), 1, T_NS, sizeof(ns), ns }, NULL);
	return builder_finish(b);
}

/* Without the digest, which is not to be guessed. */
static void
apply(struct zone *base, const struct delta *delta)
{
	struct sink sink = { .fn = NULL };
	struct builder *b = builder_derive(base, &sink);
	struct delta_walk w;
	struct rr rr;

	for (delta_walk_removed(&w, delta); delta_next(&w, &rr);)
		builder_remove(b, &rr);
	for (delta_walk_added(&w, delta); delta_next(&w, &rr);)
		builder_add(b, &rr, NULL);
	zone_unref(builder_finish(b));
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct delta *delta = delta_decode(octets, size), *back, *both;
	struct sink sink = { .fn = NULL };
	struct delta_walk w;
	const uint8_t *out;
	struct zone *zone;
	size_t len;

	if (delta == NULL)
		return 0;
	out = delta_encode(delta, &len);
	MUST(len == size && memcmp(out, octets, size) == 0);
	delta_walk_removed(&w, delta);
	MUST(walk(&w) == delta_removed(delta));
	delta_walk_added(&w, delta);
	MUST(walk(&w) == delta_added(delta));
	back = delta_reverse(delta);
	MUST(delta_removed(back) == delta_added(delta) && delta_from(back) == delta_to(delta));
	both = delta_join(delta, back);
	if ((zone = zone_for(delta)) != NULL) {
		zone_unref(delta_apply(zone, delta, &sink));
		apply(zone, delta);
		zone_unref(zone);
	}
	delta_free(both);
	delta_free(back);
	delta_free(delta);
	return 0;
}
