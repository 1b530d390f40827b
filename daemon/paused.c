#include "daemon/paused.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/place.h"

/* Beside the blocks of zones that were added. */
static bool
path_of(char out[PATH_MAX], const struct conf *conf, const char *end)
{
	char place[PATH_MAX];

	return snprintf(out, PATH_MAX, "%s/paused%s", place_directory(place, conf), end) < PATH_MAX;
}

/* A name a line.  Calls fn for each. */
static void
each(const struct conf *conf, void (*fn)(void *ctx, const char *name), void *ctx)
{
	char path[PATH_MAX], *line = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *in;

	if (!path_of(path, conf, "") || (in = fopen(path, "re")) == NULL)
		return;
	while ((len = getline(&line, &size, in)) > 0) {
		line[len - (line[len - 1] == '\n')] = '\0';
		fn(ctx, line);
	}
	free(line);
	fclose(in);
}

struct looked_for {
	const char *name;
	bool found;
};

static void
compare(void *ctx, const char *name)
{
	struct looked_for *l = ctx;

	l->found |= strcmp(l->name, name) == 0;
}

bool
paused_is(const struct conf *conf, const char *mirror)
{
	struct looked_for l = { mirror, false };

	each(conf, compare, &l);
	return l.found;
}

struct copying {
	FILE *out;
	const char *but;
};

static void
copy(void *ctx, const char *name)
{
	struct copying *c = ctx;

	if (strcmp(name, c->but) != 0)
		fprintf(c->out, "%s\n", name);
}

int
paused_set(const struct conf *conf, const char *mirror, bool paused)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	struct copying c = { .but = mirror };
	int err = 0;

	if (paused_is(conf, mirror) == paused)
		return 0;
	if (!path_of(path, conf, "") || !path_of(fresh, conf, ".new"))
		return -ENAMETOOLONG;
	if ((err = place_make(conf)) < 0)
		return err;
	if ((c.out = fopen(fresh, "we")) == NULL)
		return -errno;
	each(conf, copy, &c);
	if (paused)
		fprintf(c.out, "%s\n", mirror);
	if (fflush(c.out) == EOF || fsync(fileno(c.out)) < 0 || rename(fresh, path) < 0)
		err = -errno;
	fclose(c.out);
	if (err < 0)
		unlink(fresh);
	return err < 0 ? err : place_sync(conf);
}
