/* zones.h - small zones for tests. */
#ifndef TESTS_SYNC_ZONES_H
#define TESTS_SYNC_ZONES_H

#include <stdio.h>
#include <string.h>

#include "zonefile/builder.h"
#include "zonefile/name.h"
#include "zonefile/zone.h"

static inline const uint8_t *
wire(const char *text)		/* lives until 8 more are asked for */
{
	static _Thread_local uint8_t out[8][DNAME_MAX];
	static const uint8_t root[] = "";
	static _Thread_local int n;

	n = (n + 1) % 8;
	if (name_parse(out[n], text, strlen(text), root) < 0)
		fprintf(stderr, "%s is no name\n", text);
	return out[n];
}

static inline void
add(struct builder *builder, const char *owner, uint16_t type, const void *rdata, size_t len)
{
	struct rr rr = { wire(owner), 300, type, (uint16_t)len, rdata };

	builder_add(builder, &rr, NULL);
}

/* SOA with the serial, one NS, and hosts A records h0 to hn-1; the host number odd, when not
 * negative, has another address. */
static inline struct zone *
make_zone(const char *origin, uint32_t serial, int hosts, int odd)
{
	struct sink quiet = { 0 };
	struct builder *builder = builder_new(wire(origin), &quiet);
	uint8_t soa[22] = { 0, 0, (uint8_t)(serial >> 24), (uint8_t)(serial >> 16),
	    (uint8_t)(serial >> 8), (uint8_t)serial, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9 };

	add(builder, origin, 6, soa, sizeof(soa));
	add(builder, origin, 2, "\2ns\7example", 12);
	for (int i = 0; i < hosts; i++) {
		uint8_t address[4] = { 10, (uint8_t)(i == odd), (uint8_t)(i >> 8), (uint8_t)i };
		char owner[300];

		snprintf(owner, sizeof(owner), "h%d.%s", i, origin);
		add(builder, owner, 1, address, 4);
	}
	return builder_finish(builder);
}
#endif
