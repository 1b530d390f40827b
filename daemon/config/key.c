#include "daemon/config/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/value.h"
#include "zonefile/digits.h"
#include "zonefile/name.h"
#include "zonefile/nearest.h"

static const struct algorithm {
	const char *name;
	unsigned bits;
} algorithms[] = {
	{ "hmac-md5", 128 }, { "hmac-sha1", 160 }, { "hmac-sha224", 224 },
	{ "hmac-sha256", 256 }, { "hmac-sha384", 384 }, { "hmac-sha512", 512 },
};
#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

/* One form for each name, whoever writes it with capitals or a final dot. */
static const char *
take_key_name(struct parser *p, uint8_t wire[DNAME_MAX])
{
	static const uint8_t root[1] = { 0 };
	char text[DNAME_TEXT_MAX];
	int len;

	if ((p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING) || p->token->len == 0) {
		refuse(p, "expected the name of a key");
		return NULL;
	}
	if (strcmp(p->token->text, "@") == 0 ||
	    (len = name_parse(wire, p->token->text, p->token->len, root)) < 0) {
		refuse(p, "'%.*s' cannot be the name of a key: keys are named as domains are", SHOWN, p->token->text);
		return NULL;
	}
	name_lower(wire, wire);
	name_print_plain(text, wire);
	return arena_strdup(p->arena, text);
}

const char *
key_use(struct parser *p, const uint8_t **wire)
{
	uint8_t *keep = arena_alloc(p->arena, DNAME_MAX);
	const char *name = take_key_name(p, keep);

	if (name == NULL)
		return NULL;
	if (wire != NULL)
		*wire = keep;
	named_get(p, &p->key_names, name);
	advance(p);
	return name;
}

int
parse_key(struct parser *p, const struct clause *c, void *field)
{
	struct spot spot = p->token->spot;
	struct conf_key key = { 0 };
	struct block block;
	int err;

	(void)field;
	if ((key.name = take_key_name(p, key.wire)) == NULL)
		return -EINVAL;
	named_define(p, &p->key_names, key.name, c->name);
	advance(p);
	if ((err = parse_block(p, &block, IN_KEY, &key)) == 0) {
		if (block_given(&block, "algorithm") == NULL || block_given(&block, "secret") == NULL)
			refuse_at(p, &spot, "key '%s' needs an algorithm and a secret", key.name);
		*(struct conf_key *)vec_add(&p->keys, sizeof(key)) = key;
	}
	free(block.given.items);
	return err;
}

/* hmac-sha256, or with fewer bits hmac-sha256-128: not below half of them, nor below 80 (RFC 8945 5.2.2.1). */
static bool
is_algorithm(const struct algorithm *a, const char *name)
{
	size_t len = strlen(a->name);
	unsigned long bits;
	char *end;

	if (strncasecmp(name, a->name, len) != 0 || (name[len] != '\0' && name[len] != '-'))
		return false;
	if (name[len] == '\0')
		return true;
	bits = strtoul(name + len + 1, &end, 10);
	return end > name + len + 1 && *end == '\0' && bits % 8 == 0 && bits >= 80 && bits * 2 >= a->bits &&
	    bits <= a->bits;
}

int
parse_algorithm(struct parser *p, const struct clause *c, void *field)
{
	char name[SHOWN + 1];
	size_t len;
	struct nearest guess;

	if (p->token->kind != TOKEN_WORD && p->token->kind != TOKEN_STRING)
		return refuse(p, "expected the name of an algorithm");
	len = (size_t)snprintf(name, sizeof(name), "%s", p->token->text);
	if (len < sizeof(name) && len > 16 && strcasecmp(name + len - 16, ".sig-alg.reg.int") == 0)
		name[len - 16] = '\0';
	nearest_start(&guess, name, strlen(name));
	for (size_t i = 0; i < ALGORITHMS; i++) {
		if (is_algorithm(&algorithms[i], name)) {
			char *kept = arena_strdup(p->arena, name);

			for (char *at = kept; *at != '\0'; at++)
				*at = (char)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at);
			*(const char **)field = kept;
			advance(p);
			return 0;
		}
		nearest_offer(&guess, algorithms[i].name);
	}
	return refuse(p, "%s '%s' is not known; did you mean '%s'?", c->name, name,
	    guess.best != NULL ? guess.best : "hmac-sha256");
}

/* NULL, or what is wrong with it: what base64_read() refuses would only be noticed at the start otherwise. */
static const char *
secret_trouble(const char *text, size_t len)
{
	size_t size = len / 4 * 3 + 3;
	struct base64 b = { 0 };
	uint8_t *octets, *at;
	bool good;

	if (len == 0)
		return "is empty";
	octets = at = xmalloc(size);
	good = base64_read(octets, size, text, len) > 0;
	if (!good)
		base64_add(&b, &at, text, len);
	free(octets);
	if (good)
		return NULL;
	if (text[strcspn(text, " \t\r\n")] != '\0')
		return "has a blank in it";
	return b.held == 4 ? "is not base64: there are bits behind its end" : "is not base64";
}

int
parse_secret(struct parser *p, const struct clause *c, void *field)
{
	const char *trouble;

	/* Not repeated in the message: it may be nearly right. */
	if ((p->token->kind == TOKEN_WORD || p->token->kind == TOKEN_STRING) &&
	    (trouble = secret_trouble(p->token->text, p->token->len)) != NULL)
		return refuse(p, "this secret %s", trouble);
	return parse_string(p, c, field);
}
