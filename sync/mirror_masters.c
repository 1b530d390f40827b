/* mirror_masters.c - the masters that the target's table supermasters names, for whoever takes zones from them. */
#include "sync/mirror_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"

#define GAP 5000			/* milliseconds between readings */

struct reading {
	FILE *out;			/* ip, nameserver, account: strings one behind the other */
	size_t rows;
};

static void
on_row(void *ctx, const struct target_supermaster *s)
{
	struct reading *r = ctx;
	const char *account = s->account != NULL ? s->account : "";

	fwrite(s->ip, 1, strlen(s->ip) + 1, r->out);
	fwrite(s->nameserver, 1, strlen(s->nameserver) + 1, r->out);
	fwrite(account, 1, strlen(account) + 1, r->out);
	r->rows++;
}

static const char *
next_string(const char **at)
{
	const char *s = *at;

	*at += strlen(s) + 1;
	return s;
}

static void
hand_over(struct mirror *m, const char *text, size_t rows)
{
	struct target_supermaster *list = xcalloc(rows, sizeof(*list));

	for (size_t i = 0; i < rows; i++) {
		list[i].ip = next_string(&text);
		list[i].nameserver = next_string(&text);
		list[i].account = next_string(&text);
	}
	pthread_mutex_lock(&m->lock);
	if (!m->stopping)
		m->masters(m->ctx, m->status.name, list, rows);
	pthread_mutex_unlock(&m->lock);
	free(list);
}

/* Takes text. */
static void
take(struct mirror *m, char *text, size_t len, size_t rows)
{
	struct gate *gate = &m->gate;

	if (rows == gate->masters_rows && (rows == 0 || (len == gate->masters_len && memcmp(text, gate->masters_text, len) == 0))) {
		free(text);
		return;
	}
	free(gate->masters_text);
	gate->masters_text = text;
	gate->masters_len = len;
	gate->masters_rows = rows;
	hand_over(m, text, rows);
}

enum target_result
gate_read_masters(struct writer *w)
{
	struct mirror *m = w->m;
	struct gate *gate = &m->gate;
	struct reading r = { NULL, 0 };
	enum target_result result;
	char *text = NULL;
	size_t len;

	if (m->masters == NULL || mirror_now() < gate->masters_due)
		return TARGET_OK;
	if ((r.out = open_memstream(&text, &len)) == NULL)
		abort();
	result = target_supermasters(w->target, on_row, &r);
	fclose(r.out);
	if (result == TARGET_OK) {
		take(m, text, len, r.rows);
	} else {
		free(text);
		if (result == TARGET_HELD && !gate->masters_told)
			mirror_tell(m, NOTE, NULL, "masters in its table supermasters cannot give us zones: %s",
			    target_why(w->target));
		gate->masters_told |= result == TARGET_HELD;
	}
	gate->masters_due = mirror_now() + GAP;
	/* What else there is to do can be done. */
	return result == TARGET_HELD || result == TARGET_AGAIN ? TARGET_OK : result;
}
