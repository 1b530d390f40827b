/* value.h - readers and printers of the values of clauses. */
#ifndef DAEMON_CONFIG_VALUE_H
#define DAEMON_CONFIG_VALUE_H

#include "daemon/config/clause.h"

clause_parse_fn parse_string, parse_strings, parse_word, parse_match_list,
    parse_directory, parse_listen, parse_hostname, parse_version_number, parse_hosts, parse_api,
    parse_check_names, parse_allow_transfer, parse_zone_type, parse_zone_mirror, parse_foreign;
clause_print_fn print_string, print_strings, print_word, print_yes, print_check_names, print_match_list,
    print_listens, print_version_number, print_hosts, print_api, print_zone_type, print_zone_mirrors;

/* The word or string at hand, kept, or NULL and a report. */
const char *take_string(struct parser *, const char *what);

/* Longest value that a message repeats. */
#define SHOWN 60

void print_quoted(FILE *, const char *);

/* What the fields of lists look like. */
struct strings {
	const char *const *items;
	size_t count;
};
#endif
