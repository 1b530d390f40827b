#include "daemon/config/conf.h"

#include <glob.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/clause.h"
#include "daemon/config/remote.h"
#include "daemon/config/value.h"
#include "daemon/config/whole.h"

struct owned {
	struct conf conf;		/* first: it is what callers have */
	struct arena *arena;
	/* What a zone that comes later may name: struct named *. */
	struct vec acls, masters, key_names;
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

/* Its parser, for names that are known to the end. */
static struct owned *
owned_new(struct parser *p, const struct conf *start, struct sink *sink)
{
	struct arena *arena = arena_new(4096);
	struct owned *owned = arena_alloc(arena, sizeof(*owned));

	*owned = (struct owned){ .conf = *start, .arena = arena };
	*p = (struct parser){ .conf = &owned->conf, .arena = arena, .sink = sink };
	return owned;
}

static struct conf *
owned_end(struct parser *p, struct owned *owned, unsigned errors)
{
	whole_free(p);
	lex_files_free(p->files);
	if (p->sink->errors == errors)
		return &owned->conf;
	arena_free(owned->arena);
	return NULL;
}

static void
read_into(struct parser *p, const char *path, unsigned where)
{
	struct block block = { .where = where, .base = p->conf };
	struct lex lex;
	int err = lex_open(&lex, NULL, path, p->arena, &p->files, p->sink);

	if (err != 0)
		report_at(p->sink, ERROR, &(struct place){ .file = path }, "%s", strerror(-err));
	else
		parse_file(p, &lex, &block);
	free(block.given.items);
}

/* What has been added at run time and is still there. */
static void
read_added(struct parser *p)
{
	char pattern[PATH_MAX], path[PATH_MAX];
	glob_t found;

	if (snprintf(pattern, sizeof(pattern), "%s/*.conf",
	    conf_resolve(path, p->conf, p->conf->new_zones_directory)) >= (int)sizeof(pattern) ||
	    glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		read_into(p, found.gl_pathv[i], IN_ADDED);
	globfree(&found);
}

struct conf *
conf_read(const char *path, struct sink *sink)
{
	unsigned errors = sink->errors;
	struct parser p;
	struct owned *owned = owned_new(&p, &conf_defaults, sink);
	char host[256] = "";

	memcpy(owned->conf.rules.checks, checks_default.severity, sizeof(owned->conf.rules.checks));
	owned->conf.rules.check_names[0] = checks_default.severity[CHECK_NAMES];
	owned->conf.rules.check_names[1] = WARNING;
	owned->conf.rules.max_records_per_type = checks_default.max_records_per_type;
	owned->conf.rules.max_types_per_name = checks_default.max_types_per_name;
	owned->conf.path = arena_strdup(p.arena, path);
	owned->conf.directory = directory_of(p.arena, path);
	if (gethostname(host, sizeof(host) - 1) == 0)
		owned->conf.hostname = arena_strdup(p.arena, host);
	read_into(&p, path, IN_TOP);
	if (sink->errors == errors)
		read_added(&p);
	whole_finish(&p);
	owned->acls.items = vec_keep(&p.acls, p.arena, &owned->acls.count);
	owned->masters.items = vec_keep(&p.masters, p.arena, &owned->masters.count);
	owned->key_names.items = vec_keep(&p.key_names, p.arena, &owned->key_names.count);
	return owned_end(&p, owned, errors);
}

static void
vec_copy(struct vec *to, const struct vec *from)
{
	struct named *const *items = from->items;

	for (size_t i = 0; i < from->count; i++)
		*(struct named **)vec_add(to, sizeof(struct named *)) = items[i];
}

struct conf *
conf_read_zone(const struct conf *conf, const char *path, struct sink *sink)
{
	const struct owned *context = (const struct owned *)conf;
	unsigned errors = sink->errors;
	struct parser p;
	struct owned *owned = owned_new(&p, conf, sink);

	vec_copy(&p.acls, &context->acls);
	vec_copy(&p.masters, &context->masters);
	vec_copy(&p.key_names, &context->key_names);
	read_into(&p, path, IN_ADDED);
	whole_finish_zone(&p);
	if (sink->errors == errors && owned->conf.zone_count != 1)
		report_at(sink, ERROR, &(struct place){ .file = owned->conf.path }, "%s holds %zu zones, not one", path,
		    owned->conf.zone_count);
	return owned_end(&p, owned, errors);
}

void
conf_free(struct conf *conf)
{
	if (conf != NULL)
		arena_free(((struct owned *)conf)->arena);
}

bool
conf_same_address(const union conf_address *a, const union conf_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port && memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

const char *
conf_resolve(char out[PATH_MAX], const struct conf *conf, const char *path)
{
	snprintf(out, PATH_MAX, "%s%s%s", path[0] == '/' ? "" : conf->directory, path[0] == '/' ? "" : "/", path);
	return out;
}

/* A configuration is also looked at before its unit has been started. */
#define CREDENTIALS "/run/credentials/"

static void
check_secret(const struct conf *conf, const struct conf_mirror *m, const char *clause, const char *file,
    enum severity severity, struct sink *sink)
{
	const struct place place = { .file = m->place_file, .line = m->place_line };
	char path[PATH_MAX];
	struct stat st;

	if (file == NULL)
		return;
	conf_resolve(path, conf, file);
	if (access(path, R_OK) < 0 && errno == ENOENT && strncmp(path, CREDENTIALS, strlen(CREDENTIALS)) == 0)
		report_at(sink, WARNING, &place, "mirror \"%s\": %s %s: not there; systemd makes it while the unit runs that has"
		    " it as LoadCredential", m->name, clause, path);
	else if (access(path, R_OK) < 0)
		report_at(sink, severity, &place, "mirror \"%s\": %s %s: %s", m->name, clause, path, strerror(errno));
	else if (stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0)
		report_at(sink, WARNING, &place, "mirror \"%s\": %s %s: everybody on this machine can read it; make it"
		    " mode 600", m->name, clause, path);
}

void
conf_check_secrets(const struct conf *conf, const struct conf_mirror *m, enum severity severity, struct sink *sink)
{
	check_secret(conf, m, "password-file", m->password_file, severity, sink);
	check_secret(conf, m, "key-file", m->key_file, severity, sink);
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
conf_print_server(FILE *out, const struct conf *conf, bool hide)
{
	const struct printer inside = { out, hide, "\t" };

	fputs("options {\n", out);
	clauses_print(&inside, IN_OPTIONS, conf, NULL);
	fputs("};\ncontrols {\n", out);
	clauses_print(&inside, IN_CONTROLS, conf, NULL);
	fputs("};\n", out);
	if (conf->channel_count > 0) {
		fputs("statistics-channels {\n", out);
		clauses_print(&inside, IN_CHANNELS, conf, NULL);
		fputs("};\n", out);
	}
	for (size_t i = 0; i < conf->key_count; i++)
		print_named_block(out, "key", conf->keys[i].name, hide, IN_KEY, &conf->keys[i]);
	for (size_t i = 0; i < conf->server_count; i++)
		print_server(out, &conf->servers[i]);
	for (size_t i = 0; i < conf->mirror_count; i++)
		print_named_block(out, "mirror", conf->mirrors[i].name, hide, IN_MIRROR, &conf->mirrors[i]);
}

void
conf_print(FILE *out, const struct conf *conf, bool hide)
{
	conf_print_server(out, conf, hide);
	for (size_t i = 0; i < conf->zone_count; i++)
		conf_print_zone(out, conf, &conf->zones[i]);
}
