/* channel.h - where metrics are to be had: statistics-channels { inet ...; }; */
#ifndef DAEMON_CONFIG_CHANNEL_H
#define DAEMON_CONFIG_CHANNEL_H

#include "daemon/config/clause.h"

clause_parse_fn parse_channel;
clause_print_fn print_channels;
#endif
