#include "daemon/config/number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Fields of numbers and of words have the size that the table says. */
void
store(const struct clause *c, void *field, uint64_t value)
{
	if (c->size == 1)
		*(uint8_t *)field = (uint8_t)value;
	else if (c->size == 2)
		*(uint16_t *)field = (uint16_t)value;
	else if (c->size == 4)
		*(uint32_t *)field = (uint32_t)value;
	else
		*(uint64_t *)field = value;
}

uint64_t
fetch(const struct clause *c, const void *field)
{
	if (c->size == 1)
		return *(const uint8_t *)field;
	if (c->size == 2)
		return *(const uint16_t *)field;
	return c->size == 4 ? *(const uint32_t *)field : *(const uint64_t *)field;
}

int
take_number(struct parser *p, const char *name, uint32_t min, uint32_t max, uint32_t *out)
{
	unsigned long long value;
	char *end;

	if (p->token->kind != TOKEN_WORD || p->token->text[0] < '0' || p->token->text[0] > '9')
		return refuse(p, "'%s' takes a number", name);
	errno = 0;
	value = strtoull(p->token->text, &end, 10);
	if (*end != '\0')
		return refuse(p, "'%s' is not a number", p->token->text);
	if (errno != 0 || value < min || value > max)
		return refuse(p, "%s %s is out of range: %u to %u", name, p->token->text, min, max);
	*out = (uint32_t)value;
	advance(p);
	return 0;
}

int
parse_number(struct parser *p, const struct clause *c, void *field)
{
	uint32_t value;
	int err = take_number(p, c->name, c->min, c->max, &value);

	if (err == 0)
		store(c, field, value * (c->scale != 0 ? c->scale : 1));
	return err;
}

void
print_number(const struct printer *to, const struct clause *c, const void *field)
{
	uint64_t value = fetch(c, field) / (c->scale != 0 ? c->scale : 1);

	/* Below its least value: what stands for "not given". */
	if (value >= c->min)
		fprintf(to->out, "%s%s %" PRIu64 ";\n", to->indent, c->name, value);
}

/* A number or auto, which is 0: one a core. */
int
parse_workers(struct parser *p, const struct clause *c, void *field)
{
	if (!take_word(p, "auto"))
		return parse_number(p, c, field);
	store(c, field, 0);
	return 0;
}

void
print_workers(const struct printer *to, const struct clause *c, const void *field)
{
	if (fetch(c, field) == 0)
		fprintf(to->out, "%s%s auto;\n", to->indent, c->name);
	else
		print_number(to, c, field);
}

/* 20m, 1g, unlimited, default: octets. */
int
parse_size(struct parser *p, const struct clause *c, void *field)
{
	static const char units[] = "kmgt";
	unsigned long long value;
	const char *unit;
	char *end;

	if (take_word(p, "unlimited")) {
		store(c, field, CONF_UNLIMITED);
		return 0;
	}
	if (take_word(p, "default")) {
		store(c, field, 0);
		return 0;
	}
	if (p->token->kind != TOKEN_WORD || p->token->text[0] < '0' || p->token->text[0] > '9')
		return refuse(p, "'%s' takes a size such as 20m, unlimited or default", c->name);
	errno = 0;
	value = strtoull(p->token->text, &end, 10);
	if (*end != '\0' && (unit = strchr(units, *end | 0x20)) != NULL && end[1] == '\0') {
		unsigned shift = 10 * ((unsigned)(unit - units) + 1);

		if (value > UINT64_MAX >> shift)
			errno = ERANGE;
		value <<= shift;
		end++;
	}
	if (*end != '\0')
		return refuse(p, "'%s' is not a size such as 20m", p->token->text);
	if (errno != 0 || value < c->min || value == CONF_UNLIMITED)
		return refuse(p, "%s %s is out of range", c->name, p->token->text);
	store(c, field, value);
	advance(p);
	return 0;
}

void
print_size(const struct printer *to, const struct clause *c, const void *field)
{
	uint64_t value = fetch(c, field);

	if (value == CONF_UNLIMITED)
		fprintf(to->out, "%s%s unlimited;\n", to->indent, c->name);
	else if (value == 0)
		fprintf(to->out, "%s%s default;\n", to->indent, c->name);
	else
		fprintf(to->out, "%s%s %" PRIu64 ";\n", to->indent, c->name, value);
}

/* 50% or unlimited */
int
parse_percent(struct parser *p, const struct clause *c, void *field)
{
	unsigned long long value;
	char *end;

	if (take_word(p, "unlimited")) {
		store(c, field, CONF_UNLIMITED);
		return 0;
	}
	if (p->token->kind != TOKEN_WORD || p->token->text[0] < '0' || p->token->text[0] > '9')
		return refuse(p, "'%s' takes a percentage such as 50%% or unlimited", c->name);
	value = strtoull(p->token->text, &end, 10);
	if (strcmp(end, "%") != 0 || value < c->min || value > c->max)
		return refuse(p, "'%s' is not a percentage of %u%% to %u%%", p->token->text, c->min, c->max);
	store(c, field, value);
	advance(p);
	return 0;
}

void
print_percent(const struct printer *to, const struct clause *c, const void *field)
{
	uint64_t value = fetch(c, field);

	if (value == CONF_UNLIMITED)
		fprintf(to->out, "%s%s unlimited;\n", to->indent, c->name);
	else
		fprintf(to->out, "%s%s %" PRIu64 "%%;\n", to->indent, c->name, value);
}

/* min-transfer-rate-in 10240 5: octets in minutes */
int
parse_rate(struct parser *p, const struct clause *c, void *field)
{
	struct conf_rate *rate = field;
	uint32_t minutes;
	int err;

	if ((err = take_number(p, c->name, c->min, c->max, &rate->octets)) != 0 ||
	    (err = take_number(p, "minutes", 1, 40320, &minutes)) != 0)
		return err;
	rate->seconds = minutes * 60;
	return 0;
}

void
print_rate(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf_rate *rate = field;

	fprintf(to->out, "%s%s %u %u;\n", to->indent, c->name, rate->octets, rate->seconds / 60);
}
