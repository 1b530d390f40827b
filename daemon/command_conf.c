#include <stdio.h>
#include <stdlib.h>

#include "daemon/command_impl.h"
#include "daemon/setup.h"

void
cmd_showconf(struct reply *reply, char **word)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)word;
	if (out == NULL)
		abort();
	conf_print(out, setup_conf(), true);
	fclose(out);
	reply_text(reply, text);
	free(text);
}

void
cmd_checkconf(struct reply *reply, char **word)
{
	struct sink sink = { .fn = reply_report, .ctx = reply };
	struct conf *conf = conf_read(setup_conf()->path, &sink);

	(void)word;
	for (size_t i = 0; conf != NULL && i < conf->mirror_count; i++)
		conf_check_secrets(conf, &conf->mirrors[i], ERROR, &sink);
	if (conf != NULL && sink.errors == 0)
		reply_fact(reply, setup_conf()->path, "good, %zu zones, %zu mirrors", conf->zone_count, conf->mirror_count);
	conf_free(conf);
}
