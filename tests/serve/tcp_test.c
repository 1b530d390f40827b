#include "tests/serve/net.h"

#include <poll.h>
#include <pthread.h>

#include "daemon/transfer/history.h"
#include "daemon/transfer/xfrout.h"
#include "sync/journal.h"

#define HOSTS 40000		/* more octets than the kernel buffers for one client */
#define MANY 100

static bool
everybody(const void *list, const struct sockaddr *client, const uint8_t *key)
{
	(void)list;
	(void)client;
	(void)key;
	return true;
}

static unsigned whole, broken;
static uint64_t records;

static void
on_transferred(void *ctx, const struct sockaddr *to, const struct xfrout_facts *facts, bool is_whole, uint64_t ms)
{
	(void)ctx;
	(void)to;
	(void)ms;
	__atomic_fetch_add(is_whole ? &whole : &broken, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&records, facts->records, __ATOMIC_SEQ_CST);
}

static struct query_policy policy = { .transfer = { everybody, NULL } };
static struct query_server server = { .edns_udp_size = 1232, .minimal_responses = true,
    .transferred = on_transferred };
static const struct worker_limits limits = { .tcp_clients = 2 * MANY, .tcp_idle_ms = 2 * PATIENCE_MS, .tcp_initial_ms = 2 * PATIENCE_MS };
static struct workers *workers;

static struct zone *
zone_of_hosts(void)
{
	struct sink sink = { report_to_file, stderr, 0, 0 };
	struct builder *b = builder_new((const uint8_t *)"\7example", &sink);
	static const uint8_t rdata[201] = { 200 };

	add_text(b, "example. SOA ns.example. admin.example. 7 3600 600 86400 60");
	add_text(b, "example. NS ns.example.");
	add_text(b, "ns.example. A 192.0.2.1");
	for (int i = 0; i < HOSTS; i++) {
		uint8_t name[DNAME_MAX];
		char text[40];

		snprintf(text, sizeof(text), "host-number-%d.example.", i);
		name_parse(name, text, strlen(text), NULL);
		builder_add(b, &(struct rr){ name, 300, 16, sizeof(rdata), rdata }, NULL);
	}
	return builder_finish(b);
}

static int
start(void **state)
{
	(void)state;
	whole = broken = 0;
	policy.idle_ms = 2 * PATIENCE_MS;
	policy.max_ms = 0;
	if ((workers = workers_new(1, &server, &limits)) == NULL)
		return -errno;
	address = random_port("127.0.0.1");
	return workers_listen(workers, &address);
}

static int
stop(void **state)
{
	(void)state;
	workers_stop(workers, 100);
	return 0;
}

static int
ask_all(void)
{
	uint8_t buf[512];
	int fd = dial(SOCK_STREAM);

	put(fd, buf, framed("example. AXFR", 1, buf));
	return fd;
}

/* Records of the transfer that comes, its last one counted; 0 when it ends early. */
static unsigned
take_all(int fd)
{
	static uint8_t buf[65535];
	unsigned count = 0;

	while (count < HOSTS + 4) {
		if (take_message(fd, buf) < 12 || (buf[3] & 15) != 0)
			return 0;
		count += (unsigned)(buf[6] << 8 | buf[7]);
	}
	return count;
}

/* A client that takes next to nothing. */
static int
ask_all_slowly(void)
{
	uint8_t buf[512];
	int size = 4096, fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	assert_int_equal(connect(fd, &address.any, sizeof(address.v4)), 0);
	put(fd, buf, framed("example. AXFR", 1, buf));
	return fd;
}

/* Those that have begun, of which some may be over. */
static unsigned
begun(void)
{
	return __atomic_load_n(&whole, __ATOMIC_SEQ_CST) + __atomic_load_n(&broken, __ATOMIC_SEQ_CST) + xfrout_count();
}

/* Their own limits are those of the policy by then. */
static void
wait_for_transfers(unsigned count)
{
	long end = now_ms() + PATIENCE_MS;

	while (begun() < count && now_ms() < end)
		usleep(1000);
	assert_true(begun() >= count);
}

static void
wait_for(const unsigned *count, unsigned value)
{
	long end = now_ms() + PATIENCE_MS;

	while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < value && now_ms() < end)
		usleep(1000);
	assert_int_equal(__atomic_load_n(count, __ATOMIC_SEQ_CST), value);
}

/* --- what they see --- */

static void
transfers_and_questions_follow_each_other(void **state)
{
	uint8_t buf[1000];
	int fd = dial(SOCK_STREAM);
	size_t len = framed("ns.example. A", 1, buf);

	(void)state;
	len += framed("example. AXFR", 2, buf + len);
	len += framed("ns.example. A", 3, buf + len);
	len += framed("example. AXFR", 4, buf + len);
	len += framed("ns.example. A", 5, buf + len);
	put(fd, buf, len);
	for (int id = 1; id <= 5; id += 2) {
		assert_true(take_message(fd, buf) > 12);
		assert_int_equal(buf[1], id);
		if (id < 5)
			assert_int_equal(take_all(fd), HOSTS + 4);
	}
	close(fd);
	assert_int_equal(whole, 2);
	assert_int_equal(records, HOSTS + 4);
}

static void
who_takes_nothing_is_cut_off(void **state)
{
	long begin;
	int slow, other;

	(void)state;
	policy.idle_ms = 400;
	begin = now_ms();
	slow = ask_all_slowly();
	wait_for_transfers(1);
	policy.idle_ms = 2 * PATIENCE_MS;
	other = ask_all();
	assert_int_equal(take_all(other), HOSTS + 4);
	wait_for(&broken, 1);
	assert_true(now_ms() - begin >= 400);
	assert_int_equal(whole, 1);
	close(slow);
	close(other);
}

/* It takes a little again and again, so it is never idle. */
static void
who_takes_too_long_is_cut_off(void **state)
{
	uint8_t buf[70000];
	long begin = now_ms();
	int slow;

	(void)state;
	policy.max_ms = 700;
	slow = ask_all_slowly();
	while (__atomic_load_n(&broken, __ATOMIC_SEQ_CST) == 0 && now_ms() - begin < PATIENCE_MS) {
		if (recv(slow, buf, 1000, MSG_DONTWAIT) == 0)
			break;
		usleep(5000);
	}
	wait_for(&broken, 1);
	assert_true(now_ms() - begin >= 700);
	close(slow);
}

static void
who_leaves_is_forgotten(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		close(ask_all_slowly());
	wait_for(&broken, 20);
}

/* Octets that one client gets, lengths counted. */
static size_t
octets_of_one(void)
{
	static uint8_t buf[65535];
	unsigned count = 0;
	size_t octets = 0;
	int fd = ask_all();

	while (count < HOSTS + 4) {
		size_t len = take_message(fd, buf);

		assert_true(len > 12);
		count += (unsigned)(buf[6] << 8 | buf[7]);
		octets += 2 + len;
	}
	close(fd);
	return octets;
}

static struct crowd {
	struct pollfd fd[MANY];
	size_t left[MANY];
	unsigned done;
} crowd;

/* Takes what comes for each of them, whoever it is for. */
static void *
take_for_all(void *arg)
{
	static char buf[65536];
	struct crowd *c = arg;

	while (c->done < MANY && poll(c->fd, MANY, PATIENCE_MS) > 0)
		for (unsigned i = 0; i < MANY; i++) {
			ssize_t n = c->fd[i].fd >= 0 && c->fd[i].revents != 0 ?
			    recv(c->fd[i].fd, buf, sizeof(buf), MSG_DONTWAIT) : -1;

			if (n < 0)
				continue;
			c->left[i] -= (size_t)n;
			if (n > 0 && c->left[i] > 0)
				continue;
			close(c->fd[i].fd);
			c->fd[i].fd = -1;
			c->done += c->left[i] == 0;
		}
	return NULL;
}

static void
questions_do_not_wait_for_many_transfers(void **state)
{
	size_t octets = octets_of_one();
	int udp = dial(SOCK_DGRAM);
	unsigned asked = 0;
	pthread_t reader;

	(void)state;
	memset(&crowd, 0, sizeof(crowd));
	for (int i = 0; i < MANY; i++) {
		crowd.fd[i] = (struct pollfd){ .fd = ask_all(), .events = POLLIN };
		crowd.left[i] = octets;
	}
	pthread_create(&reader, NULL, take_for_all, &crowd);
	while (__atomic_load_n(&whole, __ATOMIC_SEQ_CST) < MANY + 1) {
		uint8_t buf[512];

		put(udp, buf, request_of("ns.example. A", buf));
		assert_true(hear(udp, buf, sizeof(buf)) > 0);
		asked++;
	}
	pthread_join(reader, NULL);
	assert_int_equal(crowd.done, MANY);
	assert_int_equal(broken, 0);
	/* Between two turns, of which a transfer takes many.  The number is the same on a slow machine, a time is not. */
	print_message("# %u answers during %d transfers\n", asked, MANY);
	assert_true(asked > 5 * MANY);
	close(udp);
}

static void
the_end_does_not_wait_for_slow_ones(void **state)
{
	int fd[10];
	long begin;

	(void)state;
	for (int i = 0; i < 10; i++)
		fd[i] = ask_all_slowly();
	wait_for_transfers(10);
	begin = now_ms();
	workers_stop(workers, 300);
	assert_true(now_ms() - begin < PATIENCE_MS);
	assert_int_equal(broken, 10);
	for (int i = 0; i < 10; i++)
		close(fd[i]);
	assert_int_equal(xfrout_count(), 0);
}

static struct zone *
step(const char *serial, const char *host)
{
	char soa[100], address4[60];
	const char *text[] = { soa, "steps. NS ns.example.", address4, NULL };

	snprintf(soa, sizeof(soa), "steps. SOA ns.example. admin.example. %s 3600 600 86400 60", serial);
	snprintf(address4, sizeof(address4), "%s.steps. A 192.0.2.1", host);
	return zone_of("steps.", text);
}

/* An IXFR request with the serial 1. */
static size_t
ask_since(uint8_t *out, uint16_t id)
{
	static const uint8_t soa[] = "\xc0\x0c\0\6\0\1\0\0\0\0\0\x18\xc0\x0c\xc0\x0c\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1";
	size_t len = framed("steps. IXFR noedns", id, out);

	memcpy(out + len, soa, sizeof(soa) - 1);
	out[2 + 9] = 1;
	len += sizeof(soa) - 1;
	out[1] = (uint8_t)(len - 2);
	return len;
}

static void
differences_come_over_udp_and_tcp(void **state)
{
	static char path[] = "/tmp/tcp_test.XXXXXX";
	struct zone *one = step("1", "old"), *two = step("2", "new");
	struct delta *delta = delta_between(one, two);
	struct journal *j;
	uint8_t buf[65535];
	size_t len = ask_since(buf, 7);
	int tcp = dial(SOCK_STREAM), udp = dial(SOCK_DGRAM);
	unsigned whole_ones = 0;
	struct slot *slot = serve("steps.", zone_ref(two));

	(void)state;
	slot_set_policy(slot, &policy, NULL);
	close(mkstemp(path));
	unlink(path);
	j = journal_open(path, NULL, NULL);
	assert_int_equal(journal_begin(j), 0);
	assert_int_equal(journal_base(j, one), 0);
	assert_int_equal(journal_append(j, delta, "test"), 0);
	assert_int_equal(journal_commit(j), 0);
	server.history = history_new(path);
	put(tcp, buf, len);
	len = take_message(tcp, buf);
	assert_int_equal(len > 12 ? buf[7] : 0, 6);
	/* A crowd, of which not all can wait for the journal: the others get the SOA. */
	len = ask_since(buf, 7);
	for (int i = 0; i < 50; i++)
		put(udp, buf + 2, len - 2);
	for (int i = 0; i < 50; i++) {
		assert_true(hear(udp, buf, sizeof(buf)) > 12);
		assert_true(buf[7] == 6 || buf[7] == 1);
		whole_ones += buf[7] == 6;
	}
	assert_in_range(whole_ones, 16, 50);
	/* And some that nobody waits for. */
	len = ask_since(buf, 7);
	for (int i = 0; i < 20; i++)
		put(udp, buf + 2, len - 2);
	put(tcp, buf, len);
	workers_stop(workers, 1000);
	assert_int_equal(xfrout_count(), 0);
	history_free(server.history);
	server.history = NULL;
	journal_close(j);
	unlink(path);
	delta_free(delta);
	zone_unref(one);
	zone_unref(two);
	close(tcp);
	close(udp);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(transfers_and_questions_follow_each_other),
		T(who_takes_nothing_is_cut_off),
		T(who_takes_too_long_is_cut_off),
		T(who_leaves_is_forgotten),
		T(questions_do_not_wait_for_many_transfers),
		cmocka_unit_test_setup(differences_come_over_udp_and_tcp, start),
		cmocka_unit_test_setup(the_end_does_not_wait_for_slow_ones, start),
	};

	slot_thread_begin();
	slot_set_policy(serve("example.", zone_of_hosts()), &policy, NULL);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
