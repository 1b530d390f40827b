/* match.h - address match lists: { 10/8; !192.0.2.1; key "k"; an-acl; }. */
#ifndef DAEMON_CONFIG_MATCH_H
#define DAEMON_CONFIG_MATCH_H

#include "daemon/config/clause.h"

/* At the '{'; afterwards behind the '}'.  0 or -EINVAL. */
int match_parse(struct parser *, struct conf_match_list *);
/* An address, or a prefix in the form of a match list. */
int match_prefix(struct parser *, struct conf_match *);
bool looks_like_address(const char *word);
/* "{ ...; }" */
void match_print(FILE *, const struct conf_match_list *);
#endif
