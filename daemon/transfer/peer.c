#include "daemon/transfer/peer.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

bool
peer_address_parse(union peer_address *a, const char *text, unsigned port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found;

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)port);
		return true;
	}
	/* Not inet_pton(): fe80::1%eth0 has a scope. */
	if (strchr(text, ':') == NULL || getaddrinfo(text, NULL, &hints, &found) != 0)
		return false;
	memcpy(&a->v6, found->ai_addr, sizeof(a->v6));
	a->v6.sin6_port = htons((uint16_t)port);
	freeaddrinfo(found);
	return true;
}

void
peer_address_set(union peer_address *a, const struct sockaddr *address)
{
	memset(a, 0, sizeof(*a));
	memcpy(a, address, peer_address_size(address));
}

socklen_t
peer_address_size(const struct sockaddr *a)
{
	return a->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

unsigned
peer_address_port(const struct sockaddr *a)
{
	return ntohs(a->sa_family == AF_INET ? ((const struct sockaddr_in *)(const void *)a)->sin_port :
	    ((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
}

/* The address as one of IPv6. */
static void
wide(uint8_t out[16], const struct sockaddr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->sa_family == AF_INET) {
		memcpy(out, mapped, sizeof(mapped));
		memcpy(out + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
	} else {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
	}
}

bool
peer_same_host(const struct sockaddr *a, const struct sockaddr *b)
{
	uint8_t x[16], y[16];

	wide(x, a);
	wide(y, b);
	return memcmp(x, y, sizeof(x)) == 0;
}

bool
peer_same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	return peer_same_host(a, b) && peer_address_port(a) == peer_address_port(b);
}

const char *
peer_print(char out[PEER_TEXT], const struct sockaddr *a)
{
	char host[64] = "?";

	getnameinfo(a, peer_address_size(a), host, sizeof(host), NULL, 0, NI_NUMERICHOST);
	snprintf(out, PEER_TEXT, a->sa_family == AF_INET ? "%s:%u" : "[%s]:%u", host,
	    peer_address_port(a));
	return out;
}
