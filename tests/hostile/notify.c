/* notify.c - NOTIFYs as fast as it is told.
 *
 *	notify SOURCE PORT ZONE RATE SECONDS
 *
 * From that address to 127.0.0.1, RATE of them a second, each with another serial; prints "sent N answered N". */
#include <stdio.h>
#include <unistd.h>

#include "tests/lib/client.h"

enum { BATCH = 64, MESSAGE_MAX = 512 };

static uint8_t out[BATCH][MESSAGE_MAX], in[BATCH][MESSAGE_MAX];
static size_t len, serial_at;
static uint64_t sent, answered;

/* The name of the zone, its question, and its SOA as an answer. */
static void
make(const char *zone)
{
	static const uint8_t header[12] = { 0, 0, 0x24, 0, 0, 1, 0, 1 }, question[] = { 0, 6, 0, 1 },
	    soa[] = { 0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 60, 0, 22, 0, 0 };
	uint8_t *p = out[0];

	memcpy(p, header, sizeof(header));
	p = put_name(p + sizeof(header), zone);
	memcpy(p, question, sizeof(question));
	p += sizeof(question);
	memcpy(p, soa, sizeof(soa));
	serial_at = (size_t)(p + sizeof(soa) - out[0]);
	len = serial_at + 20;
	for (int i = 1; i < BATCH; i++)
		memcpy(out[i], out[0], len);
}

static void
put(uint8_t *at, uint64_t value, int octets)
{
	while (octets-- > 0)
		*at++ = (uint8_t)(value >> 8 * octets);
}

static void
exchange(int fd, unsigned n)
{
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec iov[BATCH];
	int done;

	for (unsigned i = 0; i < n; i++) {
		put(out[i], sent + i, 2);
		put(out[i] + serial_at, sent + i + 1000, 4);
		iov[i] = (struct iovec){ out[i], len };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	if (n > 0 && (done = sendmmsg(fd, messages, n, 0)) > 0)
		sent += (unsigned)done;
	for (unsigned i = 0; i < BATCH; i++)
		iov[i] = (struct iovec){ in[i], MESSAGE_MAX };
	for (unsigned i = n; i < BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	while ((done = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL)) > 0)
		answered += (unsigned)done;
}

int
main(int argc, char **argv)
{
	double start = now(), end, rate;
	int fd;

	if (argc != 6 || strlen(argv[3]) > 200)
		errx(2, "usage: notify SOURCE PORT ZONE RATE SECONDS");
	make(argv[3]);
	rate = atof(argv[4]);
	end = start + atof(argv[5]);
	fd = client(SOCK_DGRAM, argv[1], argv[2]);
	for (double t = start; t < end; t = now()) {
		uint64_t due = (uint64_t)((t - start) * rate);

		exchange(fd, due <= sent ? 0 : due - sent < BATCH ? (unsigned)(due - sent) : BATCH);
		if (due <= sent + BATCH)
			usleep(200);
	}
	exchange(fd, 0);
	/* On a busy machine who is asked may not have had a turn yet. */
	for (int i = 0; answered == 0 && i < 600; i++) {
		usleep(100000);
		exchange(fd, 1);
	}
	printf("sent %llu answered %llu\n", (unsigned long long)sent, (unsigned long long)answered);
	return 0;
}
