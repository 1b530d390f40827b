/* remote.h - other servers: lists of masters and slaves, source addresses, server blocks. */
#ifndef DAEMON_CONFIG_REMOTE_H
#define DAEMON_CONFIG_REMOTE_H

#include "daemon/config/clause.h"

clause_parse_fn parse_remotes, parse_source, parse_autosecondary, parse_server_key;
clause_print_fn print_remotes, print_source, print_autosecondaries, print_server_key, print_maybe;

/* A list as it was written: of addresses and of other lists. */
struct remotes_draft {
	struct conf_remotes result;	/* what the field points to; filled in by remotes_finish() */
	struct spot spot;
	const struct remote_draft *item;
	size_t count;
};
struct remote_draft {
	union conf_address address;	/* sa_family 0: a list */
	struct named *list;
	const char *key_name;
	struct spot spot;
};

/* The address at hand, without a port, or -EINVAL and a report. */
int take_address(struct parser *, union conf_address *);
void set_port(union conf_address *, uint32_t port);
unsigned port_of(const union conf_address *);
void print_remote_address(FILE *, const union conf_address *);
/* Once all is read: what the names of keys stand for in server blocks; then those of keys and lists in lists. */
void remotes_keys(struct parser *);
void remotes_finish(struct parser *);
#endif
