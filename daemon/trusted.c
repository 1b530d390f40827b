#include "daemon/trusted.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/log.h"
#include "daemon/transfer/peer.h"
#include "zonefile/arena.h"
#include "zonefile/name.h"

struct entry {
	const char *mirror;
	struct conf_autosecondary master;
};

/* Immutable once it is in the list. */
struct learned {
	unsigned refs;			/* atomic */
	struct arena *memory;
	size_t count;
	struct entry *row;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct learned *current;		/* lock; NULL: nothing */

static void
release(struct learned *l)
{
	if (l == NULL || __atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	arena_free(l->memory);
	free(l);
}

static void
add(struct learned *l, const char *mirror, const struct conf_autosecondary *master)
{
	struct entry *row = &l->row[l->count++];

	row->mirror = arena_strdup(l->memory, mirror);
	row->master = *master;
	row->master.nameserver = arena_strdup(l->memory, master->nameserver);
	row->master.account = master->account != NULL ? arena_strdup(l->memory, master->account) : NULL;
}

/* Rows have no port and no key. */
static void
add_row(struct learned *l, const char *mirror, const struct target_supermaster *s)
{
	struct conf_autosecondary master = { .nameserver = s->nameserver, .account = *s->account != '\0' ? s->account : NULL };
	union peer_address address;

	if (!peer_address_parse(&address, s->ip, DNS_PORT)) {
		log_warning("mirror %s: supermasters: ip '%s' is no address", mirror, s->ip);
		return;
	}
	memcpy(&master.address, &address, sizeof(master.address));
	add(l, mirror, &master);
}

void
trusted_learn(void *ctx, const char *mirror, const struct target_supermaster *rows, size_t count)
{
	struct learned *fresh = xcalloc(1, sizeof(*fresh)), *old;
	size_t before;

	(void)ctx;
	fresh->refs = 1;
	fresh->memory = arena_new(1024);
	pthread_mutex_lock(&lock);
	old = current;
	fresh->row = arena_alloc(fresh->memory, (count + (old != NULL ? old->count : 0) + 1) * sizeof(*fresh->row));
	for (size_t i = 0; old != NULL && i < old->count; i++)
		if (strcmp(old->row[i].mirror, mirror) != 0)
			add(fresh, old->row[i].mirror, &old->row[i].master);
	before = fresh->count;
	for (size_t i = 0; i < count; i++)
		add_row(fresh, mirror, &rows[i]);
	if (fresh->count > before)
		log_note("mirror %s: %zu %s of its table supermasters may give us zones", mirror, fresh->count - before,
		    fresh->count - before == 1 ? "row" : "rows");
	else if (old != NULL && old->count > before)
		log_note("mirror %s: no row of its table supermasters is left", mirror);
	if (fresh->count == 0) {
		release(fresh);
		fresh = NULL;
	}
	__atomic_store_n(&current, fresh, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
	release(old);
}

struct trusted
trusted_open(const struct conf *conf)
{
	struct trusted t = { conf, NULL };

	/* Strangers are to cost nothing where there is nothing. */
	if (__atomic_load_n(&current, __ATOMIC_ACQUIRE) == NULL)
		return t;
	pthread_mutex_lock(&lock);
	if ((t.learned = current) != NULL)
		__atomic_add_fetch(&current->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	return t;
}

void
trusted_close(struct trusted *t)
{
	release(t->learned);
}

const struct conf_autosecondary *
trusted_at(const struct trusted *t, size_t i, const char **mirror)
{
	const struct entry *row = NULL;

	if (i >= t->conf->autosecondary_count) {
		i -= t->conf->autosecondary_count;
		if (t->learned == NULL || i >= t->learned->count)
			return NULL;
		row = &t->learned->row[i];
	}
	*mirror = row != NULL ? row->mirror : NULL;
	return row != NULL ? &row->master : &t->conf->autosecondaries[i];
}

/* What it gives a key for must be signed with it. */
static bool
is_from(const struct conf_autosecondary *item, const struct sockaddr *from, const struct tsig_key *key)
{
	return peer_same_host(&item->address.any, from) &&
	    (item->key == NULL || (key != NULL && name_equal(item->key->wire, key->name)));
}

/* Do they hold the one that it wants to see, which is us?  NULL: nobody knows yet. */
static bool
names_us(const struct conf_autosecondary *item, const uint8_t *names, size_t len)
{
	static const uint8_t root[1];
	const uint8_t *end;
	uint8_t wanted[DNAME_MAX];

	if (item->nameserver == NULL || names == NULL)
		return true;
	if (name_parse(wanted, item->nameserver, strlen(item->nameserver), root) < 0)
		return false;
	for (end = names + len; names < end; names += name_len(names))
		if (name_equal(names, wanted))
			return true;
	return false;
}

/* A row has no key: one that says of a master what the configuration says too, perhaps because we have written it, must not
 * let in what the configuration wants signed. */
static bool
is_said_by_conf(const struct conf *conf, const struct conf_autosecondary *row)
{
	for (size_t i = 0; i < conf->autosecondary_count; i++) {
		const struct conf_autosecondary *item = &conf->autosecondaries[i];

		if (peer_same_host(&item->address.any, &row->address.any) &&
		    (item->nameserver == NULL || strcasecmp(item->nameserver, row->nameserver) == 0))
			return true;
	}
	return false;
}

const struct conf_autosecondary *
trusted_find(const struct trusted *t, const struct sockaddr *from, const struct tsig_key *key, const uint8_t *names, size_t len)
{
	const struct conf_autosecondary *found = NULL, *item;
	const char *mirror;

	for (size_t i = 0; (item = trusted_at(t, i, &mirror)) != NULL; i++)
		if (is_from(item, from, key) && names_us(item, names, len) &&
		    (found == NULL || (found->key == NULL && item->key != NULL)) &&
		    (mirror == NULL || !is_said_by_conf(t->conf, item)))
			found = item;
	return found;
}
