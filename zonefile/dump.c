#include "zonefile/dump.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/octets.h"
#include "zonefile/rdata.h"

/* Text of one record, most of the time in the small buffer. */
#define LINE_SMALL 4096
struct line {
	char *text, *more;
	size_t len, size;
	const uint8_t *origin;		/* of names in RDATA; NULL: these in full */
	char small[LINE_SMALL];
};

static void
line_start(struct line *line, const uint8_t *origin)
{
	line->origin = origin;
	line->text = line->small;
	line->more = NULL;
	line->size = sizeof(line->small);
	line->len = 0;
}

/* Only ahead of RDATA: two names at most, and numbers, which fit the small buffer. */
static void
add(struct line *line, const char *text, size_t len)
{
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void
add_number(struct line *line, uint32_t v)
{
	char digits[10];
	unsigned n = sizeof(digits);

	do
		digits[--n] = '0' + v % 10;
	while ((v /= 10) > 0);
	add(line, digits + n, sizeof(digits) - n);
}

static void
add_type(struct line *line, uint16_t type)
{
	char out[RRTYPE_TEXT_MAX];
	const char *name = rrtype_print(out, type);

	add(line, name, strlen(name));
}

/* RDATA and the end of the line behind head octets, and out with it. */
static int
put_rdata(FILE *out, struct line *line, uint16_t type, const uint8_t *rdata, size_t len)
{
	size_t n = rdata_print(line->text + line->len, line->size - line->len, type, rdata, len,
	    line->origin);

	if (n + 1 >= line->size - line->len) {
		size_t size = line->len + n + 2;
		char *more = xmalloc(size);

		memcpy(more, line->text, line->len);
		free(line->more);
		line->text = line->more = more;
		line->size = size;
		rdata_print(line->text + line->len, size - line->len, type, rdata, len, line->origin);
	}
	line->text[line->len + n] = '\n';
	return fwrite_unlocked(line->text, line->len + n + 1, 1, out) == 1 ? 0 : -errno;
}

int
dump_record(FILE *out, const struct rr *rr)
{
	struct line line;
	int err;

	line_start(&line, NULL);
	line.len = name_print(line.text, rr->owner);
	add(&line, " ", 1);
	add_number(&line, rr->ttl);
	add(&line, " IN ", 4);
	add_type(&line, rr->type);
	add(&line, " ", 1);
	err = put_rdata(out, &line, rr->type, rr->rdata, rr->len);
	free(line.more);
	return err;
}

/* Every record of a set behind what is in the line already; a later one behind a tab where the
 * owner would stand when rest says so. */
static int
put_set(FILE *out, struct line *line, const struct rrset *set, size_t rest)
{
	const uint8_t *at = set->rdata;
	size_t head = line->len;
	int err = 0;

	for (unsigned i = 0; i < set->count && err == 0; i++) {
		size_t len = at[0] << 8 | at[1];

		line->len = head;
		err = put_rdata(out, line, set->type, at + 2, len);
		at += 2 + len;
		if (rest > 0 && i == 0) {
			line->text[0] = '\t';
			memmove(line->text + 1, line->text + rest, head - rest);
			head -= rest - 1;
		}
	}
	return err;
}

static int
canonical_set(FILE *out, struct line *line, size_t owner, const struct rrset *set)
{
	line->len = owner;
	add(line, " ", 1);
	add_number(line, set->ttl);
	add(line, " IN ", 4);
	add_type(line, set->type);
	add(line, " ", 1);
	return put_set(out, line, set, 0);
}

int
dump_canonical(FILE *out, const struct zone *zone)
{
	const struct rrset *soa = zone_soa(zone);
	const struct node *node;
	struct zone_walk walk;
	uint8_t name[DNAME_MAX];
	struct line line;
	size_t owner;
	int err;

	line_start(&line, NULL);
	owner = name_print(line.text, zone_origin(zone));
	err = canonical_set(out, &line, owner, soa);
	for (node = zone_walk(&walk, zone); node != NULL && err == 0; node = zone_next(&walk)) {
		zone_owner(zone, node, name);
		owner = name_print(line.text, name);
		for (unsigned i = 0; i < node->count && err == 0; i++)
			if (node->set[i] != soa)
				err = canonical_set(out, &line, owner, node->set[i]);
	}
	free(line.more);
	return err;
}

/* The TTL that most sets have, if one has more than half of them; else any. */
static uint32_t
usual_ttl(const struct zone *zone)
{
	const struct node *node;
	struct zone_walk walk;
	uint32_t ttl = 0;
	size_t lead = 0;

	for (node = zone_walk(&walk, zone); node != NULL; node = zone_next(&walk))
		for (unsigned i = 0; i < node->count; i++) {
			if (lead == 0)
				ttl = node->set[i]->ttl;
			lead += node->set[i]->ttl == ttl ? 1 : -1;
		}
	return ttl;
}

static int
owned_set(FILE *out, struct line *line, size_t *owner, const struct rrset *set, uint32_t ttl)
{
	int err;

	line->len = *owner;
	add(line, "\t", 1);
	if (set->ttl != ttl) {
		add_number(line, set->ttl);
		add(line, " ", 1);
	}
	add_type(line, set->type);
	add(line, "\t", 1);
	err = put_set(out, line, set, *owner + 1);
	/* What stands below is owned by the name above. */
	*owner = 0;
	return err;
}

int
dump_relative(FILE *out, const struct zone *zone)
{
	uint32_t ttl = usual_ttl(zone);
	const struct rrset *soa = zone_soa(zone);
	const struct node *node;
	struct zone_walk walk;
	uint8_t name[DNAME_MAX];
	char origin[DNAME_TEXT_MAX];
	struct line line;
	size_t owner;
	int err = 0;

	name_print(origin, zone_origin(zone));
	if (fprintf(out, "$ORIGIN %s\n$TTL %u\n", origin, ttl) < 0)
		return -errno;
	line_start(&line, zone_origin(zone));
	for (node = zone_walk(&walk, zone); node != NULL && err == 0; node = zone_next(&walk)) {
		if (node->name_len == 0) {
			line.text[0] = '@';
			owner = 1;
			err = owned_set(out, &line, &owner, soa, ttl);
		} else {
			/* The labels below the origin as if they were all, without the last dot. */
			memcpy(name, node_name(node), node->name_len);
			name[node->name_len] = 0;
			owner = name_print(line.text, name) - 1;
		}
		for (unsigned i = 0; i < node->count && err == 0; i++)
			if (node->set[i] != soa)
				err = owned_set(out, &line, &owner, node->set[i], ttl);
	}
	free(line.more);
	return err;
}

bool
dump_is_of(const struct zone *zone, const char *path)
{
	const uint8_t *rdata = zone_soa(zone)->rdata;
	char head[3 * DNAME_TEXT_MAX + 128], soa[2 * DNAME_TEXT_MAX + 64];
	bool found = false;
	size_t len;
	FILE *in;

	if ((in = fopen(path, "r")) == NULL)
		return false;
	len = fread(head, 1, sizeof(head) - 1, in);
	fclose(in);
	head[len] = '\0';
	/* No name has a blank in it.  Behind the type there is a tab, or a space in full style. */
	for (const char *at = head + 1; len > 0 && !found && (at = strstr(at, "SOA")) != NULL; at += 3) {
		if ((at[-1] != '\t' && at[-1] != ' ') || (at[3] != '\t' && at[3] != ' '))
			continue;
		len = rdata_print(soa, sizeof(soa) - 1, T_SOA, rdata + 2, get16(rdata),
		    at[3] == '\t' ? zone_origin(zone) : NULL);
		soa[len++] = '\n';
		found = strncmp(at + 4, soa, len) == 0;
	}
	return found;
}

static int
replace(const struct zone *zone, const char *path, int (*write)(FILE *, const struct zone *))
{
	char tmp[PATH_MAX];
	struct stat st;
	FILE *out = NULL;
	int fd, err;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	if ((fd = mkstemp(tmp)) < 0)
		return -errno;
	/* mkstemp() lets nobody else read it. */
	if (fchmod(fd, stat(path, &st) == 0 ? st.st_mode & 07777 : 0644) < 0 ||
	    (out = fdopen(fd, "w")) == NULL)
		err = -errno;
	else if ((err = write(out, zone)) == 0 &&
	    /* Without the fsync a crash may leave an empty file under path. */
	    (fflush(out) == EOF || fsync(fd) < 0 || rename(tmp, path) < 0))
		err = -errno;
	if (err < 0)
		unlink(tmp);
	if (out != NULL)
		fclose(out);	/* and fd */
	else
		close(fd);
	return err;
}

int
dump_zone(const struct zone *zone, const char *path)
{
	return replace(zone, path, dump_relative);
}

int
dump_zone_full(const struct zone *zone, const char *path)
{
	return replace(zone, path, dump_canonical);
}
