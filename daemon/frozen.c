#include "daemon/frozen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/place.h"
#include "zonefile/arena.h"

/* A line a zone, beside the blocks of zones that were added. */
static char **names;
static size_t count;

static bool
path_of(char out[PATH_MAX], const struct conf *conf, const char *end)
{
	char place[PATH_MAX];

	return snprintf(out, PATH_MAX, "%s/frozen%s", place_directory(place, conf), end) < PATH_MAX;
}

static size_t
find(const char *zone)
{
	size_t i = 0;

	while (i < count && strcmp(names[i], zone) != 0)
		i++;
	return i;
}

static void
add(const char *zone)
{
	names = xrealloc(names, (count + 1) * sizeof(*names));
	names[count++] = xstrdup(zone);
}

static void
drop(size_t i)
{
	free(names[i]);
	names[i] = names[--count];
}

void
frozen_read(const struct conf *conf)
{
	char path[PATH_MAX], *line = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *in;

	if (!path_of(path, conf, ""))
		return;
	if ((in = fopen(path, "re")) == NULL) {
		if (errno != ENOENT)
			log_error("%s: %s; no zone is frozen", path, strerror(errno));
		return;
	}
	while ((len = getline(&line, &room, in)) > 0) {
		if (line[len - 1] == '\n')
			line[--len] = '\0';
		if (len > 0 && !frozen_is(line))
			add(line);
	}
	free(line);
	fclose(in);
}

bool
frozen_is(const char *zone)
{
	return find(zone) < count;
}

static int
write_list(const struct conf *conf)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	int err = 0;
	FILE *out;

	if (!path_of(path, conf, "") || !path_of(fresh, conf, ".new"))
		return -ENAMETOOLONG;
	if ((err = place_make(conf)) < 0)
		return err;
	if ((out = fopen(fresh, "we")) == NULL)
		return -errno;
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s\n", names[i]);
	if (fflush(out) == EOF || fsync(fileno(out)) < 0)
		err = -errno;
	if (fclose(out) == EOF && err == 0)
		err = -errno;
	if (err == 0 && rename(fresh, path) < 0)
		err = -errno;
	if (err < 0)
		unlink(fresh);
	return err < 0 ? err : place_sync(conf);
}

int
frozen_set(const struct conf *conf, const char *zone, bool frozen)
{
	int err;

	if (frozen == frozen_is(zone))
		return 0;
	if (frozen)
		add(zone);
	else
		drop(find(zone));
	if ((err = write_list(conf)) == 0)
		return 0;
	if (frozen)
		drop(find(zone));
	else
		add(zone);
	return err;
}

void
frozen_free(void)
{
	while (count > 0)
		drop(count - 1);
	free(names);
}
