#include "daemon/config/remote.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/key.h"
#include "daemon/config/match.h"
#include "daemon/config/number.h"
#include "daemon/config/value.h"

#define DNS_PORT 53

void
set_port(union conf_address *address, uint32_t port)
{
	if (address->any.sa_family == AF_INET)
		address->v4.sin_port = htons((uint16_t)port);
	else
		address->v6.sin6_port = htons((uint16_t)port);
}

unsigned
port_of(const union conf_address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

int
take_address(struct parser *p, union conf_address *address)
{
	const char *text = p->token->text;

	*address = (union conf_address){ 0 };
	if ((p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING) || !looks_like_address(text))
		return refuse(p, "expected an address");
	if (strchr(text, ':') != NULL) {
		address->v6.sin6_family = AF_INET6;
		if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) != 1)
			return refuse(p, "'%.*s' is not an IPv6 address", SHOWN, text);
	} else {
		address->v4.sin_family = AF_INET;
		if (inet_pton(AF_INET, text, &address->v4.sin_addr) != 1)
			return refuse(p, "'%.*s' is not an IPv4 address", SHOWN, text);
	}
	advance(p);
	return 0;
}

void
print_remote_address(FILE *out, const union conf_address *address)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(address->any.sa_family, address->any.sa_family == AF_INET ?
	    (const void *)&address->v4.sin_addr : (const void *)&address->v6.sin6_addr, text, sizeof(text));
	fputs(text, out);
}

static void
print_remote(FILE *out, const struct conf_remote *remote)
{
	print_remote_address(out, &remote->address);
	if (port_of(&remote->address) != DNS_PORT)
		fprintf(out, " port %u", port_of(&remote->address));
	if (remote->key != NULL) {
		fputs(" key ", out);
		print_quoted(out, remote->key->name);
	}
	fputs("; ", out);
}

/* --- lists --- */

/* An encrypted channel that is left out would tell what was to be hidden. */
static int
refuse_tls(struct parser *p)
{
	return refuse(p, "'tls' is not supported: zones are transferred by plain TCP");
}

static int
parse_remote(struct parser *p, struct remote_draft *item, uint32_t port)
{
	int err;

	item->spot = p->token->spot;
	if (p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING)
		return refuse(p, "expected an address or the name of a list of masters");
	if (looks_like_address(p->token->text)) {
		if ((err = take_address(p, &item->address)) != 0 ||
		    (take_word(p, "port") && (err = take_number(p, "port", 1, 65535, &port)) != 0))
			return err;
		set_port(&item->address, port);
	} else {
		item->list = named_get(p, &p->masters, p->token->text);
		advance(p);
	}
	if (take_word(p, "key") && (item->key_name = key_use(p, NULL)) == NULL)
		return -EINVAL;
	return at_word(p, "tls") ? refuse_tls(p) : 0;
}

/* [port N] { 192.0.2.1 port 5300 key "k"; a-list; } */
static struct remotes_draft *
take_remotes(struct parser *p)
{
	struct remotes_draft *draft = arena_alloc(p->arena, sizeof(*draft));
	struct vec items = { 0 };
	uint32_t port = DNS_PORT;

	*draft = (struct remotes_draft){ .spot = p->token->spot };
	*(struct remotes_draft **)vec_add(&p->remotes, sizeof(draft)) = draft;
	if (take_word(p, "port") && take_number(p, "port", 1, 65535, &port) != 0)
		return NULL;
	if (at_word(p, "source") || at_word(p, "source-v6")) {
		refuse(p, "'%s' is not supported here; the zone may have a 'transfer-%s'", p->token->text, p->token->text);
		return NULL;
	}
	if (at_word(p, "tls")) {
		refuse_tls(p);
		return NULL;
	}
	if (expect(p, TOKEN_OPEN) != 0)
		return NULL;
	while (p->token->kind != TOKEN_CLOSE && p->token->kind != TOKEN_END) {
		unsigned depth = p->depth;

		if (parse_remote(p, vec_add(&items, sizeof(struct remote_draft)), port) != 0 ||
		    expect(p, TOKEN_SEMICOLON) != 0)
			recover(p, depth);
	}
	draft->item = vec_keep(&items, p->arena, &draft->count);
	return expect(p, TOKEN_CLOSE) == 0 ? draft : NULL;
}

int
parse_remotes(struct parser *p, const struct clause *c, void *field)
{
	struct remotes_draft *draft;
	const char *other = strcasecmp(c->name, "masters") == 0 ? "primaries" :
	    strcasecmp(c->name, "primaries") == 0 ? "masters" : NULL;
	const struct given *before = other != NULL ? block_given(p->block, other) : NULL;

	if (before != NULL)
		refuse_at(p, &p->clause, "'%s' is given in line %u already, as '%s'", c->name, before->spot.line, other);
	if ((draft = take_remotes(p)) == NULL)
		return -EINVAL;
	*(const struct conf_remotes **)field = &draft->result;
	return 0;
}

void
print_remotes(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf_remotes *remotes = *(const struct conf_remotes *const *)field;

	if (remotes == NULL)
		return;
	fprintf(to->out, "%s%s { ", to->indent, c->name);
	for (size_t i = 0; i < remotes->count; i++)
		print_remote(to->out, &remotes->remote[i]);
	fputs("};\n", to->out);
}

/* masters NAME { ...; }; */
int
parse_named_masters(struct parser *p, const struct clause *c, void *field)
{
	struct remotes_draft *draft;
	struct named *named;

	(void)field;
	if ((p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING) || p->token->len == 0)
		return refuse(p, "expected the name of the list");
	named = named_define(p, &p->masters, p->token->text, c->name);
	advance(p);
	if ((draft = take_remotes(p)) == NULL)
		return -EINVAL;
	if (named != NULL)
		named->remotes = draft;
	return 0;
}

static const struct conf_key *
remote_key(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->key_count && name != NULL; i++)
		if (strcmp(conf->keys[i].name, name) == 0)
			return &conf->keys[i];
	return NULL;
}

static void
add_remotes(struct parser *p, struct vec *out, const struct remotes_draft *draft, const char *key_name)
{
	for (size_t i = 0; i < draft->count; i++) {
		const struct remote_draft *item = &draft->item[i];
		const char *name = item->key_name != NULL ? item->key_name : key_name;
		const struct conf_server *server;
		struct conf_remote *remote;

		if (item->list != NULL && item->list->visited) {
			refuse_at(p, &item->list->defined, "list '%s' contains itself", item->list->name);
			item->list->remotes = NULL;	/* said once */
		} else if (item->list != NULL && item->list->remotes != NULL) {
			item->list->visited = 1;
			add_remotes(p, out, item->list->remotes, name);
			item->list->visited = 0;
		} else if (item->list == NULL) {
			server = conf_server_of(p->conf, &item->address.any);
			if (server != NULL && server->bogus == CONF_YES)
				continue;
			remote = vec_add(out, sizeof(*remote));
			remote->address = item->address;
			remote->key = name != NULL ? remote_key(p->conf, name) : server != NULL ? server->key : NULL;
		}
	}
}

void
remotes_keys(struct parser *p)
{
	struct conf_server *servers = p->servers.items;
	struct conf_autosecondary *autos = p->autosecondaries.items;

	for (size_t i = 0; i < p->servers.count; i++)
		servers[i].key = remote_key(p->conf, servers[i].key_name);
	for (size_t i = 0; i < p->autosecondaries.count; i++)
		autos[i].key = remote_key(p->conf, autos[i].key_name);
}

void
remotes_finish(struct parser *p)
{
	struct remotes_draft *const *drafts = p->remotes.items;

	for (size_t i = 0; i < p->remotes.count; i++) {
		struct vec found = { 0 };

		add_remotes(p, &found, drafts[i], NULL);
		drafts[i]->result.remote = vec_keep(&found, p->arena, &drafts[i]->result.count);
	}
}

/* --- source addresses --- */

/* 192.0.2.1, or * for what the system chooses.  A fixed port could not be told from a forged answer's. */
int
parse_source(struct parser *p, const struct clause *c, void *field)
{
	union conf_address *address = field;
	struct spot spot = p->token->spot;
	bool v6 = strstr(c->name, "-v6") != NULL;
	int err;

	*address = (union conf_address){ 0 };
	if (!take_word(p, "*") && (err = take_address(p, address)) != 0)
		return err;
	if (address->any.sa_family == (v6 ? AF_INET : AF_INET6))
		return refuse_at(p, &spot, "'%s' takes an IPv%c address", c->name, v6 ? '6' : '4');
	if (take_word(p, "port") && !take_word(p, "*"))
		return refuse(p, "a fixed port is not supported here: answers are told from forged ones by it");
	return 0;
}

void
print_source(const struct printer *to, const struct clause *c, const void *field)
{
	const union conf_address *address = field;

	fprintf(to->out, "%s%s ", to->indent, c->name);
	if (address->any.sa_family == 0)
		fputc('*', to->out);
	else
		print_remote_address(to->out, address);
	fputs(";\n", to->out);
}

/* --- autosecondary --- */

static int
parse_auto_item(struct parser *p, struct conf_autosecondary *item)
{
	uint32_t port = DNS_PORT;
	int err;

	if ((err = take_address(p, &item->address)) != 0)
		return err;
	while (p->token->kind == TOKEN_WORD) {
		if (take_word(p, "port"))
			err = take_number(p, "port", 1, 65535, &port);
		else if (take_word(p, "key"))
			err = (item->key_name = key_use(p, NULL)) != NULL ? 0 : -EINVAL;
		else if (take_word(p, "nameserver"))
			err = (item->nameserver = take_string(p, "the name of a server")) != NULL ? 0 : -EINVAL;
		else if (take_word(p, "account"))
			err = (item->account = take_string(p, "an account")) != NULL ? 0 : -EINVAL;
		else
			err = refuse(p, "expected port, key, nameserver or account, found '%.*s'", SHOWN, p->token->text);
		if (err != 0)
			return err;
	}
	set_port(&item->address, port);
	return 0;
}

int
parse_autosecondary(struct parser *p, const struct clause *c, void *field)
{
	int err;

	(void)c;
	(void)field;
	if ((err = expect(p, TOKEN_OPEN)) != 0)
		return err;
	while (p->token->kind != TOKEN_CLOSE && p->token->kind != TOKEN_END) {
		unsigned depth = p->depth;

		if (parse_auto_item(p, vec_add(&p->autosecondaries, sizeof(struct conf_autosecondary))) != 0 ||
		    expect(p, TOKEN_SEMICOLON) != 0)
			recover(p, depth);
	}
	return expect(p, TOKEN_CLOSE);
}

void
print_autosecondaries(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf *conf = (const struct conf *)((const char *)field - c->field);

	if (conf->autosecondary_count == 0)
		return;
	fprintf(to->out, "%s%s {\n", to->indent, c->name);
	for (size_t i = 0; i < conf->autosecondary_count; i++) {
		const struct conf_autosecondary *item = &conf->autosecondaries[i];
		const struct { const char *word, *text; } parts[] = {
			{ "key", item->key_name }, { "nameserver", item->nameserver }, { "account", item->account },
		};

		fprintf(to->out, "%s\t", to->indent);
		print_remote_address(to->out, &item->address);
		if (port_of(&item->address) != DNS_PORT)
			fprintf(to->out, " port %u", port_of(&item->address));
		for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
			if (parts[k].text != NULL) {
				fprintf(to->out, " %s ", parts[k].word);
				print_quoted(to->out, parts[k].text);
			}
		fputs(";\n", to->out);
	}
	fprintf(to->out, "%s};\n", to->indent);
}

/* --- server --- */

/* keys "k"; keys { "k"; }; */
int
parse_server_key(struct parser *p, const struct clause *c, void *field)
{
	const char **name = field;
	bool braces = p->token->kind == TOKEN_OPEN;

	if (braces)
		advance(p);
	if ((*name = key_use(p, NULL)) == NULL)
		return -EINVAL;
	if (!braces)
		return 0;
	if (expect(p, TOKEN_SEMICOLON) != 0)
		return -EINVAL;
	if (p->token->kind != TOKEN_CLOSE)
		return refuse(p, "'%s' takes one key", c->name);
	advance(p);
	return 0;
}

void
print_server_key(const struct printer *to, const struct clause *c, const void *field)
{
	const char *name = *(const char *const *)field;

	if (name == NULL)
		return;
	fprintf(to->out, "%s%s ", to->indent, c->name);
	print_quoted(to->out, name);
	fputs(";\n", to->out);
}

/* Where nothing may be said. */
void
print_maybe(const struct printer *to, const struct clause *c, const void *field)
{
	if (fetch(c, field) != CONF_UNSAID)
		print_word(to, c, field);
}

int
parse_server(struct parser *p, const struct clause *c, void *field)
{
	struct conf_server server = { .bits = 0 };
	struct spot spot = p->token->spot;
	struct conf_match match = { .negate = false };
	struct block block;
	int err;

	(void)c;
	(void)field;
	if (p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING)
		return refuse(p, "expected an address or a prefix");
	if ((err = match_prefix(p, &match)) != 0)
		return err;
	server.address.any.sa_family = match.family;
	server.bits = match.bits;
	if (match.family == AF_INET)
		memcpy(&server.address.v4.sin_addr, match.address, 4);
	else
		memcpy(&server.address.v6.sin6_addr, match.address, 16);
	if ((err = parse_block(p, &block, IN_SERVER, &server)) == 0) {
		const struct conf_server *before = p->servers.items;

		for (size_t i = 0; i < p->servers.count; i++)
			if (before[i].bits == server.bits &&
			    memcmp(&before[i].address, &server.address, sizeof(server.address)) == 0)
				refuse_at(p, &spot, "there is a server block for this address already");
		*(struct conf_server *)vec_add(&p->servers, sizeof(server)) = server;
	}
	free(block.given.items);
	return err;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	return memcmp(a, b, bits / 8) == 0 &&
	    (bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & (0xff00 >> bits % 8) & 0xff) == 0);
}

const struct conf_server *
conf_server_of(const struct conf *conf, const struct sockaddr *peer)
{
	const struct conf_server *best = NULL;

	for (size_t i = 0; i < conf->server_count; i++) {
		const struct conf_server *server = &conf->servers[i];
		bool same;

		if (server->address.any.sa_family != peer->sa_family)
			continue;
		if (peer->sa_family == AF_INET)
			same = same_bits((const uint8_t *)&server->address.v4.sin_addr,
			    (const uint8_t *)&((const struct sockaddr_in *)(const void *)peer)->sin_addr, server->bits);
		else
			same = same_bits(server->address.v6.sin6_addr.s6_addr,
			    ((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr.s6_addr, server->bits);
		if (same && (best == NULL || server->bits > best->bits))
			best = server;
	}
	return best;
}
