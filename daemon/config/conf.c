#include "daemon/config/conf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config/clause.h"
#include "daemon/config/remote.h"
#include "daemon/config/value.h"
#include "daemon/config/whole.h"

struct owned {
	struct conf conf;		/* first: it is what callers have */
	struct arena *arena;
};

static const char *
directory_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX], real[PATH_MAX];

	snprintf(directory, sizeof(directory), "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
	    slash != NULL ? path : ".");
	return arena_strdup(arena, realpath(directory, real) != NULL ? real : directory);
}

struct checks
conf_checks(const struct conf_zone *zone)
{
	const struct conf_rules *rules = zone->rules;
	bool slave = zone->type == CONF_SLAVE;
	struct checks checks = { .max_records = rules->max_records,
	    .max_records_per_type = rules->max_records_per_type, .max_types_per_name = rules->max_types_per_name };

	for (int i = 0; i < CHECKS; i++)
		if (!slave || i == CHECK_DNSSEC || i == CHECK_ZONEMD)
			checks.severity[i] = rules->checks[i];
	checks.severity[CHECK_NAMES] = rules->check_names[slave];
	return checks;
}

struct conf *
conf_read(const char *path, struct sink *sink)
{
	struct arena *arena = arena_new(16384);
	struct owned *owned = arena_alloc(arena, sizeof(*owned));
	struct parser p = { .conf = &owned->conf, .arena = arena, .sink = sink };
	struct block top = { .where = IN_TOP, .base = &owned->conf };
	unsigned errors = sink->errors;
	char host[256] = "";
	struct lex lex;
	int err;

	*owned = (struct owned){ .conf = conf_defaults, .arena = arena };
	memcpy(owned->conf.rules.checks, checks_default.severity, sizeof(owned->conf.rules.checks));
	owned->conf.rules.check_names[0] = checks_default.severity[CHECK_NAMES];
	owned->conf.rules.check_names[1] = WARNING;
	owned->conf.rules.max_records_per_type = checks_default.max_records_per_type;
	owned->conf.rules.max_types_per_name = checks_default.max_types_per_name;
	owned->conf.path = arena_strdup(arena, path);
	owned->conf.directory = directory_of(arena, path);
	if (gethostname(host, sizeof(host) - 1) == 0)
		owned->conf.hostname = arena_strdup(arena, host);
	if ((err = lex_open(&lex, NULL, path, arena, &p.files, sink)) != 0) {
		report_at(sink, ERROR, &(struct place){ .file = path }, "%s", strerror(-err));
	} else {
		parse_file(&p, &lex, &top);
		whole_finish(&p);
	}
	free(top.given.items);
	whole_free(&p);
	lex_files_free(p.files);
	if (sink->errors > errors) {
		arena_free(arena);
		return NULL;
	}
	return &owned->conf;
}

void
conf_free(struct conf *conf)
{
	if (conf != NULL)
		arena_free(((struct owned *)conf)->arena);
}

const char *
conf_resolve(char out[PATH_MAX], const struct conf *conf, const char *path)
{
	snprintf(out, PATH_MAX, "%s%s%s", path[0] == '/' ? "" : conf->directory, path[0] == '/' ? "" : "/", path);
	return out;
}

static void
print_named_block(FILE *out, const char *keyword, const char *name, bool hide, unsigned where, const void *base)
{
	const struct printer to = { out, hide, "\t" };

	fprintf(out, "%s ", keyword);
	print_quoted(out, name);
	fputs(" {\n", out);
	clauses_print(&to, where, base, NULL);
	fputs("};\n", out);
}

static void
print_server(FILE *out, const struct conf_server *server)
{
	const struct printer to = { out, false, "\t" };

	fputs("server ", out);
	print_remote_address(out, &server->address);
	fprintf(out, "/%u {\n", server->bits);
	clauses_print(&to, IN_SERVER, server, NULL);
	fputs("};\n", out);
}

void
conf_print_zone(FILE *out, const struct conf *conf, const struct conf_zone *zone)
{
	const struct printer to = { out, false, "\t" };
	const struct zone_draft draft = { .rules = *zone->rules, .zone = *zone };

	fputs("zone ", out);
	print_quoted(out, zone->name);
	fputs(" {\n", out);
	/* Inherited: what 'options' says is not said again. */
	clauses_print(&to, IN_ZONE, &draft, &conf->rules);
	fputs("};\n", out);
}

void
conf_print(FILE *out, const struct conf *conf, bool hide)
{
	const struct printer inside = { out, hide, "\t" };

	fputs("options {\n", out);
	clauses_print(&inside, IN_OPTIONS, conf, NULL);
	fputs("};\ncontrols {\n", out);
	clauses_print(&inside, IN_CONTROLS, conf, NULL);
	fputs("};\n", out);
	for (size_t i = 0; i < conf->key_count; i++)
		print_named_block(out, "key", conf->keys[i].name, hide, IN_KEY, &conf->keys[i]);
	for (size_t i = 0; i < conf->server_count; i++)
		print_server(out, &conf->servers[i]);
	for (size_t i = 0; i < conf->mirror_count; i++)
		print_named_block(out, "mirror", conf->mirrors[i].name, hide, IN_MIRROR, &conf->mirrors[i]);
	for (size_t i = 0; i < conf->zone_count; i++)
		conf_print_zone(out, conf, &conf->zones[i]);
}
