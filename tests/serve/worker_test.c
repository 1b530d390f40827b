#include "tests/serve/net.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>

#include "zonefile/count.h"

static const char *const lines[] = {
	"example. SOA ns.example. admin.example. 7 3600 600 86400 60",
	"example. NS ns.example.",
	"ns.example. A 192.0.2.1",
	"www.example. A 192.0.2.2",
	"cut.example. NS ns.cut.example.",
	"ns.cut.example. A 192.0.2.3",
	NULL,
};
static const struct query_server server = { .edns_udp_size = 1232, .minimal_responses = true };
static const struct worker_limits limits = { .tcp_clients = 3, .tcp_idle_ms = 2 * PATIENCE_MS, .tcp_initial_ms = 2 * PATIENCE_MS };
static const struct worker_limits short_limits = { .tcp_clients = 3, .tcp_idle_ms = 1000, .tcp_initial_ms = 600 };
static struct workers *workers;

static int
start_on(const char *host, const struct worker_limits *with)
{
	if ((workers = workers_new(2, &server, with)) == NULL)
		return -errno;
	address = random_port(host);
	return workers_listen(workers, &address);
}

static int
start(void **state)
{
	(void)state;
	return start_on("127.0.0.1", &limits);
}

static int
start_short(void **state)
{
	(void)state;
	return start_on("127.0.0.1", &short_limits);
}

static int
start_everywhere(void **state)
{
	int err = start_on("0.0.0.0", &limits);

	(void)state;
	inet_pton(AF_INET, "127.0.0.3", &address.v4.sin_addr);
	return err;
}

static int
stop(void **state)
{
	(void)state;
	workers_stop(workers, 1000);
	return 0;
}

/* --- clients --- */

/* False when the connection was closed before. */
static bool
is_answered(int fd)
{
	uint8_t buf[65535];
	size_t len = framed("www.example. A", 1, buf);

	if (send(fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len || (len = take_message(fd, buf)) == 0)
		return false;
	assert_string_equal(answer_text(buf, len), "NOERROR aa | www.example. A 192.0.2.2 | |");
	return true;
}

static void
ask_tcp(int fd)
{
	assert_true(is_answered(fd));
}

static void
ask_udp(int fd)
{
	uint8_t buf[512];
	size_t len = request_of("www.example. A", buf);
	ssize_t n;

	put(fd, buf, len);
	n = hear(fd, buf, sizeof(buf));
	assert_true(n > 0);
	assert_string_equal(answer_text(buf, (size_t)n), "NOERROR aa | www.example. A 192.0.2.2 | |");
}

/* --- what they see --- */

static void
udp_is_answered_in_bursts(void **state)
{
	uint8_t buf[512];
	size_t len = request_of("www.example. A", buf);
	int fd = dial(SOCK_DGRAM);

	(void)state;
	for (int i = 0; i < 200; i++)
		put(fd, buf, len);
	for (int i = 0; i < 200; i++)
		assert_true(hear(fd, buf, sizeof(buf)) > 0);
	close(fd);
}

/* connect() takes only what comes from the address that was asked. */
static void
a_wildcard_socket_answers_from_the_address_asked(void **state)
{
	int fd = dial(SOCK_DGRAM);

	(void)state;
	ask_udp(fd);
	close(fd);
}

static void
responses_get_no_answer(void **state)
{
	uint8_t buf[512];
	size_t len = request_of("www.example. A", buf);
	int fd = dial(SOCK_DGRAM);

	(void)state;
	buf[2] |= 0x80;
	put(fd, buf, len);
	ask_udp(fd);
	close(fd);
}

static void
pipelined_questions_are_answered_in_order(void **state)
{
	enum { MANY = 1000 };
	uint8_t *buf = malloc(MANY * 100), answer[65535];
	size_t len = 0;
	int fd = dial(SOCK_STREAM);

	(void)state;
	for (uint16_t i = 0; i < MANY; i++)
		len += framed(i % 2 ? "www.example. A" : "no.example. A", i, buf + len);
	put(fd, buf, len);
	for (uint16_t i = 0; i < MANY; i++) {
		assert_true(take_message(fd, answer) > 0);
		assert_int_equal(answer[0] << 8 | answer[1], i);
		assert_int_equal(answer[3] & 15, i % 2 ? 0 : 3);
	}
	free(buf);
	close(fd);
}

static void
a_question_may_come_octet_by_octet(void **state)
{
	uint8_t buf[512], answer[65535];
	size_t len = framed("www.example. A", 7, buf);
	int fd = dial(SOCK_STREAM);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		put(fd, buf + i, 1);
		usleep(500);
	}
	assert_true(take_message(fd, answer) > 0);
	close(fd);
}

static void
a_half_closed_client_gets_its_answers(void **state)
{
	uint8_t buf[512], answer[65535];
	size_t len = framed("www.example. A", 1, buf);
	int fd = dial(SOCK_STREAM);

	(void)state;
	len += framed("ns.example. A", 2, buf + len);
	put(fd, buf, len);
	shutdown(fd, SHUT_WR);
	assert_true(take_message(fd, answer) > 0);
	assert_true(take_message(fd, answer) > 0);
	assert_true(at_end(fd));
	close(fd);
}

static void
who_says_nothing_is_closed_after_a_while(void **state)
{
	long begin = now_ms();
	int fd = dial(SOCK_STREAM), slow = dial(SOCK_STREAM);

	(void)state;
	put(slow, "\0\40", 2);		/* begins a question and stops */
	assert_true(at_end(fd));
	assert_true(at_end(slow));
	assert_true(now_ms() - begin >= short_limits.tcp_initial_ms - 10);
	close(fd);
	close(slow);
}

/* Whether all of some questions are answered that come with pauses between them; the longest that one can have been, and when the
 * last one was asked. */
static bool
asks_on(int fd, unsigned pause_ms, long *longest, long *last)
{
	bool answered;

	*longest = 0;
	*last = now_ms();
	for (int i = 0; i < 4; i++) {
		long before = *last;

		if (i > 0)
			usleep(pause_ms * 1000);
		*last = now_ms();
		answered = is_answered(fd);
		if (now_ms() - before > *longest)
			*longest = now_ms() - before;
		if (!answered)
			return false;
	}
	return true;
}

static void
an_idle_client_is_closed_after_its_last_question(void **state)
{
	long longest, last;
	int fd = dial(SOCK_STREAM);

	(void)state;
	while (!asks_on(fd, short_limits.tcp_idle_ms / 2, &longest, &last)) {
		/* A busy machine makes a pause too long. */
		assert_true(longest >= short_limits.tcp_initial_ms);
		close(fd);
		fd = dial(SOCK_STREAM);
	}
	assert_true(at_end(fd));
	assert_true(now_ms() - last >= (long)short_limits.tcp_idle_ms - 10);
	close(fd);
}

static void
the_oldest_idle_client_gives_way_to_a_new_one(void **state)
{
	int fd[50];	/* so many that each of the two workers gets more than it may have, wherever the kernel sends them */

	(void)state;
	for (size_t i = 0; i < COUNT(fd); i++) {
		fd[i] = dial(SOCK_STREAM);
		ask_tcp(fd[i]);
	}
	assert_true(at_end(fd[0]));
	ask_tcp(fd[COUNT(fd) - 1]);
	for (size_t i = 0; i < COUNT(fd); i++)
		close(fd[i]);
}

static void
without_a_descriptor_left_the_oldest_idle_client_gives_way(void **state)
{
	const struct worker_limits many = { .tcp_clients = 100, .tcp_idle_ms = 2 * PATIENCE_MS, .tcp_initial_ms = 2 * PATIENCE_MS };
	struct rlimit before, now;
	int idle[3], fresh, fill[64], filled = 0;
	long begin;

	(void)state;
	workers_stop(workers, 1000);
	assert_non_null(workers = workers_new(1, &server, &many));
	assert_int_equal(workers_listen(workers, &address), 0);
	for (int i = 0; i < 3; i++) {
		idle[i] = dial(SOCK_STREAM);
		ask_tcp(idle[i]);
	}
	assert_true((fresh = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	/* From now on nobody in this process gets another descriptor. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	while ((fill[filled] = dup(fresh)) >= 0)
		filled++;
	assert_int_equal(errno, EMFILE);
	begin = now_ms();
	assert_int_equal(connect(fresh, &address.any, sizeof(address.v4)), 0);
	ask_tcp(fresh);
	assert_true(now_ms() - begin < PATIENCE_MS);
	assert_true(at_end(idle[0]));
	ask_tcp(idle[1]);
	ask_tcp(idle[2]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	while (filled > 0)
		close(fill[--filled]);
	for (int i = 0; i < 3; i++)
		close(idle[i]);
	close(fresh);
}

static void
who_takes_no_answers_is_not_read_and_closed(void **state)
{
	enum { SOME = 500 };
	uint8_t *buf = malloc(SOME * 100);
	size_t len = 0;
	int fd = dial(SOCK_STREAM), udp = dial(SOCK_DGRAM);
	long begin = now_ms(), sent = 0;

	(void)state;
	for (uint16_t i = 0; i < SOME; i++)
		len += framed("no.example. A", i, buf + len);
	while (now_ms() - begin < PATIENCE_MS) {
		struct pollfd p = { fd, POLLOUT, 0 };
		ssize_t n;

		if (poll(&p, 1, 100) == 0) {
			ask_udp(udp);		/* others do not wait */
			continue;
		}
		if ((n = send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT)) < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? n : 0;
	}
	assert_true(now_ms() - begin < PATIENCE_MS);
	assert_true(sent < 64 << 20);
	ask_udp(udp);
	free(buf);
	close(fd);
	close(udp);
}

static void
garbage_ends_a_connection(void **state)
{
	static const uint8_t garbage[][4] = { { 0, 0, 0, 0 }, { 0, 1, 0, 0 } };

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd = dial(SOCK_STREAM);

		put(fd, garbage[i], 4);
		assert_true(at_end(fd));
		close(fd);
	}
}

static void
an_address_can_be_left_and_taken_again(void **state)
{
	int fd = dial(SOCK_STREAM), other;

	(void)state;
	ask_tcp(fd);
	workers_unlisten(workers, &address);
	ask_tcp(fd);		/* who is connected stays */
	other = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(other, &address.any, sizeof(address.v4)), -1);
	close(other);
	assert_int_equal(workers_listen(workers, &address), 0);
	ask_tcp(fd);
	close(fd);
	fd = dial(SOCK_DGRAM);
	ask_udp(fd);
	close(fd);
}

static void
a_taken_address_is_an_error(void **state)
{
	union worker_address a = random_port("127.0.0.2");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(fd, &a.any, sizeof(a.v4)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(workers_listen(workers, &a), -EADDRINUSE);
	close(fd);
	assert_int_equal(workers_listen(workers, &a), 0);
	workers_unlisten(workers, &a);
}

static void
what_has_arrived_is_answered_before_the_end(void **state)
{
	uint8_t buf[512], answer[512];
	size_t len = framed("www.example. A", 1, buf);
	int tcp = dial(SOCK_STREAM), udp = dial(SOCK_DGRAM);
	long begin = now_ms();

	(void)state;
	ask_tcp(tcp);
	put(tcp, buf, len);
	put(udp, buf + 2, len - 2);
	workers_stop(workers, 2 * PATIENCE_MS);
	assert_true(now_ms() - begin < PATIENCE_MS);
	assert_true(take_message(tcp, answer) > 0);
	assert_true(at_end(tcp));
	assert_true(hear(udp, answer, sizeof(answer)) > 0);
	close(tcp);
	close(udp);
}

static void
a_new_description_is_used_at_once(void **state)
{
	static const struct query_server other = { .edns_udp_size = 4000, .minimal_responses = true };
	struct query_stats stats;
	uint8_t buf[512];
	size_t len = request_of("www.example. A", buf);
	int fd = dial(SOCK_DGRAM);

	(void)state;
	workers_set_server(workers, &other);
	put(fd, buf, len);
	assert_int_equal(hear(fd, buf, sizeof(buf)), len + 16);
	/* In the OPT record, what we take. */
	assert_int_equal(buf[len + 16 - 8] << 8 | buf[len + 16 - 7], 4000);
	workers_stats(workers, &stats);
	assert_int_equal(stats.udp, 1);
	assert_int_equal(stats.answers, 1);
	workers_set_server(workers, &server);
	close(fd);
}

static void
versions_change_under_load(void **state)
{
	uint8_t buf[512];
	int fd[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		fd[i] = dial(SOCK_DGRAM);
	for (int round = 0; round < 300; round++) {
		slot_publish(slot_exact((const uint8_t *)"\7example"), zone_of("example.", lines));
		for (int i = 0; i < 16; i++)
			put(fd[i % 4], buf, request_of(i % 4 ? "x.cut.example. A" : "no.example. A do", buf));
		slot_publish(slot_exact((const uint8_t *)"\7example"), zone_of("example.", lines));
		for (int i = 0; i < 16; i++) {
			ssize_t n = hear(fd[i % 4], buf, sizeof(buf));

			assert_true(n > 0);
			assert_int_equal(buf[3] & 15, i % 4 ? 0 : 3);
		}
	}
	for (int i = 0; i < 4; i++)
		close(fd[i]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
#define SHORT(f) cmocka_unit_test_setup_teardown(f, start_short, stop)
		T(a_new_description_is_used_at_once),
		T(udp_is_answered_in_bursts),
		cmocka_unit_test_setup_teardown(a_wildcard_socket_answers_from_the_address_asked, start_everywhere, stop),
		T(responses_get_no_answer),
		T(pipelined_questions_are_answered_in_order),
		T(a_question_may_come_octet_by_octet),
		T(a_half_closed_client_gets_its_answers),
		SHORT(who_says_nothing_is_closed_after_a_while),
		SHORT(an_idle_client_is_closed_after_its_last_question),
		T(the_oldest_idle_client_gives_way_to_a_new_one),
		T(without_a_descriptor_left_the_oldest_idle_client_gives_way),
		SHORT(who_takes_no_answers_is_not_read_and_closed),
		T(garbage_ends_a_connection),
		T(an_address_can_be_left_and_taken_again),
		T(a_taken_address_is_an_error),
		T(versions_change_under_load),
		cmocka_unit_test_setup(what_has_arrived_is_answered_before_the_end, start),
	};

	slot_thread_begin();
	serve("example.", zone_of("example.", lines));
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
