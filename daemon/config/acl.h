/* acl.h - may this client?  Address match lists, compiled to be asked for each packet. */
#ifndef DAEMON_CONFIG_ACL_H
#define DAEMON_CONFIG_ACL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "daemon/config/conf.h"
#include "zonefile/arena.h"

/* What localhost and localnets stand for: the addresses of this host's interfaces and
 * their networks, as prefixes. */
struct acl_local {
	struct conf_match *hosts, *nets;
	size_t host_count, net_count;
};
/* As they are now.  Without interfaces, or when the system does not tell: empty. */
void acl_local_read(struct acl_local *);
void acl_local_free(struct acl_local *);	/* what it holds */

/* The same list with its table, both in the arena.  Lists in it lead nowhere back to it. */
const struct conf_match_list *acl_compile(const struct conf_match_list *, const struct acl_local *,
    struct arena *);

/* Any thread, without a lock.  The list was compiled; those of a struct conf are.  An IPv4-mapped
 * client counts as IPv4.  key: the name, in wire form and lower case, of the one that the client's message was
 * verified with, NULL when it was not signed. */
bool acl_allows(const struct conf_match_list *, const struct sockaddr *client, const uint8_t *key);
#endif
