#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "sync/purge.h"

/* A server that takes one request a connection and gives one answer to each; NULL: none, ever. */
struct server {
	char address[64];
	const char *answer;
	char asked[4096];		/* the first lines, with their ends */
	int fd, stop[2];
	bool http;
	pthread_t thread;
};

static void
serve_one(struct server *s, int fd)
{
	char buf[2048];
	ssize_t n, got = 0;

	while ((n = read(fd, buf + got, sizeof(buf) - 1 - (size_t)got)) > 0) {
		got += n;
		buf[got] = '\0';
		if (strstr(buf, s->http ? "\r\n\r\n" : "\n") != NULL)
			break;
	}
	if (got <= 0)
		return;
	buf[strcspn(buf, "\r\n")] = '\0';
	strcat(strcat(s->asked, buf), "\n");
	if (s->answer == NULL) {
		struct pollfd pfd = { .fd = s->stop[0], .events = POLLIN };

		poll(&pfd, 1, 10000);
	} else if (write(fd, s->answer, strlen(s->answer)) < 0)
		perror("write");
}

static void *
serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		serve_one(s, fd);
		close(fd);
	}
	return NULL;
}

static void
server_start(struct server *s, const char *answer, bool http)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	static int n;

	memset(s, 0, sizeof(*s));
	s->answer = answer;
	s->http = http;
	assert_int_equal(pipe(s->stop), 0);
	s->fd = socket(http ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
	if (http) {
		assert_int_equal(bind(s->fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
		getsockname(s->fd, (struct sockaddr *)&sin, &len);
		snprintf(s->address, sizeof(s->address), "http://127.0.0.1:%u", ntohs(sin.sin_port));
	} else {
		snprintf(s->address, sizeof(s->address), "/tmp/purge_test.%d.%d", getpid(), n++);
		strcpy(sun.sun_path, s->address);
		unlink(s->address);	/* of a process of the same number that was killed */
		assert_int_equal(bind(s->fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	}
	assert_int_equal(listen(s->fd, 5), 0);
	pthread_create(&s->thread, NULL, serve, s);
}

static void
server_stop(struct server *s)
{
	close(s->stop[1]);
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	close(s->stop[0]);
	if (!s->http)
		unlink(s->address);
}

static const struct purge_zone old[] = { { "a.test", false }, { "b.test", false } };
static const struct purge_zone mixed[] = { { "a.test", false }, { "new.test", true } };
static char why[256];

static void
one_line_names_all_zones(void **state)
{
	struct server s;
	struct purge *p;

	(void)state;
	server_start(&s, "4", false);
	p = purge_new((const char *[]){ s.address, NULL }, NULL, NULL);
	assert_int_equal(purge_servers(p), 1);
	assert_int_equal(purge_send(p, 1, old, 2, why, sizeof(why)), 0);
	assert_string_equal(why, "");
	server_stop(&s);
	assert_string_equal(s.asked, "PURGE a.test$ b.test$\n");
	purge_free(p);
}

static void
new_zones_are_looked_for_before_the_purge(void **state)
{
	struct server s;
	struct purge *p;

	(void)state;
	server_start(&s, "Ok", false);
	p = purge_new((const char *[]){ s.address, NULL }, NULL, NULL);
	assert_int_equal(purge_send(p, 1, mixed, 2, why, sizeof(why)), 0);
	server_stop(&s);
	assert_string_equal(s.asked, "REDISCOVER\nPURGE a.test$ new.test$\n");
	purge_free(p);
}

static void
an_api_is_asked_zone_by_zone(void **state)
{
	static const struct purge_zone odd[] = { { "a/b;c.test", false }, { ".", false } };
	struct server s;
	struct purge *p;

	(void)state;
	server_start(&s, "HTTP/1.1 200 OK\r\n\r\n{\"count\": 0}", true);
	p = purge_new(NULL, (const char *[]){ s.address, NULL }, "/dev/null");
	assert_int_equal(purge_send(p, 1, odd, 2, why, sizeof(why)), 0);
	server_stop(&s);
	assert_string_equal(s.asked,
	    "PUT /api/v1/servers/localhost/cache/flush?domain=a%2Fb%3Bc.test. HTTP/1.0\n"
	    "PUT /api/v1/servers/localhost/cache/flush?domain=. HTTP/1.0\n");
	purge_free(p);
}

static void
refusals_are_told(void **state)
{
	struct server control, api;
	struct purge *p;

	(void)state;
	server_start(&control, "Unknown command: 'PURGE'", false);
	server_start(&api, "HTTP/1.1 401 Unauthorized\r\n\r\n", true);
	p = purge_new((const char *[]){ control.address, "/nowhere/at/all", NULL },
	    (const char *[]){ api.address, NULL }, "/dev/null");
	assert_int_equal(purge_servers(p), 7);
	assert_int_equal(purge_send(p, 7, old, 2, why, sizeof(why)), 7);
	assert_non_null(strstr(why, "401"));
	assert_int_equal(purge_send(p, 2, old, 2, why, sizeof(why)), 2);
	assert_string_equal(why, "/nowhere/at/all: No such file or directory");
	assert_int_equal(purge_send(p, 1, old, 2, why, sizeof(why)), 1);
	assert_non_null(strstr(why, "Unknown command"));
	purge_free(p);
	p = purge_new(NULL, (const char *[]){ api.address, NULL }, "/nowhere/key");
	assert_int_equal(purge_send(p, 1, old, 2, why, sizeof(why)), 1);
	assert_string_equal(why, "key-file /nowhere/key: No such file or directory");
	server_stop(&control);
	server_stop(&api);
	purge_free(p);
}

static void
a_silent_server_holds_up_no_other(void **state)
{
	struct server silent, quick;
	struct purge *p;

	(void)state;
	server_start(&silent, NULL, false);
	server_start(&quick, "2", false);
	p = purge_new((const char *[]){ silent.address, quick.address, NULL }, NULL, NULL);
	assert_int_equal(purge_send(p, 3, old, 2, why, sizeof(why)), 1);
	assert_non_null(strstr(why, "did not answer"));
	server_stop(&silent);
	server_stop(&quick);
	assert_string_equal(quick.asked, "PURGE a.test$ b.test$\n");
	purge_free(p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_names_all_zones),
		cmocka_unit_test(new_zones_are_looked_for_before_the_purge),
		cmocka_unit_test(an_api_is_asked_zone_by_zone),
		cmocka_unit_test(refusals_are_told),
		cmocka_unit_test(a_silent_server_holds_up_no_other),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
