/* flood - questions over UDP as fast as they are answered, on loopback.
 *
 *	flood PORT QUESTIONS SECONDS
 *
 * QUESTIONS holds lines "NAME TYPE-NUMBER"; all are asked with EDNS and DO.  Keeps WINDOW questions on their way
 * on each of SOCKETS sockets, and prints "answered N lost N rcode0 N rcode3 N other N". */
#include <poll.h>
#include <stdio.h>

#include "tests/lib/client.h"

enum { SOCKETS = 8, WINDOW = 64, QUESTION_MAX = 300, ANSWER_MAX = 4096 };

struct question {
	uint16_t len;
	uint8_t wire[QUESTION_MAX];
};
struct flow {
	int fd;
	unsigned waiting;
	double heard;			/* when the last answer came */
};

static struct question *questions;
static size_t count, next;
static uint64_t answered, lost, rcodes[16];
static uint8_t answers[WINDOW][ANSWER_MAX];

static void
add(const char *name, unsigned type)
{
	static const uint8_t header[12] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 };
	static const uint8_t opt[11] = { 0, 0, 41, 0x10, 0, 0, 0, 0x80 };
	struct question *q;
	uint8_t *p;

	if (strlen(name) > 253)
		errx(1, "%s: the name is too long", name);
	if ((count & (count - 1)) == 0 &&
	    (questions = realloc(questions, (count ? 2 * count : 1) * sizeof(*questions))) == NULL)
		err(1, NULL);
	q = &questions[count++];
	memcpy(q->wire, header, sizeof(header));
	p = put_name(q->wire + sizeof(header), name);
	*p++ = (uint8_t)(type >> 8);
	*p++ = (uint8_t)type;
	*p++ = 0;
	*p++ = 1;
	memcpy(p, opt, sizeof(opt));
	q->len = (uint16_t)(p + sizeof(opt) - q->wire);
}

static void
ask(struct flow *flow, unsigned n)
{
	struct mmsghdr messages[WINDOW] = { 0 };
	struct iovec iov[WINDOW];
	int sent;

	for (unsigned i = 0; i < n; i++) {
		struct question *q = &questions[next++ % count];

		iov[i] = (struct iovec){ q->wire, q->len };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	if ((sent = sendmmsg(flow->fd, messages, n, 0)) > 0)
		flow->waiting += (unsigned)sent;
}

static void
hear(struct flow *flow, double t)
{
	struct mmsghdr messages[WINDOW] = { 0 };
	struct iovec iov[WINDOW];
	int n;

	for (unsigned i = 0; i < WINDOW; i++) {
		iov[i] = (struct iovec){ answers[i], ANSWER_MAX };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	if ((n = recvmmsg(flow->fd, messages, WINDOW, MSG_DONTWAIT, NULL)) <= 0)
		return;
	for (int i = 0; i < n; i++)
		rcodes[answers[i][3] & 15]++;
	answered += (unsigned)n;
	flow->waiting -= (unsigned)n < flow->waiting ? (unsigned)n : flow->waiting;
	flow->heard = t;
}

int
main(int argc, char **argv)
{
	struct flow flows[SOCKETS];
	struct pollfd polls[SOCKETS];
	char name[256];
	unsigned type;
	double end;
	FILE *in;

	if (argc != 4 || (in = fopen(argv[2], "r")) == NULL)
		errx(2, "usage: flood PORT QUESTIONS SECONDS");
	while (fscanf(in, "%255s %u", name, &type) == 2)
		add(name, type);
	fclose(in);
	if (count == 0)
		errx(1, "%s: no questions", argv[2]);
	for (unsigned i = 0; i < SOCKETS; i++) {
		int size = 4 << 20;

		flows[i].fd = client(SOCK_DGRAM, "127.0.0.1", argv[1]);
		setsockopt(flows[i].fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		flows[i].waiting = 0;
		flows[i].heard = now();
		polls[i] = (struct pollfd){ .fd = flows[i].fd, .events = POLLIN };
	}
	end = now() + atof(argv[3]);
	for (double t = now(); t < end; t = now()) {
		for (unsigned i = 0; i < SOCKETS; i++) {
			/* What took 0.2 s will not come. */
			if (flows[i].waiting > 0 && t - flows[i].heard > 0.2) {
				lost += flows[i].waiting;
				flows[i].waiting = 0;
				flows[i].heard = t;
			}
			if (flows[i].waiting <= WINDOW / 2)
				ask(&flows[i], WINDOW - flows[i].waiting);
		}
		poll(polls, SOCKETS, 10);
		for (unsigned i = 0; i < SOCKETS; i++)
			if (polls[i].revents)
				hear(&flows[i], t);
	}
	printf("answered %llu lost %llu rcode0 %llu rcode3 %llu other %llu\n", (unsigned long long)answered,
	    (unsigned long long)lost, (unsigned long long)rcodes[0], (unsigned long long)rcodes[3],
	    (unsigned long long)(answered - rcodes[0] - rcodes[3]));
	return 0;
}
