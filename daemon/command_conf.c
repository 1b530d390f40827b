#include <stdio.h>
#include <stdlib.h>

#include "daemon/command_impl.h"
#include "daemon/current.h"

/* What write() prints. */
static void
reply_printed(struct reply *reply, void (*write)(FILE *, const void *), const void *what)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	write(out, what);
	fclose(out);
	reply_text(reply, text);
	free(text);
}

static void
write_zone(FILE *out, const void *zone)
{
	conf_print_zone(out, current_conf(), zone);
}

/* Zones may have come or gone since the configuration was read. */
static void
write_all(FILE *out, const void *nothing)
{
	const struct served *zone;
	size_t count;

	(void)nothing;
	conf_print_server(out, current_conf(), true);
	zone = zones_all(&count);
	for (size_t i = 0; i < count; i++)
		write_zone(out, zone[i].conf);
}

void
cmd_showconf(struct reply *reply, char **word)
{
	(void)word;
	reply_printed(reply, write_all, NULL);
}

void
cmd_showzone(struct reply *reply, char **word)
{
	struct served *zone = command_zone(reply, word[0]);

	if (zone != NULL)
		reply_printed(reply, write_zone, zone->conf);
}

void
cmd_checkconf(struct reply *reply, char **word)
{
	struct sink sink = { .fn = reply_report, .ctx = reply };
	struct conf *conf = conf_read(current_conf()->path, &sink);

	(void)word;
	for (size_t i = 0; conf != NULL && i < conf->mirror_count; i++)
		conf_check_secrets(conf, &conf->mirrors[i], ERROR, &sink);
	reply_fact(reply, "configuration", "%s", current_conf()->path);
	reply_flag(reply, "good", conf != NULL && sink.errors == 0);
	if (conf != NULL) {
		reply_number(reply, "zones", conf->zone_count);
		reply_number(reply, "mirrors", conf->mirror_count);
	}
	conf_free(conf);
}
