#include "daemon/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
place_directory(char out[PATH_MAX], const struct conf *conf)
{
	return conf_resolve(out, conf, conf->new_zones_directory);
}

int
place_sync(const struct conf *conf)
{
	char path[PATH_MAX];
	int fd = open(place_directory(path, conf), O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		err = -errno;
	close(fd);
	return err;
}

void
place_above(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = strchr(part + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(part, 0750) < 0 && errno != EEXIST)
			return;		/* whoever opens the path says it better */
		*p = '/';
	}
}

int
place_make(const struct conf *conf)
{
	char path[PATH_MAX];

	place_directory(path, conf);
	for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}
