#include "daemon/current.h"

#include <stdlib.h>

#include "zonefile/arena.h"

static struct conf *conf;
static struct tsig_keys *keys;
static struct conf **added;		/* of one zone each */
static size_t added_count;
static time_t since;

const struct conf *
current_conf(void)
{
	return conf;
}

const struct tsig_keys *
current_keys(void)
{
	return keys;
}

time_t
current_since(void)
{
	return since;
}

void
current_free(void)
{
	for (size_t i = 0; i < added_count; i++)
		conf_free(added[i]);
	free(added);
	added = NULL;
	added_count = 0;
	tsig_keys_free(keys);
	conf_free(conf);
}

void
current_set(struct conf *fresh, struct tsig_keys *fresh_keys)
{
	current_free();
	conf = fresh;
	keys = fresh_keys;
	since = time(NULL);
}

void
current_keep(struct conf *one)
{
	added = xrealloc(added, (added_count + 1) * sizeof(*added));
	added[added_count++] = one;
}
