/* command_past.c - what a zone was, is, and can be again: history, diff, dump, rollback. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/command_impl.h"
#include "daemon/log.h"
#include "daemon/past.h"
#include "daemon/current.h"
#include "daemon/setup.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"
#include "zonefile/bump.h"
#include "zonefile/dump.h"

/* More than this nobody reads. */
#define RECORDS_SHOWN 1000000

/* What the pool does for a command. */
struct past {
	struct reply *reply;
	struct slot *slot;
	struct zone *zone;		/* the current one */
	char journal[PATH_MAX], file[PATH_MAX], kept[PATH_MAX];
	uint32_t from, to;
	bool relative;
	uv_work_t work;
	void (*tell)(struct past *);	/* control loop; ends the reply */

	/* what comes back */
	struct past_version *version;
	size_t versions;
	char *text;
	char why[PATH_MAX + 128];	/* "" when it went well */
};

static void
past_free(struct past *p)
{
	zone_unref(p->zone);
	slot_unref(p->slot);
	free(p->version);
	free(p->text);
	free(p);
}

static void
on_done(uv_work_t *work, int status)
{
	struct past *p = work->data;

	(void)status;
	if (p->why[0] != '\0') {
		reply_error(p->reply, "%s: %s", slot_name(p->slot), p->why);
		reply_end(p->reply);
	} else {
		p->tell(p);
	}
	past_free(p);
}

/* NULL, and the reply ended, when there is no zone of this name or it has no version. */
static struct past *
past_new(struct reply *reply, const char *name)
{
	const struct conf *conf = current_conf();
	struct served *zone = command_zone(reply, name);
	struct past *p;

	if (zone == NULL) {
		reply_end(reply);
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->reply = reply;
	p->slot = slot_ref(zone->slot);
	p->zone = slot_zone_ref(zone->slot);
	p->work.data = p;
	conf_resolve(p->journal, conf, conf->journal);
	if (p->zone != NULL)
		return p;
	reply_error(reply, "%s has no version yet", slot_name(p->slot));
	reply_end(reply);
	past_free(p);
	return NULL;
}

static void
past_start(struct past *p, uv_work_cb work, void (*tell)(struct past *))
{
	p->tell = tell;
	uv_queue_work(setup_loop(), &p->work, work, on_done);
}

/* A serial that the operator wrote; false, with the reply ended and p freed, when it is none. */
static bool
take_serial(struct past *p, const char *word, uint32_t *serial)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(word, &end, 10);
	if (*word >= '0' && *word <= '9' && *end == '\0' && errno == 0 && value <= UINT32_MAX) {
		*serial = (uint32_t)value;
		return true;
	}
	reply_error(p->reply, "%s is not a serial", word);
	reply_end(p->reply);
	past_free(p);
	return false;
}

/* Text of the pool thread that the reply then has. */
static FILE *
open_text(struct past *p, size_t *size)
{
	FILE *out = open_memstream(&p->text, size);

	if (out == NULL)
		abort();
	return out;
}

static void
tell_text(struct past *p)
{
	reply_text_take(p->reply, p->text);
	p->text = NULL;
	reply_end(p->reply);
}

/* --- history --- */

static void
read_versions(uv_work_t *work)
{
	struct past *p = work->data;

	p->version = past_versions(p->journal, slot_origin(p->slot), &p->versions);
}

static void
tell_versions(struct past *p)
{
	static const char *const column[] = { "serial", "at:time", "from", "removed", "added", NULL };

	reply_columns(p->reply, column);
	for (size_t i = 0; i < p->versions; i++) {
		const struct past_version *v = &p->version[i];
		char serial[16], at[32] = "-", removed[24] = "-", added[24] = "-";

		snprintf(serial, sizeof(serial), "%" PRIu32, v->serial);
		if (v->at != 0) {
			snprintf(at, sizeof(at), "%" PRId64, v->at);
			snprintf(removed, sizeof(removed), "%zu", v->removed);
			snprintf(added, sizeof(added), "%zu", v->added);
		}
		reply_row(p->reply, (const char *const[]){ serial, at, v->at != 0 ? v->source : "-", removed, added });
	}
	if (p->versions == 0)
		reply_fact(p->reply, "changes", "none is known");
	reply_end(p->reply);
}

void
cmd_history(struct reply *reply, char **word)
{
	struct past *p = past_new(reply, word[0]);

	if (p != NULL)
		past_start(p, read_versions, tell_versions);
}

/* --- diff --- */

static void
write_delta(FILE *out, const struct delta *delta)
{
	struct delta_walk walk;
	struct rr rr;

	fprintf(out, "; serial %" PRIu32 " to %" PRIu32 ": %zu record%s removed, %zu added\n", delta_from(delta),
	    delta_to(delta), delta_removed(delta), PLURAL(delta_removed(delta)), delta_added(delta));
	delta_walk_removed(&walk, delta);
	while (delta_next(&walk, &rr)) {
		fputc('-', out);
		dump_record(out, &rr);
	}
	delta_walk_added(&walk, delta);
	while (delta_next(&walk, &rr)) {
		fputc('+', out);
		dump_record(out, &rr);
	}
}

/* from and to the same: the last change. */
static void
read_delta(uv_work_t *work)
{
	struct past *p = work->data;
	struct delta *delta;
	size_t size;
	FILE *out;

	delta = p->from == p->to ? past_change(p->journal, slot_origin(p->slot), p->why, sizeof(p->why)) :
	    past_delta(p->journal, slot_origin(p->slot), p->from, p->to, p->why, sizeof(p->why));
	if (delta == NULL)
		return;
	if (delta_removed(delta) + delta_added(delta) > RECORDS_SHOWN) {
		snprintf(p->why, sizeof(p->why), "%zu records changed, which is more than can be shown",
		    delta_removed(delta) + delta_added(delta));
	} else {
		out = open_text(p, &size);
		write_delta(out, delta);
		fclose(out);
	}
	delta_free(delta);
}

/* diff ZONE [FROM [TO]] */
void
cmd_diff(struct reply *reply, char **word)
{
	struct past *p = past_new(reply, word[0]);

	if (p == NULL)
		return;
	p->from = p->to = zone_serial(p->zone);
	if ((word[1] != NULL && !take_serial(p, word[1], &p->from)) ||
	    (word[1] != NULL && word[2] != NULL && !take_serial(p, word[2], &p->to)))
		return;
	if (word[1] != NULL && p->from == p->to) {
		reply_fact(reply, "no difference between", "serial %" PRIu32 " and itself", p->to);
		reply_end(reply);
		past_free(p);
		return;
	}
	past_start(p, read_delta, tell_text);
}

/* --- dump --- */

static void
write_zone(uv_work_t *work)
{
	struct past *p = work->data;
	size_t size;
	FILE *out = open_text(p, &size);

	if (p->relative) {
		fprintf(out, "; zone %s, serial %" PRIu32 ", %zu records\n", slot_name(p->slot), zone_serial(p->zone),
		    zone_records(p->zone));
		dump_relative(out, p->zone);
	} else {
		dump_canonical(out, p->zone);
	}
	fclose(out);
}

/* dump ZONE [--relative] */
void
cmd_dump(struct reply *reply, char **word)
{
	struct past *p;

	if (word[1] != NULL && strcmp(word[1], "--relative") != 0) {
		reply_usage(reply, "usage: dump ZONE [--relative | FILE]");
		reply_end(reply);
	} else if ((p = past_new(reply, word[0])) != NULL) {
		p->relative = word[1] != NULL;
		past_start(p, write_zone, tell_text);
	}
}

/* --- rollback --- */

static int
copy_octets(int from, int to)
{
	char buf[65536];
	ssize_t got;

	while ((got = read(from, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, n; done < got; done += n)
			if ((n = write(to, buf + done, (size_t)(got - done))) < 0)
				return -errno;
	return got < 0 ? -errno : 0;
}

/* The file under another name too, which is not there yet.  Of somebody else's file Linux allows no second name
 * (fs.protected_hardlinks), and a copy serves as well. */
static int
keep_aside(const char *path, const char *aside)
{
	int from, to, err;

	if (link(path, aside) == 0)
		return 0;
	if (errno != EPERM && errno != EOPNOTSUPP)
		return -errno;
	if ((from = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return -errno;
	if ((to = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0) {
		err = -errno;
		close(from);
		return err;
	}
	err = copy_octets(from, to);
	if (err == 0 && fsync(to) < 0)
		err = -errno;
	close(from);
	close(to);
	if (err < 0)
		unlink(aside);
	return err;
}

/* The file gets the old content with a new serial; what it was stays beside it under the serial that it had. */
static void
write_past(uv_work_t *work)
{
	struct past *p = work->data;
	struct zone *zone = past_zone(p->journal, p->zone, p->from, p->to, p->why, sizeof(p->why));
	int err = 0;

	if (zone == NULL)
		return;
	if (snprintf(p->kept, sizeof(p->kept), "%s.%" PRIu32, p->file, zone_serial(p->zone)) >= (int)sizeof(p->kept))
		err = -ENAMETOOLONG;
	else if (access(p->file, F_OK) < 0 && errno == ENOENT)
		p->kept[0] = '\0';	/* it comes back */
	else if (unlink(p->kept) < 0 && errno != ENOENT)
		err = -errno;
	else
		err = keep_aside(p->file, p->kept);
	if (err < 0)
		snprintf(p->why, sizeof(p->why), "%s.%" PRIu32 ": %s", p->file, zone_serial(p->zone), strerror(-err));
	else if ((err = dump_zone(zone, p->file)) < 0)
		snprintf(p->why, sizeof(p->why), "%s: %s", p->file, strerror(-err));
	zone_unref(zone);
}

static void
tell_past(struct past *p)
{
	struct served *zone = zones_of(p->slot);
	struct reload tell;

	if (zone == NULL || zone->file == NULL) {
		reply_error(p->reply, "%s is no longer a master here", slot_name(p->slot));
		reply_end(p->reply);
		return;
	}
	log_note("zone %s: back to the content of serial %" PRIu32 ", as serial %" PRIu32 "%s%s",
	    slot_name(p->slot), p->from, p->to, p->kept[0] != '\0' ? "; its file was kept as " : "", p->kept);
	if (p->kept[0] != '\0')
		reply_fact(p->reply, "file before", "%s", p->kept);
	tell = reload_to(p->reply);
	reload_zone(zone, &tell);
}

/* rollback ZONE SERIAL */
void
cmd_rollback(struct reply *reply, char **word)
{
	struct past *p = past_new(reply, word[0]);
	struct served *zone;

	if (p == NULL || !take_serial(p, word[1], &p->from))
		return;
	zone = zones_of(p->slot);
	if (zone->file == NULL)
		reply_error(reply, "%s is a slave: its versions come from its masters", slot_name(p->slot));
	else if (zone->frozen)
		reply_error(reply, "%s is frozen: its file is left alone", slot_name(p->slot));
	else if (p->from == zone_serial(p->zone))
		reply_error(reply, "%s is at serial %" PRIu32 " already", slot_name(p->slot), p->from);
	else {
		snprintf(p->file, sizeof(p->file), "%s", zone_file_path(zone->file));
		p->to = bump_serial(zone_serial(p->zone), BUMP_INCREMENT, time(NULL));
		past_start(p, write_past, tell_past);
		return;
	}
	reply_end(reply);
	past_free(p);
}
