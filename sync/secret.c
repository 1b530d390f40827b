#include "sync/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
secret_read(const char *path, char out[SECRET_MAX])
{
	FILE *file = fopen(path, "re");
	int err = 0;

	out[0] = '\0';
	if (file == NULL)
		return -errno;
	if (fgets(out, SECRET_MAX, file) == NULL && ferror(file))
		err = -errno;
	fclose(file);
	out[strcspn(out, "\r\n")] = '\0';
	return err;
}
