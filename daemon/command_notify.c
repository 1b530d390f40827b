#include "daemon/command_impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/transfer/announce.h"

#define DNS_PORT 53

void
command_told(struct reply *reply, const struct announce *announce)
{
	static const char *const column[] = { "address", "serial", "state", NULL };
	struct announce_target t;

	reply_columns(reply, column);
	for (size_t i = 0; announce_status(announce, i, &t); i++) {
		char serial[16] = "-";

		if (t.known)
			snprintf(serial, sizeof(serial), "%" PRIu32, t.serial);
		reply_row(reply, (const char *const[]){ t.address, serial, t.trouble[0] != '\0' ? t.trouble :
		    t.done ? "in step" : "being told" });
	}
}

void
cmd_notify(struct reply *reply, char **word)
{
	struct served *zone = command_zone(reply, word[0]);
	union peer_address only;

	if (zone == NULL)
		return;
	if (zone->announce == NULL) {
		reply_error(reply, "%s: its configuration says notify no", slot_name(zone->slot));
		return;
	}
	if (word[1] != NULL && !peer_address_parse(&only, word[1], DNS_PORT)) {
		reply_error(reply, "%s: no IPv4 or IPv6 address", word[1]);
		return;
	}
	announce_now(zone->announce, word[1] != NULL ? &only.any : NULL);
	command_told(reply, zone->announce);
}
