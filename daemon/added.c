#include "daemon/added.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/place.h"
#include "daemon/current.h"
#include "sync/commit.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"
#include "zonefile/name.h"

static bool __attribute__((format(printf, 3, 4)))
refuse(struct sink *sink, const char *zone, const char *fmt, ...)
{
	char text[PATH_MAX + 512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report_zone(sink, ERROR, zone, "%s", text);
	return false;
}

/* DIRECTORY/example.org.conf; octets that a file's name had better not have stand as %2f, and the root is
 * %2e.conf, which is not hidden. */
bool
added_path(char out[PATH_MAX], const char *zone, const char *end)
{
	char place[PATH_MAX];
	size_t len = (size_t)snprintf(out, PATH_MAX, "%s/", place_directory(place, current_conf()));

	for (const char *first = zone; *zone != '\0' && len + 4 < PATH_MAX; zone++) {
		bool plain = (*zone >= 'a' && *zone <= 'z') || (*zone >= '0' && *zone <= '9') || *zone == '-' ||
		    *zone == '_' || (*zone == '.' && zone > first);

		len += (size_t)snprintf(out + len, PATH_MAX - len, plain ? "%c" : "%%%02x", (unsigned char)*zone);
	}
	return len < PATH_MAX && len + (size_t)snprintf(out + len, PATH_MAX - len, "%s", end) < PATH_MAX;
}

static int
write_block(const char *path, const char *zone, const char *block)
{
	size_t len = strlen(block);
	FILE *out;
	int err = 0;

	while (len > 0 && strchr("; \t\r\n", block[len - 1]) != NULL)
		len--;
	if ((out = fopen(path, "we")) == NULL)
		return -errno;
	fputs("zone \"", out);
	for (const char *at = zone; *at != '\0'; at++) {
		if (*at == '"' || *at == '\\')
			fputc('\\', out);
		fputc(*at, out);
	}
	fprintf(out, "\" %.*s;\n", (int)len, block);
	if (fflush(out) == EOF || fsync(fileno(out)) < 0)
		err = -errno;
	if (fclose(out) == EOF && err == 0)
		err = -errno;
	return err;
}

/* Another zone of this file, or NULL. */
static const struct conf_zone *
other_of(const char *file, const char *zone)
{
	char path[PATH_MAX], other[PATH_MAX];
	const struct served *all;
	size_t count;

	conf_resolve(path, current_conf(), file);
	all = zones_all(&count);
	for (size_t i = 0; i < count; i++)
		if (all[i].conf->file != NULL && strcmp(all[i].conf->name, zone) != 0 &&
		    strcmp(conf_resolve(other, current_conf(), all[i].conf->file), path) == 0)
			return all[i].conf;
	return NULL;
}

/* Masters may share a file, but a slave's is written. */
static bool
file_is_free(const struct conf_zone *zone, struct sink *sink)
{
	const struct conf_zone *other = zone->file != NULL ? other_of(zone->file, zone->name) : NULL;

	if (other == NULL || (zone->type == CONF_MASTER && other->type == CONF_MASTER))
		return true;
	return refuse(sink, zone->name, "%s is the file of zone %s", zone->file, other->name);
}

/* The file beside its place, read; on its place once it is good.  NULL and a report when it is not. */
static struct conf *
put_file(const char *zone, const char *block, struct sink *sink)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	struct conf *conf = NULL;
	int err;

	if (block[strspn(block, " \t\r\n")] != '{') {
		refuse(sink, zone, "expected '{' where its block begins, as in { type master; file \"%s\"; };", zone);
		return NULL;
	}
	if (!added_path(path, zone, ".conf") || !added_path(fresh, zone, ".conf.new")) {
		refuse(sink, zone, "its name is too long for a file");
		return NULL;
	}
	if ((err = place_make(current_conf())) < 0 || (err = write_block(fresh, zone, block)) < 0) {
		refuse(sink, zone, "%s: %s", fresh, strerror(-err));
		unlink(fresh);
		return NULL;
	}
	conf = conf_read_zone(current_conf(), fresh, sink);
	if (conf == NULL || !file_is_free(&conf->zones[0], sink))
		goto fail;
	if (rename(fresh, path) < 0 || (err = place_sync(current_conf())) < 0) {
		refuse(sink, zone, "%s: %s", path, strerror(err < 0 ? -err : errno));
		goto fail;
	}
	current_keep(conf);
	return conf;
fail:
	unlink(fresh);
	conf_free(conf);
	return NULL;
}

bool
added_add(const char *name, const char *block, struct sink *sink)
{
	static const uint8_t root[1];
	uint8_t wire[DNAME_MAX];
	char zone[DNAME_TEXT_MAX], path[PATH_MAX];
	struct conf *conf;
	struct served *old;
	int len;

	if (!current_conf()->allow_new_zones)
		return refuse(sink, name, "the configuration says 'allow-new-zones no'");
	if (strcmp(name, "@") == 0 || (len = name_parse(wire, name, strlen(name), root)) < 0)
		return refuse(sink, name, "this is not the name of a zone");
	name_lower(wire, wire);
	name_print_plain(zone, wire);
	if ((old = zones_find(name)) != NULL && added_path(path, zone, ".conf") && access(path, F_OK) == 0)
		return refuse(sink, zone, "it is there already: %s, which 'modzone' changes", path);
	if (old != NULL)
		return refuse(sink, zone, "it is there already: %s line %u", old->conf->place_file, old->conf->place_line);
	if ((conf = put_file(zone, block, sink)) == NULL)
		return false;
	zones_add(current_conf(), &conf->zones[0], current_keys());
	log_note("zone %s: added as %s", zone, conf->zones[0].type == CONF_SLAVE ? "slave" : "master");
	return true;
}

/* Is it ours to change?  The operator's own files are not. */
static bool
is_added(const struct served *zone, struct sink *sink)
{
	char path[PATH_MAX];

	if (added_path(path, zone->conf->name, ".conf") && access(path, F_OK) == 0)
		return true;
	return refuse(sink, zone->conf->name, "it stands in %s line %u and was not added at run time: change it there",
	    zone->conf->place_file, zone->conf->place_line);
}

bool
added_change(struct served *zone, const char *block, struct sink *sink)
{
	struct conf *conf;

	if (!is_added(zone, sink) || (conf = put_file(zone->conf->name, block, sink)) == NULL)
		return false;
	zones_change(zone, current_conf(), &conf->zones[0], current_keys());
	log_note("zone %s: changed", slot_name(zone->slot));
	return true;
}

/* A zone that goes has its block under another name until nothing of it is left, so that a crash meanwhile does not leave
 * the rest for ever. */
#define GONE ".gone"
#define GONE_CLEAN ".gone-clean"	/* its file too */

/* Commit thread. */
static void
on_forgotten(void *ctx, struct slot *slot, const struct commit_outcome *outcome)
{
	char *path = ctx;

	(void)slot;
	if (outcome->result == COMMIT_GONE)
		unlink(path);
	free(path);
}

bool
added_remove(struct served *zone, bool clean, struct sink *sink)
{
	char path[PATH_MAX], gone[PATH_MAX], file[PATH_MAX];
	struct slot *slot = slot_ref(zone->slot);
	const char *name = slot_name(slot);
	const struct conf_zone *other = NULL;
	bool ok = is_added(zone, sink);
	int err;

	clean &= zone->conf->file != NULL;
	if (clean && (other = other_of(zone->conf->file, name)) != NULL)
		clean = false;
	if (clean)
		conf_resolve(file, current_conf(), zone->conf->file);
	ok = ok && ((added_path(path, name, ".conf") && added_path(gone, name, clean ? GONE_CLEAN : GONE)) ||
	    refuse(sink, name, "its name is too long for a file"));
	if (ok) {
		err = rename(path, gone) < 0 ? -errno : place_sync(current_conf());
		ok = err == 0 || refuse(sink, name, "%s: %s", path, strerror(-err));
	}
	if (ok && other != NULL)
		report_zone(sink, WARNING, name, "its file %s stays: zone %s has it too", other->file, other->name);
	if (ok) {
		if (clean && zone->refresh != NULL)
			refresh_unwrite(zone->refresh);
		zones_remove(zone, current_conf());
		if (clean && unlink(file) < 0 && errno != ENOENT)
			ok = refuse(sink, name, "removed, but not its file: %s: %s", file, strerror(errno));
		commit_forget(slot, on_forgotten, xstrdup(gone));
	}
	slot_unref(slot);
	return ok;
}

/* What a crash has left of one. */
static void
sweep(const char *path, bool clean)
{
	struct sink sink = { .fn = log_report };
	struct conf *conf = conf_read_zone(current_conf(), path, &sink);
	const struct conf_zone *zone;
	char file[PATH_MAX];
	struct slot *slot;

	if (conf == NULL || zones_find((zone = &conf->zones[0])->name) != NULL) {
		unlink(path);
	} else {
		log_note("zone %s: its removal is finished", zone->name);
		if (clean && zone->file != NULL && other_of(zone->file, zone->name) == NULL)
			unlink(conf_resolve(file, current_conf(), zone->file));
		slot = slot_ref(slot_add(zone->origin));
		slot_remove(slot);
		slot_apply();
		commit_forget(slot, on_forgotten, xstrdup(path));
		slot_unref(slot);
	}
	conf_free(conf);
}

void
added_sweep(void)
{
	static const char *const ends[] = { GONE, GONE_CLEAN };
	char pattern[PATH_MAX], place[PATH_MAX];
	glob_t found;

	for (size_t i = 0; i < COUNT(ends); i++) {
		if (snprintf(pattern, sizeof(pattern), "%s/*%s", place_directory(place, current_conf()), ends[i]) >= (int)sizeof(pattern) ||
		    glob(pattern, 0, NULL, &found) != 0)
			continue;
		for (size_t k = 0; k < found.gl_pathc; k++)
			sweep(found.gl_pathv[k], strcmp(ends[i], GONE_CLEAN) == 0);
		globfree(&found);
	}
}
