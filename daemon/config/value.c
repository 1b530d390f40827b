#include "daemon/config/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/match.h"
#include "daemon/config/number.h"

void
print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

const char *
take_string(struct parser *p, const char *what)
{
	const char *text;

	if (p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING) {
		refuse(p, "expected %s", what);
		return NULL;
	}
	if (p->token->len == 0) {
		refuse(p, "%s must not be empty", what);
		return NULL;
	}
	text = arena_strdup(p->arena, p->token->text);
	advance(p);
	return text;
}

int
parse_string(struct parser *p, const struct clause *c, void *field)
{
	const char **out = field;

	if (c->none && take_word(p, "none")) {
		*out = NULL;
		return 0;
	}
	return (*out = take_string(p, "a string")) != NULL ? 0 : -EINVAL;
}

void
print_string(const struct printer *to, const struct clause *c, const void *field)
{
	const char *text = *(const char *const *)field;

	if (text == NULL && !c->none)
		return;
	fprintf(to->out, "%s%s ", to->indent, c->name);
	if (text == NULL)
		fputs("none", to->out);
	else
		print_quoted(to->out, c->secret && to->hide ? "?" : text);
	fputs(";\n", to->out);
}

/* "a", "b"; more of them in a second clause of the name */
int
parse_strings(struct parser *p, const struct clause *c, void *field)
{
	struct strings *out = field;
	struct vec items = { 0 };
	const char *text;

	(void)c;
	for (size_t i = 0; i < out->count; i++)
		*(const char **)vec_add(&items, sizeof(char *)) = out->items[i];
	do {
		if ((text = take_string(p, "a string")) == NULL)
			break;
		*(const char **)vec_add(&items, sizeof(char *)) = text;
	} while (p->token->kind == TOKEN_COMMA && (advance(p), true));
	out->items = vec_keep(&items, p->arena, &out->count);
	return text != NULL ? 0 : -EINVAL;
}

static void
print_items(const struct printer *to, const struct clause *c, const struct strings *strings)
{
	fprintf(to->out, "%s%s ", to->indent, c->name);
	for (size_t i = 0; i < strings->count; i++) {
		if (i > 0)
			fputs(", ", to->out);
		print_quoted(to->out, strings->items[i]);
	}
}

void
print_strings(const struct printer *to, const struct clause *c, const void *field)
{
	const struct strings *strings = field;

	if (strings->count > 0) {
		print_items(to, c, strings);
		fputs(";\n", to->out);
	}
}

/* BIND's other spellings of yes and no. */
static const char *
spelling(const char *text)
{
	if (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0)
		return "yes";
	return strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0 ? "no" : text;
}

int
parse_word(struct parser *p, const struct clause *c, void *field)
{
	char all[256];
	size_t len = 0;

	for (const struct word *word = c->words; word->text != NULL; word++)
		if (p->token->kind == TOKEN_WORD && strcasecmp(spelling(p->token->text), word->text) == 0) {
			store(c, field, word->value);
			advance(p);
			return 0;
		}
	for (const struct word *word = c->words; word->text != NULL; word++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", len > 0 ? ", " : "", word->text);
	if (p->token->kind == TOKEN_WORD || p->token->kind == TOKEN_STRING)
		return refuse(p, "%s '%.*s' is not known; it is one of: %s", c->name, SHOWN, p->token->text, all);
	return refuse(p, "'%s' takes one of: %s", c->name, all);
}

void
print_word(const struct printer *to, const struct clause *c, const void *field)
{
	const struct word *word = c->words;

	while (word->value != fetch(c, field))
		word++;
	fprintf(to->out, "%s%s %s;\n", to->indent, c->name, word->text);
}

/* One that is no unless it is said, and not worth a line then. */
void
print_yes(const struct printer *to, const struct clause *c, const void *field)
{
	if (fetch(c, field))
		print_word(to, c, field);
}

/* check-names [master|slave|response] WORD; without a role, as zones have it, of both. */
int
parse_check_names(struct parser *p, const struct clause *c, void *field)
{
	struct clause one = *c;
	uint8_t *roles = field, value = 0;
	bool master = take_word(p, "master") || take_word(p, "primary");
	bool slave = !master && (take_word(p, "slave") || take_word(p, "secondary"));
	bool response = !master && !slave && take_word(p, "response");
	int err;

	one.size = sizeof(value);
	if ((err = parse_word(p, &one, &value)) != 0)
		return err;
	/* Answers of others are a resolver's. */
	if (!slave && !response)
		roles[0] = value;
	if (!master && !response)
		roles[1] = value;
	return 0;
}

void
print_check_names(const struct printer *to, const struct clause *c, const void *field)
{
	const uint8_t *roles = field;
	static const char *const names[] = { "master ", "slave " };

	for (int i = 0; i < 2; i++) {
		const struct word *word = c->words;

		while (word->value != roles[i])
			word++;
		if (roles[0] == roles[1]) {
			fprintf(to->out, "%s%s %s;\n", to->indent, c->name, word->text);
			return;
		}
		fprintf(to->out, "%s%s %s%s;\n", to->indent, c->name, names[i], word->text);
	}
}

int
parse_match_list(struct parser *p, const struct clause *c, void *field)
{
	struct conf_match_list *list = arena_alloc(p->arena, sizeof(*list));

	(void)c;
	*(const struct conf_match_list **)field = list;
	return match_parse(p, list);
}

/* allow-transfer port 53 transport tcp { ...; }; Transfers are by TCP. */
int
parse_allow_transfer(struct parser *p, const struct clause *c, void *field)
{
	struct conf_match_list *list = arena_alloc(p->arena, sizeof(*list));
	uint32_t port = 0;

	(void)c;
	*list = (struct conf_match_list){ 0 };
	*(const struct conf_match_list **)field = list;
	for (;;) {
		struct spot spot = p->token->spot;

		if (take_word(p, "transport")) {
			if (!take_word(p, "tcp"))
				return refuse(p, "transport '%.*s' is not supported: zones are transferred by TCP",
				    SHOWN, p->token->text);
		} else if (take_word(p, "port")) {
			if (take_number(p, "port", 1, 65535, &port) != 0)
				return -EINVAL;
			*(struct port_use *)vec_add(&p->transfer_ports, sizeof(struct port_use)) =
			    (struct port_use){ (uint16_t)port, spot };
		} else {
			int err = match_parse(p, list);

			list->port = (uint16_t)port;
			return err;
		}
	}
}

void
print_match_list(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf_match_list *list = *(const struct conf_match_list *const *)field;

	if (list == NULL)
		return;
	fprintf(to->out, "%s%s ", to->indent, c->name);
	if (list->port != 0)
		fprintf(to->out, "port %u ", list->port);
	match_print(to->out, list);
	fputs(";\n", to->out);
}

/* A relative one starts at the configuration file's own directory, which conf_read() has
 * put into the field, wherever the program was started. */
int
parse_directory(struct parser *p, const struct clause *c, void *field)
{
	const char **out = field, *given;
	struct spot spot = p->token->spot;
	char path[PATH_MAX], real[PATH_MAX];
	struct stat st;

	(void)c;
	if ((given = take_string(p, "a directory")) == NULL)
		return -EINVAL;
	if (snprintf(path, sizeof(path), "%s%s%s", given[0] == '/' ? "" : *out,
	    given[0] == '/' ? "" : "/", given) >= (int)sizeof(path))
		return refuse_at(p, &spot, "this path is too long");
	if (stat(path, &st) < 0)
		warn_at(p, &spot, "%s: %s", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		return refuse_at(p, &spot, "%s is not a directory", path);
	*out = arena_strdup(p->arena, realpath(path, real) != NULL ? real : path);
	return 0;
}

/* listen-on port 5300 { ...; }; its acls may be defined later, so what they name is looked at when all
 * has been read. */
int
parse_listen(struct parser *p, const struct clause *c, void *field)
{
	struct conf_match_list *list = arena_alloc(p->arena, sizeof(*list));
	struct conf_listen *listen;
	uint32_t port = 0;
	int err;

	(void)field;
	while (p->token->kind == TOKEN_WORD) {
		if (at_word(p, "tls") || at_word(p, "http") || at_word(p, "proxy"))
			return refuse(p, "'%s' is not supported: queries are answered over UDP and TCP", p->token->text);
		if (!take_word(p, "port"))
			return refuse(p, "expected 'port' or '{', found '%.*s'", SHOWN, p->token->text);
		if ((err = take_number(p, "port", 1, 65535, &port)) != 0)
			return err;
	}
	*(struct spot *)vec_add(&p->listen_spots, sizeof(struct spot)) = p->token->spot;
	listen = vec_add(&p->listens, sizeof(*listen));
	*listen = (struct conf_listen){ .port = (uint16_t)port, .addresses = list,
		.v6 = strcmp(c->name, "listen-on-v6") == 0 };
	return match_parse(p, list);
}

/* Both clauses of a kind print from one array: each row prints its own. */
void
print_listens(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf_listen *listens = *(const struct conf_listen *const *)field;
	size_t count = ((const struct conf *)((const char *)field - c->field))->listen_count;

	for (size_t i = 0; i < count; i++) {
		if (listens[i].v6 != (strcmp(c->name, "listen-on-v6") == 0))
			continue;
		fprintf(to->out, "%s%s port %u ", to->indent, c->name, listens[i].port);
		match_print(to->out, listens[i].addresses);
		fputs(";\n", to->out);
	}
}

/* server-id hostname; */
int
parse_hostname(struct parser *p, const struct clause *c, void *field)
{
	char name[256] = "";

	if (!take_word(p, "hostname"))
		return parse_string(p, c, field);
	gethostname(name, sizeof(name) - 1);
	*(const char **)field = arena_strdup(p->arena, name);
	return 0;
}

/* 4.7 as 407 */
int
parse_version_number(struct parser *p, const struct clause *c, void *field)
{
	unsigned major, minor;
	int end = 0;

	if (p->token->kind != TOKEN_WORD ||
	    (sscanf(p->token->text, "%2u.%2u%n", &major, &minor, &end) != 2) ||
	    (p->token->text[end] != '\0' && p->token->text[end] != '.'))
		return refuse(p, "'%s' takes a version of PowerDNS such as 4.7", c->name);
	if (major * 100 + minor < c->min)
		return refuse(p, "PowerDNS before %u.%u is not supported", c->min / 100, c->min % 100);
	store(c, field, major * 100 + minor);
	advance(p);
	return 0;
}

void
print_version_number(const struct printer *to, const struct clause *c, const void *field)
{
	uint32_t version = fetch(c, field);

	fprintf(to->out, "%s%s %u.%u;\n", to->indent, c->name, version / 100, version % 100);
}

/* host "a", "b" port 3306; */
int
parse_hosts(struct parser *p, const struct clause *c, void *field)
{
	struct conf_mirror *mirror = (struct conf_mirror *)((char *)field - c->field);
	uint32_t port;
	int err;

	if ((err = parse_strings(p, c, field)) != 0 || !take_word(p, "port"))
		return err;
	if ((err = take_number(p, "port", 1, 65535, &port)) == 0)
		mirror->port = (uint16_t)port;
	return err;
}

void
print_hosts(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf_mirror *mirror =
	    (const struct conf_mirror *)((const char *)field - c->field);

	if (mirror->host_count == 0)
		return;
	print_items(to, c, field);
	if (mirror->port != 0)
		fprintf(to->out, " port %u", mirror->port);
	fputs(";\n", to->out);
}

/* pdns-api "http://127.0.0.1:8081" key-file "..."; */
int
parse_api(struct parser *p, const struct clause *c, void *field)
{
	struct conf_mirror *mirror = (struct conf_mirror *)((char *)field - c->field);
	struct strings *urls = field;
	struct spot spot = p->token->spot;
	size_t old = urls->count;
	int err = parse_strings(p, c, field);

	for (size_t i = old; i < urls->count && err == 0; i++)
		if (strncmp(urls->items[i], "http://", 7) != 0)
			err = refuse_at(p, &spot, "'%s' does not begin with http://", urls->items[i]);
	if (err != 0 || !take_word(p, "key-file"))
		return err;
	return (mirror->key_file = take_string(p, "a file")) != NULL ? 0 : -EINVAL;
}

void
print_api(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf_mirror *mirror =
	    (const struct conf_mirror *)((const char *)field - c->field);

	if (mirror->pdns_api_count == 0)
		return;
	print_items(to, c, field);
	if (mirror->key_file != NULL) {
		fputs(" key-file ", to->out);
		print_quoted(to->out, mirror->key_file);
	}
	fputs(";\n", to->out);
}

int
parse_zone_type(struct parser *p, const struct clause *c, void *field)
{
	static const char *const resolvers[] = { "hint", "forward", "stub", "static-stub", "redirect", "delegation-only" };
	struct zone_draft *draft = (struct zone_draft *)((char *)field - c->field);

	for (size_t i = 0; i < sizeof(resolvers) / sizeof(resolvers[0]); i++)
		if (at_word(p, resolvers[i])) {
			draft->skipped = true;
			warn_at(p, &p->token->spot, "zone \"%s\" of type '%s' is skipped: Tandem does not resolve",
			    draft->zone.name, resolvers[i]);
		}
	if (at_word(p, "slave") || at_word(p, "secondary"))
		draft->zone.type = CONF_SLAVE;
	else if (at_word(p, "mirror"))
		refuse(p, "'mirror' zones are not supported: they are for resolvers");
	else if (!draft->skipped && !at_word(p, "master") && !at_word(p, "primary"))
		return refuse(p, "%s '%.*s' is not known; it is one of: master, primary, slave, secondary", c->name,
		    SHOWN, p->token->text);
	advance(p);
	return 0;
}

void
print_zone_type(const struct printer *to, const struct clause *c, const void *field)
{
	const struct zone_draft *draft = (const struct zone_draft *)((const char *)field - c->field);

	fprintf(to->out, "%s%s %s;\n", to->indent, c->name, draft->zone.type == CONF_SLAVE ? "slave" : "master");
}

/* mirror none; mirror "a", "b"; */
int
parse_zone_mirror(struct parser *p, const struct clause *c, void *field)
{
	struct zone_draft *draft = (struct zone_draft *)((char *)field - c->field);

	draft->zone.mirror_given = true;
	if (take_word(p, "none"))
		return 0;
	do {
		struct mirror_use *use;
		struct spot spot = p->token->spot;
		const char *name = take_string(p, "the name of a mirror, or none");

		if (name == NULL)
			return -EINVAL;
		if (p->token->kind != TOKEN_COMMA && p->token->kind != TOKEN_SEMICOLON)
			break;
		*(const char **)vec_add(&draft->mirrors, sizeof(name)) = name;
		use = vec_add(&p->mirror_uses, sizeof(*use));
		*use = (struct mirror_use){ name, spot };
	} while (p->token->kind == TOKEN_COMMA && (advance(p), true));
	return 0;
}

void
print_zone_mirrors(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf_zone *zone = &((const struct zone_draft *)((const char *)field - c->field))->zone;
	struct strings names = { zone->mirrors, zone->mirror_count };

	if (!zone->mirror_given)
		return;
	if (names.count == 0)
		fprintf(to->out, "%s%s none", to->indent, c->name);
	else
		print_items(to, c, &names);
	fputs(";\n", to->out);
}

/* Is the text one of those in list, which "|" parts? */
static bool
listed(const char *list, const char *text)
{
	size_t len = strlen(text);

	while (list != NULL) {
		if (strncasecmp(list, text, len) == 0 && (list[len] == '|' || list[len] == '\0'))
			return true;
		if ((list = strchr(list, '|')) != NULL)
			list++;
	}
	return false;
}

/* A clause of others that we do not act on.  Its value is read as far as it goes, and what is said
 * depends on it alone. */
int
parse_foreign(struct parser *p, const struct clause *c, void *field)
{
	unsigned depth = p->depth;
	char text[SHOWN + 4] = "";
	size_t len = 0;

	(void)field;
	while (!(p->depth == depth && (p->token->kind == TOKEN_SEMICOLON || p->token->kind == TOKEN_CLOSE)) &&
	    p->token->kind != TOKEN_END) {
		if (len < SHOWN)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			    len > 0 && p->token->kind != TOKEN_SEMICOLON ? " " : "", p->token->text);
		if (len >= SHOWN) {
			memcpy(text + SHOWN - 3, "...", 4);
			len = SHOWN;
		}
		advance(p);
	}
	if (listed(c->silent, text))
		return 0;
	if (c->severity == WARNING)
		warn_at(p, &p->clause, "'%s' has no effect: %s", c->name, c->why);
	else
		refuse_at(p, &p->clause, "'%s%s%s' is not supported: %s", c->name, len > 0 ? " " : "", text, c->why);
	return 0;
}
