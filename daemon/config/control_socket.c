#include "daemon/config/control_socket.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/number.h"
#include "daemon/config/value.h"

/* BIND takes 660 for a decimal number, which is hardly what was meant. */
static int
take_perm(struct parser *p, uint32_t *out)
{
	const char *text = p->token->text;
	size_t digits = p->token->kind == TOKEN_WORD ? strspn(text, "01234567") : 0;

	if (digits == 0 || text[digits] != '\0')
		return refuse(p, "'perm' takes an octal number such as 0660");
	if (text[0] != '0')
		return refuse(p, "perm %.*s has no 0 in front, and would be decimal in BIND; write 0%.*s", SHOWN, text, SHOWN, text);
	if (digits > 5 || (*out = (uint32_t)strtoul(text, NULL, 8)) > 0777)
		return refuse(p, "perm %.*s is out of range: 0 to 0777", SHOWN, text);
	advance(p);
	return 0;
}

int
parse_unix(struct parser *p, const struct clause *c, void *field)
{
	struct conf_access *access = &p->conf->control_access;
	int err = parse_string(p, c, field);

	*access = conf_defaults.control_access;
	while (err == 0 && p->token->kind == TOKEN_WORD) {
		if (take_word(p, "perm"))
			err = take_perm(p, &access->perm);
		else if (take_word(p, "owner"))
			err = take_number(p, "owner", 0, CONF_OURS - 1, &access->owner);
		else if (take_word(p, "group"))
			err = take_number(p, "group", 0, CONF_OURS - 1, &access->group);
		else if (at_word(p, "keys"))
			err = refuse(p, "'keys' is not supported: who may open the socket may give commands, see perm, owner and group");
		else if (!take_word(p, "read-only"))
			err = refuse(p, "expected 'perm', 'owner', 'group' or ';', found '%.*s'", SHOWN, p->token->text);
		else if (!take_word(p, "no") && !take_word(p, "false"))
			err = refuse(p, "'read-only' is not supported: who may open the socket may give all commands");
	}
	return err;
}

void
print_unix(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf *conf = (const struct conf *)((const char *)field - c->field);
	const struct conf_access *access = &conf->control_access;

	if (conf->control_socket == NULL)
		return;
	fprintf(to->out, "%s%s ", to->indent, c->name);
	print_quoted(to->out, conf->control_socket);
	if (memcmp(access, &conf_defaults.control_access, sizeof(*access)) != 0)
		fprintf(to->out, " perm %#" PRIo32, access->perm);
	if (access->owner != CONF_OURS)
		fprintf(to->out, " owner %" PRIu32, access->owner);
	if (access->group != CONF_OURS)
		fprintf(to->out, " group %" PRIu32, access->group);
	fputs(";\n", to->out);
}
