/* import.c - a zone file from PowerDNS's rows. */
#include "sync/import.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/pdns_text.h"
#include "zonefile/arena.h"
#include "zonefile/builder.h"
#include "zonefile/dump.h"
#include "zonefile/name.h"
#include "zonefile/rdata.h"
#include "zonefile/rrtype.h"

#define DEFAULT_TTL 3600		/* PowerDNS's, for a row without one */

static const uint8_t root[1];

struct import {
	struct builder *builder;
	struct sink *sink;
	const char *domain;
	unsigned bad;
	uint8_t rdata[RDATA_ROOM];
	struct text { char *s; size_t size; } text;
};

__attribute__((format(printf, 3, 4)))
static void
refuse(struct import *im, const struct target_record *r, const char *fmt, ...)
{
	char text[512];
	struct report report = { .severity = ERROR, .zone = im->domain, .text = text };
	int len;
	va_list ap;

	len = snprintf(text, sizeof(text), "row %.100s %.20s %.100s: ", r->name != NULL ? r->name : "NULL", r->type,
	    r->content != NULL ? r->content : "NULL");
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, ap);
	va_end(ap);
	im->bad++;
	if (im->sink != NULL)
		im->sink->fn(im->sink->ctx, &report);
}

/* The record's text as a master file has it: PowerDNS keeps the first number of MX and SRV apart, and quotes that are
 * left out it adds itself. */
static const char *
whole_text(struct import *im, uint16_t type, const struct target_record *r)
{
	const char *content = r->content != NULL ? r->content : "";
	size_t size = strlen(content) + 32;

	if (size > im->text.size)
		im->text.s = xrealloc(im->text.s, im->text.size = size * 2);
	if (type == T_MX || type == T_SRV)
		snprintf(im->text.s, size, "%s %s", r->prio != NULL ? r->prio : "0", content);
	else if ((type == T_TXT || type == T_SPF) && content[0] != '"')
		snprintf(im->text.s, size, "\"%s\"", content);
	else
		snprintf(im->text.s, size, "%s", content);
	return im->text.s;
}

static void
add_record(void *ctx, const struct target_record *r)
{
	struct import *im = ctx;
	struct rdata_error error;
	uint8_t owner[DNAME_MAX];
	struct rr rr = { .owner = owner, .rdata = im->rdata };
	const char *text;
	int len;

	if (!rrtype_parse(r->type, strlen(r->type), &rr.type) || strcmp(r->type, "ALIAS") == 0 || strcmp(r->type, "LUA") == 0) {
		refuse(im, r, "type %s is PowerDNS's own", r->type);
		return;
	}
	if (r->name == NULL || name_parse(owner, r->name, strlen(r->name), root) < 0) {
		refuse(im, r, "this is not a name");
		return;
	}
	text = whole_text(im, rr.type, r);
	if ((len = rdata_from_text(im->rdata, rr.type, text, strlen(text), root, &error)) < 0) {
		refuse(im, r, "%s", error.text);
		return;
	}
	rr.len = (uint16_t)len;
	rr.ttl = r->ttl != NULL ? (uint32_t)strtoul(r->ttl, NULL, 10) : DEFAULT_TTL;
	builder_add(im->builder, &rr, NULL);
}

static int
say(char *why, size_t size, int err, const char *text)
{
	snprintf(why, size, "%s", text);
	return err;
}

static int
read_domain(struct import *im, struct target *t, const char *name, char *why, size_t size)
{
	bool known, presigned;

	if (target_connect(t) != TARGET_OK ||
	    target_records(t, name, add_record, im, &known, &presigned) != TARGET_OK)
		return say(why, size, -EIO, target_why(t));
	if (!known)
		return say(why, size, -ENOENT, "the database has no domain of this name");
	if (presigned)
		return say(why, size, -ENOTSUP, "it is signed, and PowerDNS's rows have no NSEC and NSEC3 records: "
		    "transfer it from PowerDNS by AXFR instead");
	return im->bad == 0 ? 0 : say(why, size, -EINVAL, "rows of it are not records; nothing is written");
}

int
import_zone(struct target *t, const char *domain, const char *path, struct sink *sink, char *why, size_t size)
{
	struct import *im;
	struct zone *zone;
	uint8_t origin[DNAME_MAX], lower[DNAME_MAX];
	char name[PDNS_NAME_TEXT];
	int err;

	if (name_parse(origin, domain, strlen(domain), root) < 0)
		return say(why, size, -EINVAL, "this is not a name");
	name_lower(lower, origin);
	pdns_name(name, lower);
	im = xcalloc(1, sizeof(*im));
	im->domain = name;
	im->sink = sink;
	im->builder = builder_new(lower, sink);
	err = read_domain(im, t, name, why, size);
	if (err < 0) {
		builder_free(im->builder);
	} else if ((zone = builder_finish(im->builder)) == NULL) {
		err = say(why, size, -EINVAL, "its records are not a zone; nothing is written");
	} else {
		if ((err = dump_zone(zone, path)) < 0)
			snprintf(why, size, "%s: %s", path, strerror(-err));
		zone_unref(zone);
	}
	free(im->text.s);
	free(im);
	return err;
}
