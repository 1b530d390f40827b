/* control_socket.h - controls { unix "..." perm 0660 owner 0 group 0; } */
#ifndef DAEMON_CONFIG_CONTROL_SOCKET_H
#define DAEMON_CONFIG_CONTROL_SOCKET_H

#include "daemon/config/clause.h"

clause_parse_fn parse_unix;
clause_print_fn print_unix;
#endif
