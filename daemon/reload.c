#include "daemon/reload.h"

#include <stdlib.h>

#include "daemon/mirrors.h"
#include "daemon/setup.h"
#include "daemon/watch.h"
#include "zonefile/arena.h"

struct round {
	struct reload tell;
	size_t left;
	bool failed;
	enum reload_conf conf;
};

/* One file is done, or the last of the list has been asked for. */
static void
count_down(struct round *round)
{
	if (--round->left > 0)
		return;
	if (round->tell.end != NULL)
		round->tell.end(round->tell.ctx, !round->failed, round->conf);
	free(round);
}

static void
on_loaded(void *ctx, const struct load_outcome *outcome)
{
	struct round *round = ctx;

	round->failed |= outcome->result == LOAD_FAILED;
	if (round->tell.zone != NULL)
		round->tell.zone(round->tell.ctx, outcome);
	count_down(round);
}

static struct round *
round_new(const struct reload *tell)
{
	struct round *round = xcalloc(1, sizeof(*round));

	round->tell = *tell;
	round->left = 1;	/* until all have been asked for */
	return round;
}

/* Those of masters: a slave's zone comes from elsewhere. */
static void
load_zones(struct round *round, bool all)
{
	const struct served *zone;
	size_t count;

	zone = zones_all(&count);
	for (size_t i = 0; i < count; i++) {
		bool served = slot_since(zone[i].slot) != 0;

		if (zone[i].file == NULL || (served && (zone[i].frozen || !all)))
			continue;
		round->left++;
		if (zone[i].frozen)
			zone_file_restore(zone[i].file, on_loaded, round);
		else
			zone_file_load(zone[i].file, false, on_loaded, round);
	}
	count_down(round);
}

void
reload_first(const struct reload *tell)
{
	load_zones(round_new(tell), true);
}

void
reload_zone(struct served *zone, const struct reload *tell)
{
	struct round *round = round_new(tell);

	round->left++;
	zone_file_load(zone->file, true, on_loaded, round);
	count_down(round);
}

void
reload_bumped(struct served *zone, const struct reload *tell)
{
	struct round *round = round_new(tell);

	round->left++;
	zone_file_bump(zone->file, on_loaded, round);
	count_down(round);
}

void
reload_slave(struct served *zone, bool whole, const struct reload *tell)
{
	struct round *round = round_new(tell);

	round->left++;
	watch_slave(setup_loop(), zone, whole, on_loaded, round);
	if (whole)
		refresh_retransfer(zone->refresh);
	else
		refresh_now(zone->refresh);
	count_down(round);
}

void
reload_all(bool files, const struct reload *tell)
{
	static const enum reload_conf of[] = {
		[SETUP_SAME] = RELOAD_SAME, [SETUP_CHANGED] = RELOAD_CHANGED, [SETUP_REFUSED] = RELOAD_REFUSED,
	};
	struct round *round = round_new(tell);

	round->conf = of[setup_reread(tell->said, tell->zone, tell->ctx)];
	round->failed = round->conf == RELOAD_REFUSED;
	if (files)
		mirrors_look();
	load_zones(round, files);
}
