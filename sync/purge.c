#include "sync/purge.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "sync/secret.h"
#include "zonefile/arena.h"

#define SERVERS_MAX 64
#define STEP_MS 2000
#define LINE_MAX_OCTETS 65536		/* PowerDNS takes lines of 1,024,000 */
#define REPLY_MAX 255

/* One connection to one server, which takes one request and is read to its end.
 *
 *	FREE    more to ask ---------> WRITING
 *	WRITING all is written ------> READING
 *	READING end, acknowledged ---> FREE
 *	any     error, time-out -----> FAILED
 *	FREE    nothing more to ask -> DONE
 */
struct server {
	const char *address;		/* a path, or the API's URL */
	bool api;
	struct addrinfo *info;		/* of an API, kept */
	enum { FREE, WRITING, READING, DONE, FAILED } state;
	int fd;
	int64_t deadline;
	size_t step, zone;		/* what was asked last */
	char *request;
	size_t len, size, written;
	char reply[REPLY_MAX + 1];
	size_t got;
	char why[128];
};

struct purge {
	struct server server[SERVERS_MAX];
	unsigned count;
	const char *key_file;
	char key[SECRET_MAX];
	int key_err;			/* why it could not be read this time */
};

static void
add(struct purge *p, const char *const *addresses, bool api)
{
	for (; addresses != NULL && *addresses != NULL && p->count < SERVERS_MAX; addresses++)
		p->server[p->count++] = (struct server){ .address = *addresses, .api = api, .fd = -1 };
}

struct purge *
purge_new(const char *const *controls, const char *const *apis, const char *key_file)
{
	struct purge *p = xcalloc(1, sizeof(*p));

	p->key_file = key_file;
	add(p, controls, false);
	add(p, apis, true);
	return p;
}

void
purge_free(struct purge *p)
{
	for (unsigned i = 0; p != NULL && i < p->count; i++) {
		free(p->server[i].request);
		if (p->server[i].info != NULL)
			freeaddrinfo(p->server[i].info);
	}
	free(p);
}

uint64_t
purge_servers(const struct purge *p)
{
	return p->count == 64 ? UINT64_MAX : ((uint64_t)1 << p->count) - 1;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
put(struct server *s, const char *text)
{
	size_t len = strlen(text);

	if (s->len + len + 1 > s->size)
		s->request = xrealloc(s->request, s->size = (s->len + len + 1) * 2);
	memcpy(s->request + s->len, text, len + 1);
	s->len += len;
}

static void
leave(struct server *s, int state)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->state = state;
}

static void
fail(struct server *s, const char *what)
{
	snprintf(s->why, sizeof(s->why), "%.60s: %.60s", s->address, what);
	leave(s, FAILED);
}

/* What is safe in a URL, the rest as %XX (RFC 3986 2.3). */
static void
put_url(struct server *s, const char *text)
{
	char buf[4] = { 0 };

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);

		snprintf(buf, sizeof(buf), plain ? "%c" : "%%%02X", c);
		put(s, buf);
	}
}

static const char *
authority(const struct server *s)
{
	return strncmp(s->address, "http://", 7) == 0 ? s->address + 7 : s->address;
}

static void
ask_api(struct purge *p, struct server *s, const struct purge_zone *zone)
{
	char host[256];

	snprintf(host, sizeof(host), "%.*s", (int)strcspn(authority(s), "/"), authority(s));
	put(s, "PUT /api/v1/servers/localhost/cache/flush?domain=");
	put_url(s, zone->name);
	put(s, strcmp(zone->name, ".") == 0 ? "" : ".");
	put(s, " HTTP/1.0\r\nHost: ");
	put(s, host);
	put(s, "\r\nX-API-Key: ");
	put(s, p->key);
	put(s, "\r\nContent-Length: 0\r\n\r\n");
}

/* The next request: an API one zone at a time; a control socket REDISCOVER when there are new zones, which must come first
 * since a purge does not make them known, then many zones a line.  false: all is asked. */
static bool
next_request(struct purge *p, struct server *s, const struct purge_zone *zones, size_t count)
{
	bool created = false;

	s->len = s->written = s->got = 0;
	if (s->api) {
		if (s->zone == count)
			return false;
		ask_api(p, s, &zones[s->zone++]);
		return true;
	}
	if (s->step++ == 0) {
		for (size_t i = 0; i < count; i++)
			created |= zones[i].created;
		if (created) {
			put(s, "REDISCOVER\n");
			return true;
		}
	}
	if (s->zone == count)
		return false;
	put(s, "PURGE");
	while (s->zone < count && s->len < LINE_MAX_OCTETS) {
		put(s, " ");
		put(s, zones[s->zone++].name);
		put(s, "$");
	}
	put(s, "\n");
	return true;
}

static int
connect_control(struct server *s)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(s->address) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, s->address);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	return 0;
}

static bool
resolve(struct server *s)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	const char *at = authority(s), *port;
	char host[256];
	size_t len;

	if (s->info != NULL)
		return true;
	len = *at == '[' ? strcspn(++at, "]") : strcspn(at, ":/");
	snprintf(host, sizeof(host), "%.*s", (int)len, at);
	port = strchr(at + len, ':');
	at = port != NULL ? port + 1 : "80";
	port = xasprintf("%.*s", (int)strcspn(at, "/"), at);
	if (getaddrinfo(host, port, &hints, &s->info) != 0)
		s->info = NULL;
	free((char *)(uintptr_t)port);
	return s->info != NULL;
}

static int
connect_api(struct server *s)
{
	if (!resolve(s))
		return -EHOSTUNREACH;
	s->fd = socket(s->info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || (connect(s->fd, s->info->ai_addr, s->info->ai_addrlen) < 0 &&
	    errno != EINPROGRESS))
		return -errno;
	return 0;
}

static void
start(struct purge *p, struct server *s, const struct purge_zone *zones, size_t count)
{
	int err;

	if (s->api && p->key_err < 0) {
		snprintf(s->why, sizeof(s->why), "key-file %.60s: %.40s", p->key_file, strerror(-p->key_err));
		leave(s, FAILED);
		return;
	}
	if (!next_request(p, s, zones, count)) {
		leave(s, DONE);
		return;
	}
	s->deadline = now_ms() + STEP_MS;
	s->state = WRITING;
	if ((err = s->api ? connect_api(s) : connect_control(s)) < 0)
		fail(s, strerror(-err));
}

/* "HTTP/1.x 200": done.  "2 Done..." or text of the control socket: any answer but an error's. */
static bool
acknowledged(const struct server *s, const char **why)
{
	*why = s->reply;
	if (s->api)
		return strncmp(s->reply, "HTTP/1.", 7) == 0 && strncmp(s->reply + 8, " 200", 4) == 0;
	if (s->got == 0)
		*why = "it closed the connection without an answer";
	return s->got > 0 && strncasecmp(s->reply, "Unknown", 7) != 0 &&
	    strncasecmp(s->reply, "error", 5) != 0;
}

static void
finish_request(struct server *s)
{
	const char *why;

	s->reply[s->got] = '\0';
	s->reply[strcspn(s->reply, "\r\n")] = '\0';
	if (acknowledged(s, &why))
		leave(s, FREE);
	else
		fail(s, why);
}

static void
move(struct server *s)
{
	char rest[512];
	ssize_t n;

	if (s->state == WRITING) {
		n = send(s->fd, s->request + s->written, s->len - s->written, MSG_NOSIGNAL);
		if (n > 0 && (s->written += (size_t)n) == s->len)
			s->state = READING;
	} else {
		/* Only the first line counts. */
		bool full = s->got == REPLY_MAX;

		n = full ? recv(s->fd, rest, sizeof(rest), 0) :
		    recv(s->fd, s->reply + s->got, REPLY_MAX - s->got, 0);
		if (n == 0)
			finish_request(s);
		else if (n > 0 && !full)
			s->got += (size_t)n;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail(s, strerror(errno));
}

/* Waits until something can move on; false: all servers have ended. */
static bool
turn(struct purge *p)
{
	struct pollfd pfd[SERVERS_MAX];
	struct server *who[SERVERS_MAX];
	int64_t now = now_ms(), wait = STEP_MS;
	unsigned n = 0;

	for (unsigned i = 0; i < p->count; i++) {
		struct server *s = &p->server[i];

		if (s->state != WRITING && s->state != READING)
			continue;
		if (s->deadline <= now) {
			fail(s, "it did not answer in 2 seconds");
			continue;
		}
		if (s->deadline - now < wait)
			wait = s->deadline - now;
		pfd[n] = (struct pollfd){ .fd = s->fd, .events = s->state == WRITING ? POLLOUT : POLLIN };
		who[n++] = s;
	}
	if (n == 0)
		return false;
	if (poll(pfd, n, (int)wait) > 0)
		for (unsigned i = 0; i < n; i++)
			if (pfd[i].revents != 0)
				move(who[i]);
	return true;
}

uint64_t
purge_send(struct purge *p, uint64_t servers, const struct purge_zone *zones, size_t count,
    char *why, size_t size)
{
	uint64_t left = 0;

	p->key_err = p->key_file != NULL ? secret_read(p->key_file, p->key) : 0;
	for (unsigned i = 0; i < p->count; i++) {
		struct server *s = &p->server[i];

		s->step = s->zone = 0;
		s->state = servers & (uint64_t)1 << i ? FREE : DONE;
	}
	do
		for (unsigned i = 0; i < p->count; i++)
			if (p->server[i].state == FREE)
				start(p, &p->server[i], zones, count);
	while (turn(p));
	if (size > 0)
		*why = '\0';
	for (unsigned i = 0; i < p->count; i++)
		if (p->server[i].state == FAILED) {
			left |= (uint64_t)1 << i;
			snprintf(why, size, "%s", p->server[i].why);
		}
	return left;
}
