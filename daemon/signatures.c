#include "daemon/signatures.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "daemon/log.h"
#include "zonefile/arena.h"
#include "zonefile/check_dnssec.h"

#define TICK_MS 5000			/* the clock may be set at any time, so waiting is looking at it */
#define PAUSE 60			/* seconds between two looks at one version, however its ends are spread */
#define REST 20				/* times what the last look took, before the next */
#define NEVER INT64_MAX

/*
 *	RESTING --time, or published--> WAITING --its turn--> LOOKING (pool) --> RESTING
 *	WAITING, LOOKING --freed--> gone, when it has been looked at
 */
struct signatures {
	TAILQ_ENTRY(signatures) all, line;
	struct slot *slot;
	enum { RESTING, WAITING, LOOKING } state;
	bool freed, again;		/* while LOOKING */
	bool looked;			/* found is of a signed version */
	struct signature_times found;
	unsigned told;			/* kinds of fault */
	int64_t at;			/* of the next look, since 1970 */
	uint64_t rested;		/* uv_now(): not before that */
};

/* The one look that is under way, so that the pool has threads for others. */
static struct {
	struct signatures *of;		/* NULL: none is */
	struct zone *zone;
	bool wanted, is_signed;
	unsigned known;
	time_t now;
	uint64_t ns;
	struct signature_times found;
	uv_work_t work;
} look;

static TAILQ_HEAD(, signatures) all = TAILQ_HEAD_INITIALIZER(all), line = TAILQ_HEAD_INITIALIZER(line);
static struct signatures_env env;
static uv_loop_t *loop;
static uv_timer_t timer;
static int64_t next_at = NEVER;	/* the first time of all that rest */
static int64_t seen;		/* the latest time that a look or a tick had; the clock may be set back */
static bool stopping;

static void begin(void);

/* --- a look --- */

static void
rest(struct signatures *s, int64_t at)
{
	s->state = RESTING;
	s->at = at;
	if (at < next_at)
		next_at = at;
}

static void
let_go(struct signatures *s)
{
	slot_unref(s->slot);
	free(s);
}

/* Pool thread. */
static void
look_at(uv_work_t *work)
{
	struct sink sink = { .fn = log_report };
	uint64_t start = uv_hrtime();

	(void)work;
	look.is_signed = check_signatures(look.zone, look.known, look.now, &sink, &look.found);
	look.ns = uv_hrtime() - start;
}

static void
on_looked(uv_work_t *work, int status)
{
	struct signatures *s = look.of;
	int64_t pause = PAUSE;

	(void)work;
	(void)status;
	zone_unref(look.zone);
	look.of = NULL;
	if (s->freed) {
		let_go(s);
	} else {
		uv_update_time(loop);
		s->looked = look.is_signed;
		s->found = look.found;
		s->told = look.wanted ? look.found.faults : 0;
		s->rested = uv_now(loop) + look.ns / 1000000 * REST;
		if (s->again)
			rest(s, 0);
		else if (!look.is_signed)
			rest(s, NEVER);
		else
			rest(s, look.found.look_again > look.now + pause ? look.found.look_again : look.now + pause);
		s->again = false;
	}
	begin();
}

/* What whoever read this version has said is not said again. */
static unsigned
known_of(const struct signatures *s, const struct zone *zone, time_t now)
{
	uint32_t when = zone_look_again(zone);

	if (!look.wanted || (when != 0 && (int32_t)(when - (uint32_t)now) > 0))
		return UINT_MAX;
	return s->told;
}

/* The next one in the line, unless one is under way. */
static void
begin(void)
{
	struct signatures *s;

	while (!stopping && look.of == NULL && (s = TAILQ_FIRST(&line)) != NULL) {
		TAILQ_REMOVE(&line, s, line);
		if ((look.zone = slot_zone_ref(s->slot)) == NULL) {
			s->looked = false;
			rest(s, NEVER);
			continue;
		}
		s->state = LOOKING;
		look.of = s;
		look.now = time(NULL);
		if (look.now > seen)
			seen = look.now;
		look.wanted = env.wanted(s->slot);
		look.known = known_of(s, look.zone, look.now);
		uv_queue_work(loop, &look.work, look_at, on_looked);
	}
}

static void
wait_in_line(struct signatures *s)
{
	s->state = WAITING;
	TAILQ_INSERT_TAIL(&line, s, line);
}

/* --- the clock --- */

static void
on_tick(uv_timer_t *t)
{
	int64_t now = time(NULL);
	bool back = now < seen;
	struct signatures *s;

	(void)t;
	seen = now;
	if (now < next_at && !back)
		return;
	next_at = NEVER;
	TAILQ_FOREACH(s, &all, all) {
		/* What was seen by a clock that was ahead does not hold, however fresh it is. */
		s->again |= back && s->state == LOOKING;
		if (s->state != RESTING)
			continue;
		if (back)
			s->at = 0;
		if (now >= s->at && uv_now(loop) >= s->rested)
			wait_in_line(s);
		else
			rest(s, s->at);
	}
	begin();
}

/* --- publication --- */

static bool
is_signed(struct slot *slot)
{
	struct zone *zone = slot_zone_ref(slot);
	bool is = zone != NULL && node_sigs(zone_apex(zone), T_SOA) != NULL;

	zone_unref(zone);
	return is;
}

void
signatures_published(struct slot *slot)
{
	struct signatures **at = env.of(slot), *s;

	if (at == NULL || !is_signed(slot))
		return;
	if ((s = *at) == NULL) {
		s = *at = xcalloc(1, sizeof(*s));
		s->slot = slot_ref(slot);
		TAILQ_INSERT_TAIL(&all, s, all);
	}
	if (s->state == LOOKING)
		s->again = true;
	else if (s->state == RESTING && uv_now(loop) >= s->rested)
		wait_in_line(s);
	else if (s->state == RESTING)
		rest(s, 0);
	begin();
}

/* --- life --- */

bool
signatures_state(const struct signatures *s, struct signatures_state *out)
{
	if (s == NULL || !s->looked)
		return false;
	*out = (struct signatures_state){ s->found.first, s->found.expired, s->found.ending };
	return is_signed(s->slot);
}

void
signatures_free(struct signatures *s)
{
	if (s == NULL)
		return;
	TAILQ_REMOVE(&all, s, all);
	if (s->state == WAITING)
		TAILQ_REMOVE(&line, s, line);
	if (s->state == LOOKING)
		s->freed = true;
	else
		let_go(s);
}

void
signatures_start(uv_loop_t *control_loop, const struct signatures_env *given)
{
	loop = control_loop;
	env = *given;
	uv_timer_init(loop, &timer);
	uv_timer_start(&timer, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&timer);
}

void
signatures_stop(void)
{
	stopping = true;
	uv_close((uv_handle_t *)&timer, NULL);
}
