/* export.c - what the configuration says of transfers, in PowerDNS's words. */
#include "daemon/export.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
	struct arena *memory;
	struct target_meta *row;
	size_t count, room;
};

static void
add(struct list *list, const char *kind, const char *content)
{
	if (list->count == list->room)
		list->row = xrealloc(list->row, (list->room = list->room * 2 + 8) * sizeof(*list->row));
	list->row[list->count++] = (struct target_meta){ kind, arena_strdup(list->memory, content) };
}

static void
add_prefix(struct list *list, const struct conf_match *m)
{
	char text[INET6_ADDRSTRLEN + 8];

	inet_ntop(m->family, m->address, text, INET6_ADDRSTRLEN);
	snprintf(text + strlen(text), 8, "/%u", m->bits);
	add(list, "ALLOW-AXFR-FROM", text);
}

/* PowerDNS takes any of its rows: elements behind a negated one cannot be said, and stay out.  false: there was one. */
static bool
add_matches(struct list *list, const struct conf_match_list *matches)
{
	for (size_t i = 0; i < matches->count; i++) {
		const struct conf_match *m = &matches->match[i];

		if (m->negate)
			return false;
		switch (m->kind) {
		case MATCH_PREFIX:
			add_prefix(list, m);
			break;
		case MATCH_KEY:
			add(list, "TSIG-ALLOW-AXFR", m->key);
			break;
		case MATCH_ANY:
			add(list, "ALLOW-AXFR-FROM", "0.0.0.0/0");
			add(list, "ALLOW-AXFR-FROM", "::/0");
			break;
		case MATCH_LIST:
			if (!add_matches(list, m->list))
				return false;
			break;
		case MATCH_NONE:
		case MATCH_LOCALHOST:	/* allow-axfr-ips has it by default */
		case MATCH_LOCALNETS:	/* ours are not PowerDNS's */
			break;
		}
	}
	return true;
}

static const char *
print_address(char out[80], const union conf_address *a, bool port)
{
	char text[INET6_ADDRSTRLEN];
	bool v6 = a->any.sa_family == AF_INET6;
	unsigned number = ntohs(v6 ? a->v6.sin6_port : a->v4.sin_port);

	inet_ntop(a->any.sa_family, v6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr, text, sizeof(text));
	if (!port || number == 53 || number == 0)
		snprintf(out, 80, "%s", text);
	else
		snprintf(out, 80, v6 ? "[%s]:%u" : "%s:%u", text, number);
	return out;
}

void
export_zone(struct mirror *mirror, struct slot *slot, const struct conf_rules *rules, bool notifies)
{
	struct list list = { .memory = arena_new(512) };
	char text[80];

	if (rules->allow_transfer != NULL)
		add_matches(&list, rules->allow_transfer);
	for (size_t i = 0; notifies && rules->also_notify != NULL && i < rules->also_notify->count; i++)
		add(&list, "ALSO-NOTIFY", print_address(text, &rules->also_notify->remote[i].address, true));
	mirror_set_meta(mirror, slot, list.row, list.count);
	free(list.row);
	arena_free(list.memory);
}

struct arena *
export_conf(struct mirror_conf *out, const struct conf *conf)
{
	struct arena *memory = arena_new(512);
	struct target_key *key = arena_alloc(memory, (conf->key_count + 1) * sizeof(*key));
	struct target_supermaster *s = arena_alloc(memory, (conf->autosecondary_count + 1) * sizeof(*s));
	char text[80];

	for (size_t i = 0; i < conf->key_count; i++)
		key[i] = (struct target_key){ conf->keys[i].name, conf->keys[i].algorithm, conf->keys[i].secret };
	out->keys = key;
	out->key_count = conf->key_count;
	out->supermasters = s;
	for (size_t i = 0; i < conf->autosecondary_count; i++) {
		const struct conf_autosecondary *a = &conf->autosecondaries[i];

		/* PowerDNS must know which of its names the zone is to have. */
		if (a->nameserver != NULL)
			s[out->supermaster_count++] = (struct target_supermaster){
			    arena_strdup(memory, print_address(text, &a->address, false)), a->nameserver,
			    a->account != NULL ? a->account : "" };
	}
	return memory;
}
