#include "daemon/refused.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "daemon/log.h"
#include "daemon/transfer/peer.h"
#include "zonefile/name.h"
#include "zonefile/rrtype.h"

#define MOST 20			/* lines in PERIOD; the others are counted */
#define PERIOD 10		/* seconds */

static const char *
reason_of(const struct query_refusal *r)
{
	switch (r->why) {
	case QUERY_NO_ZONE:
		return "we are not authoritative for it";
	case QUERY_FORBIDDEN:
		return r->notify ? "this is none of its masters, and allow-notify does not name it" :
		    "allow-transfer does not name it";
	case QUERY_WRONG_PORT:
		return "allow-transfer names another port of ours";
	case QUERY_NOT_LOADED:
		return "there is no version of it that could be served";
	case QUERY_TOO_MANY:
		return "as many transfers as transfers-out allows are under way";
	case QUERY_MASTER:
		return "we are its master";
	case QUERY_SIGNATURE:
		return r->bad;
	}
	return "";
}

/* Is this one of the first in its time?  *left: those that were not, in the time before. */
static bool
is_told(uint32_t *left)
{
	static uint64_t counted;	/* atomic: which period, and how many in it */
	uint64_t period = (uint64_t)time(NULL) / PERIOD << 32, before = __atomic_load_n(&counted, __ATOMIC_RELAXED), after;

	do {
		after = before >> 32 == period >> 32 ? before + 1 : period | 1;
	} while (!__atomic_compare_exchange_n(&counted, &before, after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	*left = (uint32_t)after == 1 && (uint32_t)before > MOST ? (uint32_t)before - MOST : 0;
	return (uint32_t)after <= MOST;
}

void
refused_tell(void *ctx, const struct sockaddr *from, const struct query_refusal *r)
{
	char zone[DNAME_TEXT_MAX], client[PEER_TEXT], type[RRTYPE_TEXT_MAX], key[8 + DNAME_TEXT_MAX] = "";
	uint32_t left;

	(void)ctx;
	if (!is_told(&left))
		return;
	if (left > 0)
		log_note("%" PRIu32 " more transfers and NOTIFYs were refused", left);
	name_print_plain(zone, r->zone);
	if (r->key != NULL) {
		strcpy(key, ", key ");
		name_print_plain(key + strlen(key), r->key);
	}
	log_note("zone %s: %s %s %s%s refused: %s", zone, r->notify ? "NOTIFY" : rrtype_print(type, r->type),
	    r->notify ? "from" : "to", peer_print(client, from), key, reason_of(r));
}
