#include "daemon/command_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/transfer/announce.h"

void
command_told(struct reply *reply, const struct announce *announce)
{
	static const char *const column[] = { "address", "serial", "state", NULL };
	static const char *const state[] = {
		[ANNOUNCE_IN_STEP] = "in step", [ANNOUNCE_TELLING] = "being told",
		[ANNOUNCE_DUE] = "to be told", [ANNOUNCE_NEWER] = "has a newer serial",
	};
	struct announce_target t;

	reply_columns(reply, column);
	for (size_t i = 0; announce_status(announce, i, &t); i++) {
		char serial[16] = "-";

		if (t.known)
			snprintf(serial, sizeof(serial), "%" PRIu32, t.serial);
		reply_row(reply, (const char *const[]){ t.address, serial, t.trouble[0] != '\0' ? t.trouble :
		    state[t.state] });
	}
}

/* "port N" or nothing; 0: neither. */
static unsigned
read_port(char **word)
{
	char *end;
	unsigned long port;

	if (word[0] == NULL)
		return DNS_PORT;
	if (strcmp(word[0], "port") != 0 || word[1] == NULL)
		return 0;
	port = strtoul(word[1], &end, 10);
	return *end == '\0' && port <= UINT16_MAX ? (unsigned)port : 0;
}

/* notify ZONE [ADDRESS [port N]] */
void
cmd_notify(struct reply *reply, char **word)
{
	struct served *zone = command_zone(reply, word[0]);
	union peer_address only;
	unsigned port = word[1] != NULL ? read_port(word + 2) : DNS_PORT;

	if (zone == NULL)
		return;
	if (zone->announce == NULL) {
		reply_error(reply, "%s: its configuration says notify no", slot_name(zone->slot));
		return;
	}
	if (word[1] != NULL && !peer_address_parse(&only, word[1], port)) {
		reply_error(reply, "%s: no IPv4 or IPv6 address", word[1]);
		return;
	}
	if (port == 0) {
		reply_usage(reply, "expected port and its number after %s, from 1 to %d", word[1], UINT16_MAX);
		return;
	}
	announce_now(zone->announce, word[1] != NULL ? &only.any : NULL, word[1] != NULL && word[2] != NULL);
	command_told(reply, zone->announce);
}
