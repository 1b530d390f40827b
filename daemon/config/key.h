/* key.h - TSIG keys: their blocks and their names elsewhere. */
#ifndef DAEMON_CONFIG_KEY_H
#define DAEMON_CONFIG_KEY_H

#include "daemon/config/clause.h"

clause_parse_fn parse_algorithm, parse_secret;

/* The name of a key at hand, that must be defined somewhere: lower case, without final dot.  NULL and a
 * report when it is none.  wire may be NULL. */
const char *key_use(struct parser *, const uint8_t **wire);
#endif
