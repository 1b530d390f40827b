/* snapshot.c - a whole zone as compressed parts, and back. */
#include "sync/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "zonefile/arena.h"
#include "zonefile/builder.h"
#include "zonefile/name.h"
#include "zonefile/rdata.h"

/* Records as { u8 length of the relative owner, owner, u16 type, u32 TTL, u16 length, RDATA }, numbers in
 * network order; length 255: the owner of the record before. */
#define SAME_OWNER 255
#define RECORD_MAX (1 + 254 + 8 + 65535)

/* --- writing ----------------------------------------------------------- */

struct snapshot_writer {
	ZSTD_CCtx *zstd;
	snapshot_part_fn *fn;
	void *ctx;
	int64_t size;			/* octets before compression */
	int result;			/* of fn */
	uint8_t in[2 * RECORD_MAX], out[SNAPSHOT_PART];
	size_t in_len, out_len;
};

static void
put_part(struct snapshot_writer *w)
{
	if (w->result == 0)
		w->result = w->fn(w->ctx, w->out, w->out_len);
	w->out_len = 0;
}

static void
compress(struct snapshot_writer *w, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = { w->in, w->in_len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { w->out, sizeof(w->out), w->out_len };

		left = ZSTD_compressStream2(w->zstd, &out, &in, end);
		assert(!ZSTD_isError(left));	/* only lack of memory, or misuse */
		w->out_len = out.pos;
		if (out.pos == out.size || (end == ZSTD_e_end && left == 0))
			put_part(w);
	} while (in.pos < in.size || (end == ZSTD_e_end && left != 0));
	w->size += (int64_t)w->in_len;
	w->in_len = 0;
}

static uint8_t *
put_number(uint8_t *at, uint32_t number, int octets)
{
	while (octets-- > 0)
		*at++ = (uint8_t)(number >> 8 * octets);
	return at;
}

static void
put_set(struct snapshot_writer *w, const struct node *node, const struct rrset *set,
    bool *named)
{
	const uint8_t *rdata = set->rdata;

	for (unsigned i = 0; i < set->count; i++) {
		uint16_t len = (uint16_t)(rdata[0] << 8 | rdata[1]);
		uint8_t *at;

		if (sizeof(w->in) - w->in_len < RECORD_MAX)
			compress(w, ZSTD_e_continue);
		at = w->in + w->in_len;
		*at++ = *named ? SAME_OWNER : node->name_len;
		if (!*named) {
			memcpy(at, node_name(node), node->name_len);
			at += node->name_len;
		}
		*named = true;
		at = put_number(at, set->type, 2);
		at = put_number(at, set->ttl, 4);
		memcpy(at, rdata, 2u + len);
		w->in_len = (size_t)(at - w->in) + 2u + len;
		rdata += 2 + len;
	}
}

struct snapshot_writer *
snapshot_writer_new(void)
{
	struct snapshot_writer *w = xmalloc(sizeof(*w));

	w->zstd = ZSTD_createCCtx();
	return w;
}

void
snapshot_writer_free(struct snapshot_writer *w)
{
	if (w == NULL)
		return;
	ZSTD_freeCCtx(w->zstd);
	free(w);
}

int
snapshot_write(struct snapshot_writer *w, const struct zone *zone, snapshot_part_fn *fn,
    void *ctx, int64_t *size)
{
	struct zone_walk walk;

	ZSTD_CCtx_reset(w->zstd, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, 1);
	ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
	w->fn = fn;
	w->ctx = ctx;
	w->size = 0;
	w->result = 0;
	w->in_len = w->out_len = 0;
	for (const struct node *node = zone_walk(&walk, zone);
	    node != NULL && w->result == 0; node = zone_next(&walk)) {
		bool named = false;

		for (unsigned i = 0; i < node->count; i++)
			put_set(w, node, node->set[i], &named);
	}
	compress(w, ZSTD_e_end);
	*size = w->size;
	return w->result;
}

/* --- reading ----------------------------------------------------------- */

struct snapshot_reader {
	struct builder *builder;
	struct sink quiet;
	ZSTD_DCtx *zstd;
	uint8_t owner[DNAME_MAX];
	const uint8_t *origin;
	size_t origin_len;
	bool named, ended, damaged;
	uint8_t buf[2 * RECORD_MAX];	/* what is decompressed and not yet read */
	size_t len;
};

/* One record into the builder.  Returns its octets, 0 when it is not whole yet, -EUCLEAN when it
 * is none. */
static int
read_record(struct snapshot_reader *r, const uint8_t *at, size_t len)
{
	size_t name = len == 0 || at[0] == SAME_OWNER ? 0 : at[0], size;
	struct rr rr;

	if (len < 1 + name + 8)
		return 0;
	if (at[0] != SAME_OWNER) {
		if (name + r->origin_len > DNAME_MAX)
			return -EUCLEAN;
		memcpy(r->owner, at + 1, name);
		memcpy(r->owner + name, r->origin, r->origin_len);
		if (name_valid(r->owner, name + r->origin_len) != name + r->origin_len)
			return -EUCLEAN;
		r->named = true;
	}
	at += 1 + name;
	rr.owner = r->owner;
	rr.type = (uint16_t)(at[0] << 8 | at[1]);
	rr.ttl = (uint32_t)at[2] << 24 | (uint32_t)at[3] << 16 | (uint32_t)at[4] << 8 | at[5];
	rr.len = (uint16_t)(at[6] << 8 | at[7]);
	rr.rdata = at + 8;
	size = 1 + name + 8 + rr.len;
	if (len < size)
		return 0;
	if (!r->named || !rdata_valid(rr.type, rr.rdata, rr.len))
		return -EUCLEAN;
	builder_add(r->builder, &rr, NULL);
	return (int)size;
}

static int
read_records(struct snapshot_reader *r)
{
	size_t at = 0;
	int size;

	while ((size = read_record(r, r->buf + at, r->len - at)) > 0)
		at += (size_t)size;
	memmove(r->buf, r->buf + at, r->len -= at);
	return size;
}

static bool
read_part(struct snapshot_reader *r, const uint8_t *part, size_t size)
{
	ZSTD_inBuffer in = { part, size, 0 };

	while (!r->ended) {
		ZSTD_outBuffer out = { r->buf, sizeof(r->buf), r->len };
		size_t left = ZSTD_decompressStream(r->zstd, &out, &in);

		if (ZSTD_isError(left))
			return false;
		r->ended = left == 0;
		r->len = out.pos;
		if (read_records(r) < 0)
			return false;
		/* A full buffer may hide more that waits inside of zstd. */
		if (out.pos < out.size && in.pos == in.size)
			return true;
	}
	return in.pos == in.size;
}

int
snapshot_read(struct snapshot_reader *r, const uint8_t *part, size_t size)
{
	if (!r->damaged && (r->ended || !read_part(r, part, size)))
		r->damaged = true;
	return r->damaged ? -EUCLEAN : 0;
}

struct snapshot_reader *
snapshot_reader_new(const uint8_t *origin)
{
	struct snapshot_reader *r = xmalloc(sizeof(*r));

	r->quiet = (struct sink){ 0 };
	r->builder = builder_new(origin, &r->quiet);
	r->zstd = ZSTD_createDCtx();
	r->origin = origin;
	r->origin_len = name_len(origin);
	r->named = r->ended = r->damaged = false;
	r->len = 0;
	return r;
}

struct zone *
snapshot_finish(struct snapshot_reader *r)
{
	struct zone *zone = NULL;

	if (r->ended && !r->damaged && r->len == 0)
		zone = builder_finish(r->builder);
	else
		builder_free(r->builder);
	ZSTD_freeDCtx(r->zstd);
	free(r);
	return zone;
}
