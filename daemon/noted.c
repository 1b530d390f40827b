#include "daemon/noted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/place.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"

/* A line a name, beside the blocks of zones that were added. */
static struct list {
	const char *file, *without;	/* without: when it cannot be read */
	char **name;
	size_t count;
} lists[] = {
	[NOTED_FROZEN] = { .file = "frozen", .without = "no zone is frozen" },
	[NOTED_PAUSED] = { .file = "paused", .without = "no mirror is paused" },
};

static bool
path_of(char out[PATH_MAX], const struct list *l, const struct conf *conf, const char *end)
{
	char place[PATH_MAX];

	return snprintf(out, PATH_MAX, "%s/%s%s", place_directory(place, conf), l->file, end) < PATH_MAX;
}

static size_t
find(const struct list *l, const char *name)
{
	size_t i = 0;

	while (i < l->count && strcmp(l->name[i], name) != 0)
		i++;
	return i;
}

static void
add(struct list *l, const char *name)
{
	l->name = xrealloc(l->name, (l->count + 1) * sizeof(*l->name));
	l->name[l->count++] = xstrdup(name);
}

static void
drop(struct list *l, size_t i)
{
	free(l->name[i]);
	l->name[i] = l->name[--l->count];
}

static void
read_list(struct list *l, const struct conf *conf)
{
	char path[PATH_MAX], *line = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *in;

	if (!path_of(path, l, conf, ""))
		return;
	if ((in = fopen(path, "re")) == NULL) {
		if (errno != ENOENT)
			log_error("%s: %s; %s", path, strerror(errno), l->without);
		return;
	}
	while ((len = getline(&line, &room, in)) > 0) {
		if (line[len - 1] == '\n')
			line[--len] = '\0';
		if (len > 0 && find(l, line) == l->count)
			add(l, line);
	}
	free(line);
	fclose(in);
}

void
noted_read(const struct conf *conf)
{
	for (size_t i = 0; i < COUNT(lists); i++)
		read_list(&lists[i], conf);
}

bool
noted_is(enum noted list, const char *name)
{
	return find(&lists[list], name) < lists[list].count;
}

static int
write_list(const struct list *l, const struct conf *conf)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	bool good = true;
	int err;
	FILE *out;

	if (!path_of(path, l, conf, "") || !path_of(fresh, l, conf, ".new"))
		return -ENAMETOOLONG;
	if ((err = place_make(conf)) < 0)
		return err;
	if ((out = fopen(fresh, "we")) == NULL)
		return -errno;
	for (size_t i = 0; i < l->count && good; i++)
		good = fprintf(out, "%s\n", l->name[i]) > 0;
	if (!good || fflush(out) == EOF || fsync(fileno(out)) < 0 || rename(fresh, path) < 0)
		err = -errno;
	fclose(out);
	if (err < 0)
		unlink(fresh);
	return err < 0 ? err : place_sync(conf);
}

static void
change(struct list *l, const char *name, bool on)
{
	if (on)
		add(l, name);
	else
		drop(l, find(l, name));
}

int
noted_set(enum noted list, const struct conf *conf, const char *name, bool on)
{
	struct list *l = &lists[list];
	int err;

	if (noted_is(list, name) == on)
		return 0;
	change(l, name, on);
	if ((err = write_list(l, conf)) < 0)
		change(l, name, !on);
	return err;
}

void
noted_free(void)
{
	for (size_t i = 0; i < COUNT(lists); i++) {
		while (lists[i].count > 0)
			drop(&lists[i], lists[i].count - 1);
		free(lists[i].name);
		lists[i].name = NULL;
	}
}
