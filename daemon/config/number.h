/* number.h - clauses whose value is a number, a size, a share or a rate. */
#ifndef DAEMON_CONFIG_NUMBER_H
#define DAEMON_CONFIG_NUMBER_H

#include "daemon/config/clause.h"

clause_parse_fn parse_number, parse_size, parse_percent, parse_rate, parse_workers;
clause_print_fn print_number, print_size, print_percent, print_rate, print_workers;

/* The number at hand, or -EINVAL and a report. */
int take_number(struct parser *, const char *name, uint32_t min, uint32_t max, uint32_t *);

/* A field of the size that the table says. */
void store(const struct clause *, void *field, uint64_t value);
uint64_t fetch(const struct clause *, const void *field);
#endif
