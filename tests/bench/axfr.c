/* axfr.c - fetch a zone as fast as it comes, without looking at it.
 *
 * usage: axfr PORT ZONE
 * Prints messages, records, octets, milliseconds until the second SOA. */
#include <stdio.h>
#include <unistd.h>

#include "tests/lib/client.h"
#include "zonefile/message.h"
#include "zonefile/name.h"

static void
ask(int fd, const char *zone)
{
	uint8_t request[2 + MESSAGE_HEADER + DNAME_MAX + 4] = { 0, 0, 0x12, 0x34, 0, 0, 0, 1 };
	int n = name_parse(request + 2 + MESSAGE_HEADER, zone, strlen(zone), (const uint8_t *)"");
	size_t len;

	if (n < 0)
		exit(2);
	len = MESSAGE_HEADER + (size_t)n + 4;
	put16(request, (unsigned)len);
	put16(request + len - 2, T_AXFR);
	put16(request + len, CLASS_IN);
	if (write(fd, request, len + 2) != (ssize_t)len + 2)
		err(1, "write");
}

/* Looked at only when nothing has come behind it yet, so that it costs next to nothing. */
static bool
ends_with_soa(const uint8_t *message, size_t len)
{
	struct reader r = { message, len, MESSAGE_HEADER };
	struct reader_record record = { 0 };
	struct question q;

	if (get16(message + 4) == 1 && !reader_question(&r, &q))
		return false;
	for (unsigned i = get16(message + 6); i > 0; i--)
		if (!reader_record(&r, &record))
			return false;
	return record.type == T_SOA;
}

int
main(int argc, char **argv)
{
	static uint8_t in[1 << 20];
	size_t have = 0, at;
	uint64_t messages = 0, records = 0, octets = 0;
	bool done = false;
	double start;
	int fd;

	if (argc != 3)
		return 2;
	fd = client(SOCK_STREAM, "127.0.0.1", argv[1]);
	start = now();
	ask(fd, argv[2]);
	while (!done) {
		ssize_t n = read(fd, in + have, sizeof(in) - have);

		if (n <= 0)
			err(1, "read");
		have += (size_t)n;
		for (at = 0; have - at >= 2 && have - at - 2 >= get16(in + at); at += 2u + get16(in + at)) {
			const uint8_t *message = in + at + 2;

			if (get16(in + at) < MESSAGE_HEADER || (message[3] & 15) != 0) {
				fprintf(stderr, "refused\n");
				return 1;
			}
			messages++;
			records += get16(message + 6);
			octets += 2u + get16(in + at);
			done = records > 1 && have - at - 2 == get16(in + at) &&
			    ends_with_soa(message, get16(in + at));
		}
		have -= at;
		memmove(in, in + at, have);
	}
	printf("messages %llu records %llu octets %llu ms %.0f\n", (unsigned long long)messages,
	    (unsigned long long)records, (unsigned long long)octets, (now() - start) * 1000);
	return 0;
}
