#include "daemon/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/config/acl.h"
#include "daemon/log.h"
#include "zonefile/arena.h"

/* Readers are few.  When more come, those go first that ask nothing. */
#define CLIENTS_MAX 64
#define SILENT_S 10			/* a client that neither sends nor takes anything is closed after that */
#define BACKLOG 64
#define PAUSE_MS 20
#define CLIENT_MEMORY 65536		/* of a request's headers, then of a piece of the page */

/* A connection. */
struct client {
	struct client *before, *after;
	int fd;
	bool answering;			/* it has asked, and gets its page */
	bool closing;
};

/* An address.  The library runs on the control loop: it says which descriptor to watch, and how long. */
struct channel {
	struct channel *next;
	union conf_address address;
	const struct conf_match_list *allow;	/* of the configuration in force; NULL: not in force yet */
	bool wanted;			/* by the configuration that is being looked at */
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t timer, pause;	/* pause: the descriptor is not looked at until it is over */
	uv_idle_t turn;			/* runs while there is more to do at once */
	unsigned open_handles;
	struct client *oldest, *newest;
	unsigned clients;
};

static uv_loop_t *loop;
static const struct page *const *pages;
static struct channel *channels;

/* --- pages --- */

/* A page under way. */
struct sending {
	const struct page *page;
	void *state;
	struct text text;
	size_t sent;			/* of text */
	bool ended;			/* text is the last piece */
};

static ssize_t
more(void *ctx, uint64_t pos, char *out, size_t room)
{
	struct sending *s = ctx;
	size_t len;

	(void)pos;
	if (s->sent == s->text.len && !s->ended) {
		s->sent = s->text.len = 0;
		s->ended = !s->page->more(s->state, &s->text);
	}
	if (s->sent == s->text.len)
		return s->ended ? MHD_CONTENT_READER_END_OF_STREAM : 0;
	len = s->text.len - s->sent < room ? s->text.len - s->sent : room;
	memcpy(out, s->text.octets + s->sent, len);
	s->sent += len;
	return (ssize_t)len;
}

static void
sent(void *ctx)
{
	struct sending *s = ctx;

	s->page->close(s->state);
	free(s->text.octets);
	free(s);
}

static enum MHD_Result
reply(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response, const char *type)
{
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
reply_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	return reply(connection, status, MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
	    MHD_RESPMEM_PERSISTENT), "text/plain; charset=utf-8");
}

static enum MHD_Result
reply_page(struct MHD_Connection *connection, const struct page *page, bool head)
{
	struct sending *s = xcalloc(1, sizeof(*s));
	struct MHD_Response *response;

	s->page = page;
	s->state = page->open();
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, CLIENT_MEMORY / 2, more, s, sent);
	if (response == NULL)
		sent(s);
	else if (head)
		/* Otherwise it would send the end of a page in pieces. */
		MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
	return reply(connection, MHD_HTTP_OK, response, page->type);
}

static const char *
other_pages(void)
{
	static char text[256];
	size_t len = (size_t)snprintf(text, sizeof(text), "there are:");

	for (const struct page *const *page = pages; *page != NULL && len < sizeof(text); page++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %s", (*page)->path);
	if (len < sizeof(text))
		snprintf(text + len, sizeof(text) - len, "\n");
	return text;
}

/* --- requests --- */

static bool
may(const struct channel *ch, const struct sockaddr *client)
{
	return ch->allow != NULL && acl_allows(ch->allow, client, NULL);
}

static enum MHD_Result
on_accept(void *ctx, const struct sockaddr *from, socklen_t len)
{
	(void)len;
	return may(ctx, from) ? MHD_YES : MHD_NO;
}

static struct client *
client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Called when the request's head is there; what may follow it is not waited for. */
static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
    const char *body, size_t *body_len, void **state)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;

	(void)version;
	(void)body;
	(void)body_len;
	(void)state;
	client_of(connection)->answering = true;
	/* It may have been let in by another configuration. */
	if (!may(ctx, info->client_addr))
		return reply_text(connection, MHD_HTTP_FORBIDDEN, "statistics-channels does not allow this address\n");
	if (!head && strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "pages are there to be read\n");
	for (const struct page *const *page = pages; *page != NULL; page++)
		if (strcmp(path, (*page)->path) == 0)
			return reply_page(connection, *page, head);
	return reply_text(connection, MHD_HTTP_NOT_FOUND, other_pages());
}

static void
on_answered(void *ctx, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
	(void)ctx;
	(void)state;
	(void)why;
	client_of(connection)->answering = false;
}

/* --- connections --- */

/* The library sees the end of it, and closes. */
static void
push_out_one(struct channel *ch)
{
	struct client *found = NULL;

	for (struct client *c = ch->oldest; c != NULL; c = c->after) {
		if (c->closing)
			continue;
		if (found == NULL)
			found = c;
		if (!c->answering) {
			found = c;
			break;
		}
	}
	if (found == NULL)
		return;
	found->closing = true;
	ch->clients--;
	shutdown(found->fd, SHUT_RDWR);
}

static void
client_free(struct channel *ch, struct client *c)
{
	*(c->before != NULL ? &c->before->after : &ch->oldest) = c->after;
	*(c->after != NULL ? &c->after->before : &ch->newest) = c->before;
	ch->clients -= !c->closing;
	free(c);
}

static void
on_connection(void *ctx, struct MHD_Connection *connection, void **socket_ctx, enum MHD_ConnectionNotificationCode what)
{
	struct channel *ch = ctx;
	struct client *c;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		client_free(ch, *socket_ctx);
		return;
	}
	if (ch->clients >= CLIENTS_MAX)
		push_out_one(ch);
	c = xcalloc(1, sizeof(*c));
	c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->before = ch->newest;
	*(ch->newest != NULL ? &ch->newest->after : &ch->oldest) = c;
	ch->newest = c;
	ch->clients++;
	*socket_ctx = c;
}

/* --- the library's time --- */

static void on_ready(uv_poll_t *, int, int);
static void on_time(uv_timer_t *);
static void on_turn(uv_idle_t *);

/* A timer of 0 would have the next turn before anybody else has one. */
static void
run(struct channel *ch)
{
	unsigned long long ms;
	bool timed;

	MHD_run(ch->daemon);
	timed = MHD_get_timeout(ch->daemon, &ms) == MHD_YES;
	if (timed && ms == 0)
		uv_idle_start(&ch->turn, on_turn);
	else
		uv_idle_stop(&ch->turn);
	if (timed && ms > 0)
		uv_timer_start(&ch->timer, on_time, ms, 0);
	else
		uv_timer_stop(&ch->timer);
}

static void
on_time(uv_timer_t *timer)
{
	run(timer->data);
}

static void
on_turn(uv_idle_t *turn)
{
	run(turn->data);
}

static void
on_pause_over(uv_timer_t *pause)
{
	struct channel *ch = pause->data;

	uv_poll_start(&ch->poll, UV_READABLE, on_ready);
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
	struct channel *ch = poll->data;

	(void)status;
	(void)events;
	run(ch);
	/* Who waits has been served, or refused, or there is no descriptor for him: then he is still there at once. */
	if (MHD_get_daemon_info(ch->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections == 0) {
		uv_poll_stop(poll);
		uv_timer_start(&ch->pause, on_pause_over, PAUSE_MS, 0);
	}
}

/* --- addresses --- */

static const char *
print_address(char out[80], const union conf_address *a)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = a->any.sa_family == AF_INET;

	inet_ntop(a->any.sa_family, v4 ? (const void *)&a->v4.sin_addr : (const void *)&a->v6.sin6_addr, text, sizeof(text));
	snprintf(out, 80, "%s port %u", text, ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port));
	return out;
}

/* A socket that listens, or -errno. */
static int
bind_to(const union conf_address *a)
{
	bool v4 = a->any.sa_family == AF_INET;
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, err;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (v4 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	    bind(fd, &a->any, v4 ? sizeof(a->v4) : sizeof(a->v6)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void
on_closed(uv_handle_t *handle)
{
	struct channel *ch = handle->data;

	if (--ch->open_handles == 0)
		free(ch);
}

static void
channel_close(struct channel *ch)
{
	uv_poll_stop(&ch->poll);
	MHD_stop_daemon(ch->daemon);
	uv_close((uv_handle_t *)&ch->poll, on_closed);
	uv_close((uv_handle_t *)&ch->timer, on_closed);
	uv_close((uv_handle_t *)&ch->pause, on_closed);
	uv_close((uv_handle_t *)&ch->turn, on_closed);
}

/* Serves nobody before http_settle().  NULL: errno says why. */
static struct channel *
channel_new(const union conf_address *address)
{
	struct channel *ch;
	int fd = bind_to(address);

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	ch = xcalloc(1, sizeof(*ch));
	ch->address = *address;
	ch->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, on_accept, ch, on_request, ch,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, 2 * CLIENTS_MAX,	/* some are being closed */
	    MHD_OPTION_CONNECTION_TIMEOUT, SILENT_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CLIENT_MEMORY,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, ch,
	    MHD_OPTION_NOTIFY_COMPLETED, on_answered, ch, MHD_OPTION_END);
	if (ch->daemon == NULL) {
		close(fd);
		free(ch);
		return NULL;
	}
	uv_poll_init(loop, &ch->poll, MHD_get_daemon_info(ch->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
	uv_timer_init(loop, &ch->timer);
	uv_timer_init(loop, &ch->pause);
	uv_idle_init(loop, &ch->turn);
	ch->poll.data = ch->timer.data = ch->pause.data = ch->turn.data = ch;
	ch->open_handles = 4;
	uv_poll_start(&ch->poll, UV_READABLE, on_ready);
	ch->next = channels;
	channels = ch;
	return ch;
}

static struct channel *
channel_at(const union conf_address *address)
{
	struct channel *ch = channels;

	while (ch != NULL && !conf_same_address(&ch->address, address))
		ch = ch->next;
	return ch;
}

/* --- from outside --- */

void
http_start(uv_loop_t *control_loop, const struct page *const *list)
{
	loop = control_loop;
	pages = list;
}

bool
http_open(const struct conf *conf, struct sink *sink)
{
	char text[80];
	bool ok = true;

	for (size_t i = 0; i < conf->channel_count; i++) {
		const union conf_address *address = &conf->channels[i].address;
		struct channel *ch = channel_at(address);

		if (ch == NULL && (ch = channel_new(address)) == NULL) {
			report_zone(sink, ERROR, NULL, "statistics-channels: cannot listen on %s: %s", print_address(text, address),
			    strerror(errno));
			ok = false;
		} else {
			ch->wanted = true;
		}
	}
	return ok;
}

static void
take(const struct conf *conf)
{
	char text[80];

	for (size_t i = 0; i < conf->channel_count; i++) {
		struct channel *ch = channel_at(&conf->channels[i].address);

		if (ch->allow == NULL)
			log_note("metrics on %s", print_address(text, &ch->address));
		ch->allow = conf->channels[i].allow;
	}
}

void
http_settle(const struct conf *conf, bool taken)
{
	struct channel **at = &channels, *ch;
	char text[80];

	if (taken)
		take(conf);
	while ((ch = *at) != NULL) {
		bool stays = taken ? ch->wanted : ch->allow != NULL;

		ch->wanted = false;
		if (stays) {
			at = &ch->next;
			continue;
		}
		if (taken)
			log_note("no longer metrics on %s", print_address(text, &ch->address));
		*at = ch->next;
		channel_close(ch);
	}
}

void
http_stop(void)
{
	while (channels != NULL) {
		struct channel *ch = channels;

		channels = ch->next;
		channel_close(ch);
	}
}
