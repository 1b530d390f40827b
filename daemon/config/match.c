#include "daemon/config/match.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/key.h"
#include "daemon/config/value.h"

/* Deeper than anybody writes: the reader is recursive. */
#define NESTING_MAX 50

static const struct word builtin[] = {
	{ "any", MATCH_ANY }, { "none", MATCH_NONE },
	{ "localhost", MATCH_LOCALHOST }, { "localnets", MATCH_LOCALNETS },
	{ NULL, 0 },
};

/* 192.0.2.0 or, with fewer dots, the octets that are there: 10 for 10/8.  Returns how many. */
static unsigned
parse_v4(uint8_t out[4], const char *text)
{
	unsigned octets = 0;

	memset(out, 0, 4);
	for (;;) {
		unsigned value = 0, digits = 0;

		for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
			value = value * 10 + (unsigned)(*text - '0');
		if (digits == 0 || value > 255)
			return 0;
		out[octets++] = (uint8_t)value;
		if (*text == '\0')
			return octets;
		if (*text++ != '.' || octets == 4)
			return 0;
	}
}

static bool
bits_behind(const uint8_t *address, unsigned bits, unsigned all)
{
	for (unsigned bit = bits; bit < all; bit++)
		if (address[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

/* Is the word meant as an address?  An acl's name does not look like one. */
bool
looks_like_address(const char *word)
{
	return strchr(word, ':') != NULL || strchr(word, '/') != NULL ||
	    (*word != '\0' && strspn(word, "0123456789.") == strlen(word));
}

int
match_prefix(struct parser *p, struct conf_match *match)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const char *word = p->token->text, *slash = strchr(word, '/');
	char address[64];
	unsigned all, octets = 0;
	unsigned long bits;
	char *end;

	if (slash == NULL)
		slash = word + p->token->len;
	if (snprintf(address, sizeof(address), "%.*s", (int)(slash - word), word) >= (int)sizeof(address))
		return refuse(p, "'%.40s...' is not an address", word);
	if (strchr(address, ':') != NULL) {
		if (inet_pton(AF_INET6, address, match->address) != 1)
			return refuse(p, "'%s' is not an IPv6 address", address);
		match->family = AF_INET6;
		all = 128;
	} else {
		if ((octets = parse_v4(match->address, address)) == 0)
			return refuse(p, "'%s' is not an IPv4 address", address);
		if (octets < 4 && *slash == '\0')
			return refuse(p, "'%s' is a part of an IPv4 address; write a prefix like %s/%u",
			    address, address, octets * 8);
		match->family = AF_INET;
		all = 32;
	}
	bits = all;
	if (*slash == '/') {
		bits = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > all)
			return refuse(p, "'%s' is not a prefix length; 0 to %u", slash + 1, all);
	}
	if (bits_behind(match->address, (unsigned)bits, all))
		return refuse(p, "'%s' has bits set behind its first %lu", word, bits);
	/* One form for each client: it is IPv4 however the socket shows it. */
	if (all == 128 && bits >= 96 && memcmp(match->address, mapped, sizeof(mapped)) == 0) {
		memmove(match->address, match->address + 12, 4);
		memset(match->address + 4, 0, 12);
		match->family = AF_INET;
		bits -= 96;
	}
	match->kind = MATCH_PREFIX;
	match->bits = (uint8_t)bits;
	advance(p);
	return 0;
}

static int
parse_key_match(struct parser *p, struct conf_match *match)
{
	match->kind = MATCH_KEY;
	return (match->key = key_use(p, &match->key_wire)) != NULL ? 0 : -EINVAL;
}

static int
parse_match(struct parser *p, struct conf_match *match)
{
	struct conf_match_list *list;
	const struct word *word;

	if (p->token->kind == TOKEN_NOT) {
		match->negate = true;
		advance(p);
	}
	if (p->token->kind == TOKEN_OPEN) {
		match->kind = MATCH_LIST;
		match->list = list = arena_alloc(p->arena, sizeof(*list));
		return match_parse(p, list);
	}
	if (take_word(p, "key"))
		return parse_key_match(p, match);
	if (p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING)
		return refuse(p, "expected an address, an acl's name, or any, none, localhost, localnets");
	for (word = builtin; word->text != NULL; word++)
		if (strcasecmp(p->token->text, word->text) == 0) {
			match->kind = word->value;
			advance(p);
			return 0;
		}
	if (looks_like_address(p->token->text))
		return match_prefix(p, match);
	match->kind = MATCH_LIST;
	match->list = &named_get(p, &p->acls, p->token->text)->list;
	advance(p);
	return 0;
}

int
match_parse(struct parser *p, struct conf_match_list *list)
{
	struct vec matches = { 0 };
	int err;

	*list = (struct conf_match_list){ 0 };
	if (p->token->kind == TOKEN_OPEN && p->depth >= NESTING_MAX)
		return refuse(p, "lists are nested deeper than %d", NESTING_MAX);
	if ((err = expect(p, TOKEN_OPEN)) != 0)
		return err;
	while (p->token->kind != TOKEN_CLOSE && p->token->kind != TOKEN_END) {
		unsigned depth = p->depth;

		if (parse_match(p, vec_add(&matches, sizeof(struct conf_match))) != 0 ||
		    expect(p, TOKEN_SEMICOLON) != 0)
			recover(p, depth);
	}
	list->match = vec_keep(&matches, p->arena, &list->count);
	return expect(p, TOKEN_CLOSE);
}

static void
print_match(FILE *out, const struct conf_match *match)
{
	char address[INET6_ADDRSTRLEN];
	const struct word *word;

	if (match->negate)
		fputc('!', out);
	if (match->kind == MATCH_PREFIX) {
		inet_ntop(match->family, match->address, address, sizeof(address));
		fputs(address, out);
		if (match->bits != (match->family == AF_INET ? 32 : 128))
			fprintf(out, "/%u", match->bits);
	} else if (match->kind == MATCH_KEY) {
		fputs("key ", out);
		print_quoted(out, match->key);
	} else if (match->kind == MATCH_LIST) {
		match_print(out, match->list);
	} else {
		for (word = builtin; word->value != match->kind; word++)
			continue;
		fputs(word->text, out);
	}
}

void
match_print(FILE *out, const struct conf_match_list *list)
{
	fputs("{ ", out);
	for (size_t i = 0; i < list->count; i++) {
		print_match(out, &list->match[i]);
		fputs("; ", out);
	}
	fputc('}', out);
}
