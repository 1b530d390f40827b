#include "daemon/config/trial.h"

#include <inttypes.h>

#include "zonefile/count.h"
#include "zonefile/master.h"

void
trial_verdict(FILE *out, const char *name, const struct zone *zone, uint32_t serial, unsigned errors)
{
	if (errors > 0)
		fprintf(out, "zone %s: not loaded, %u error%s\n", name, errors, PLURAL(errors));
	else
		fprintf(out, "zone %s: serial %" PRIu32 ", %zu records: OK\n", name, serial, zone_records(zone));
}

void
trial_secrets(const struct conf *conf, struct sink *sink)
{
	for (size_t i = 0; i < conf->mirror_count; i++)
		conf_check_secrets(conf, &conf->mirrors[i], ERROR, sink);
}

void
trial_zones(const struct conf *conf, struct sink *sink)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < conf->zone_count; i++) {
		const struct conf_zone *z = &conf->zones[i];
		struct sink own = { .fn = sink->fn, .ctx = sink->ctx };
		struct checks checks = conf_checks(z);
		struct zone *zone;

		if (z->type != CONF_MASTER)
			continue;
		zone = master_load(conf_resolve(path, conf, z->file), z->origin, &checks, &own, NULL);
		trial_verdict(stdout, z->name, zone, zone != NULL ? zone_serial(zone) : 0, own.errors);
		sink->errors += own.errors;
		zone_unref(zone);
	}
}
