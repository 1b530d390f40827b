#include "daemon/config/channel.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/config/match.h"
#include "daemon/config/number.h"
#include "daemon/config/remote.h"

#define HTTP_PORT 80			/* as in BIND */

/* BIND lets everybody in who is not told otherwise; names of zones and servers are not everybody's business. */
static const struct conf_match localhost[] = { { .kind = MATCH_LOCALHOST } };
static const struct conf_match_list ourselves = { localhost, 1, NULL, 0 };

int
parse_channels(struct parser *p, const struct clause *c, void *field)
{
	struct block block;
	int err = parse_block(p, &block, IN_CHANNELS, p->conf);

	(void)c;
	(void)field;
	free(block.given.items);
	return err;
}

static int
parse_allow(struct parser *p, struct conf_channel *channel)
{
	struct conf_match_list *list = arena_alloc(p->arena, sizeof(*list));

	channel->allow = list;
	return match_parse(p, list);
}

/* inet 127.0.0.1 port 8053 allow { localhost; }; */
int
parse_channel(struct parser *p, const struct clause *c, void *field)
{
	struct conf_channel channel = { .allow = &ourselves };
	struct spot spot = p->token->spot;
	uint32_t port = HTTP_PORT;
	int err = 0;

	(void)c;
	(void)field;
	if (take_word(p, "*"))
		channel.address.v4.sin_family = AF_INET;
	else
		err = take_address(p, &channel.address);
	while (err == 0 && p->token->kind == TOKEN_WORD) {
		if (take_word(p, "port"))
			err = take_word(p, "*") ? 0 : take_number(p, "port", 1, 65535, &port);
		else if (take_word(p, "allow"))
			err = parse_allow(p, &channel);
		else
			err = refuse(p, "expected 'port', 'allow' or ';'");
	}
	if (err < 0)
		return err;
	set_port(&channel.address, port);
	*(struct conf_channel *)vec_add(&p->channels, sizeof(channel)) = channel;
	*(struct spot *)vec_add(&p->channel_spots, sizeof(spot)) = spot;
	return 0;
}

void
print_channels(const struct printer *to, const struct clause *c, const void *field)
{
	const struct conf *conf = (const struct conf *)((const char *)field - c->field);

	for (size_t i = 0; i < conf->channel_count; i++) {
		const struct conf_channel *channel = &conf->channels[i];

		fprintf(to->out, "%s%s ", to->indent, c->name);
		print_remote_address(to->out, &channel->address);
		fprintf(to->out, " port %u allow ", port_of(&channel->address));
		match_print(to->out, channel->allow);
		fputs(";\n", to->out);
	}
}
