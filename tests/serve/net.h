/* net.h - for tests: clients of workers, over sockets. */
#ifndef TESTS_SERVE_NET_H
#define TESTS_SERVE_NET_H

#include "tests/serve/ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/serve/worker.h"

static union worker_address address;	/* that is asked */

/* A port of nobody, for UDP and TCP.  Workers would share one with other workers, so they do not find out; and the name is that
 * by which tests/lib/Peer.pm knows what it has given away, until this process ends. */
static inline union worker_address
random_port(const char *host)
{
	for (;;) {
		union worker_address a = { .v4 = { .sin_family = AF_INET } };
		struct sockaddr_un name = { .sun_family = AF_UNIX };
		int lock = socket(AF_UNIX, SOCK_DGRAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
		uint16_t port;
		bool ours;

		assert_true(lock >= 0 && udp >= 0 && tcp >= 0);
		assert_int_equal(getrandom(&port, sizeof(port), 0), sizeof(port));
		port = (uint16_t)(20000 + port % 12000);
		inet_pton(AF_INET, host, &a.v4.sin_addr);
		a.v4.sin_port = htons(port);
		snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "tandem-test-port-%u", port);
		ours = bind(lock, (struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		    strlen(name.sun_path + 1))) == 0 && bind(udp, &a.any, sizeof(a.v4)) == 0 && bind(tcp, &a.any, sizeof(a.v4)) == 0;
		close(udp);
		close(tcp);
		if (ours)
			return a;
		close(lock);
	}
}

/* As long as a machine that is busy may need for what is done at once.  Nothing is measured by it. */
#define PATIENCE_MS 60000

static inline long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int
dial(int type)
{
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	int fd = socket(AF_INET, type, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, &address.any, sizeof(address.v4)), 0);
	return fd;
}

static inline void
put(int fd, const void *octets, size_t len)
{
	assert_int_equal(send(fd, octets, len, MSG_NOSIGNAL), len);
}

/* A wait that has a limit is broken off when the process is stopped and goes on. */
static inline ssize_t
hear(int fd, void *out, size_t size)
{
	ssize_t n;

	while ((n = recv(fd, out, size, 0)) < 0 && errno == EINTR)
		;
	return n;
}

/* Exactly len octets, or false at the end of the stream. */
static inline bool
take(int fd, uint8_t *out, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = hear(fd, out + have, len - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static inline size_t
take_message(int fd, uint8_t *out)
{
	uint8_t len[2];

	if (!take(fd, len, 2) || !take(fd, out, (size_t)(len[0] << 8 | len[1])))
		return 0;
	return (size_t)(len[0] << 8 | len[1]);
}

/* With the length in front, and an id. */
static inline size_t
framed(const char *question, uint16_t id, uint8_t *out)
{
	size_t len = request_of(question, out + 2);

	out[0] = (uint8_t)(len >> 8);
	out[1] = (uint8_t)len;
	out[2] = (uint8_t)(id >> 8);
	out[3] = (uint8_t)id;
	return len + 2;
}

static inline bool
at_end(int fd)
{
	uint8_t octet;
	ssize_t n = hear(fd, &octet, 1);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}
#endif
