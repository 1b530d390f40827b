#include "daemon/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/command.h"
#include "daemon/reply.h"
#include "zonefile/arena.h"

#define ASKING_MS 5000			/* from the connection to the end of the request */
#define SENDING_MS 60000		/* until the answer has been read */
#define BACKLOG 64

/*
 *	ASKING  newline -------------> WORKING
 *	ASKING  too long, time-out --> CLOSING
 *	ASKING  SENDING pushed out --> CLOSING
 *	WORKING reply_end() ---------> SENDING
 *	WORKING client gone ---------> GONE, until reply_end()
 *	SENDING sent, time-out ------> CLOSING
 *	CLOSING both handles closed -> freed
 */
struct client {
	TAILQ_ENTRY(client) line;	/* in the order they came */
	uv_pipe_t pipe;
	uv_timer_t timer;
	enum { ASKING, WORKING, SENDING, GONE, CLOSING } state;
	int open_handles;
	size_t len;
	char request[CONTROL_REQUEST_MAX + 1];
	char *answer;
	uv_write_t write;
};

static uv_pipe_t listener;
static char *socket_path;
static TAILQ_HEAD(, client) line = TAILQ_HEAD_INITIALIZER(line);	/* not those that are CLOSING */
static unsigned clients;

static void
on_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;

	if (--c->open_handles > 0)
		return;
	free(c->answer);
	free(c);
}

static void
close_client(struct client *c)
{
	if (c->state == CLOSING)
		return;
	c->state = CLOSING;
	TAILQ_REMOVE(&line, c, line);
	clients--;
	uv_close((uv_handle_t *)&c->pipe, on_closed);
	uv_close((uv_handle_t *)&c->timer, on_closed);
}

/* The reply under way still points here. */
static void
client_gone(struct client *c)
{
	if (c->state == WORKING) {
		c->state = GONE;
		uv_read_stop((uv_stream_t *)&c->pipe);
	} else if (c->state != GONE) {
		close_client(c);
	}
}

static void
on_timeout(uv_timer_t *timer)
{
	struct client *c = timer->data;

	if (c->state != WORKING)
		client_gone(c);
}

static void
on_sent(uv_write_t *req, int status)
{
	(void)status;
	close_client(req->data);
}

static void
on_reply(void *ctx, char *text, size_t len, enum reply_status status)
{
	struct client *c = ctx;
	uv_buf_t buf;

	if (c->state == GONE) {
		free(text);
		c->state = SENDING;
		close_client(c);
		return;
	}
	c->state = SENDING;
	c->answer = xrealloc(text, len + 2);
	c->answer[len] = '\0';
	c->answer[len + 1] = (char)('0' + status);
	buf = uv_buf_init(c->answer, (unsigned)len + 2);
	c->write.data = c;
	uv_timer_start(&c->timer, on_timeout, SENDING_MS, 0);
	if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_sent) != 0)
		close_client(c);
}

/* The request is whole: words ended by NUL. */
static void
run(struct client *c, char *end)
{
	char *word[CONTROL_WORDS_MAX + 1];
	struct reply *reply;
	bool json = false;
	int words = 0;

	for (char *p = c->request; p < end && words < CONTROL_WORDS_MAX; p += strlen(p) + 1) {
		if (words == 0 && !json && strcmp(p, "--json") == 0)
			json = true;
		else
			word[words++] = p;
	}
	word[words] = NULL;
	c->state = WORKING;
	uv_timer_stop(&c->timer);
	reply = reply_new(json, on_reply, c);
	command_run(reply, words, word);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *c = handle->data;

	(void)suggested;
	buf->base = c->request + c->len;
	buf->len = CONTROL_REQUEST_MAX - c->len;
}

static void
on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct client *c = stream->data;
	char *end;

	(void)buf;
	if (got == 0)
		return;
	if (got == UV_EOF && c->state == WORKING) {
		uv_read_stop(stream);	/* it may have closed no more than its half */
		return;
	}
	if (got < 0) {
		client_gone(c);
		return;
	}
	if (c->state != ASKING)
		return;
	c->len += (size_t)got;
	if ((end = memchr(c->request, '\n', c->len)) != NULL) {
		*end = '\0';
		run(c, end);
	} else if (c->len == CONTROL_REQUEST_MAX) {
		close_client(c);
	}
}

/* Who has not asked yet goes first, then who does not take its answer; what is under way is not broken off. */
static void
push_out_one(void)
{
	struct client *c, *found = NULL;

	TAILQ_FOREACH(c, &line, line) {
		if (c->state == ASKING) {
			found = c;
			break;
		}
		if (c->state == SENDING && found == NULL)
			found = c;
	}
	if (found != NULL)
		close_client(found);
}

static void
on_connection(uv_stream_t *server, int status)
{
	struct client *c;

	if (status < 0)
		return;
	c = xcalloc(1, sizeof(*c));
	uv_pipe_init(server->loop, &c->pipe, 0);
	uv_timer_init(server->loop, &c->timer);
	c->pipe.data = c->timer.data = c;
	c->open_handles = 2;
	if (clients >= CONTROL_CLIENTS_MAX)
		push_out_one();
	TAILQ_INSERT_TAIL(&line, c, line);
	clients++;
	if (uv_accept(server, (uv_stream_t *)&c->pipe) != 0 || clients > CONTROL_CLIENTS_MAX) {
		close_client(c);
		return;
	}
	uv_timer_start(&c->timer, on_timeout, ASKING_MS, 0);
	uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

/* A socket that nobody listens at is what a killed daemon leaves. */
static int
remove_stale(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		return UV_ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return -errno;
	err = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? UV_EADDRINUSE : -errno;
	close(fd);
	if (err == -ECONNREFUSED && unlink(path) < 0)
		return -errno;
	return err == -ECONNREFUSED || err == -ENOENT ? 0 : err;
}

/* Before anybody can connect.  Filters of system calls, as services have them, often know no chown. */
static int
give_access(const char *path, const struct conf_access *access)
{
	uid_t owner = access->owner != CONF_OURS ? access->owner : (uid_t)-1;
	gid_t group = access->group != CONF_OURS ? access->group : (gid_t)-1;

	if ((owner != (uid_t)-1 || group != (gid_t)-1) && lchown(path, owner, group) < 0)
		return -errno;
	return chmod(path, access->perm) < 0 ? -errno : 0;
}

int
control_start(uv_loop_t *loop, const char *path, const struct conf_access *access)
{
	int err = remove_stale(path);
	mode_t old;

	if (err < 0)
		return err;
	if ((err = uv_pipe_init(loop, &listener, 0)) < 0)
		return err;
	old = umask(0177);
	err = uv_pipe_bind(&listener, path);
	umask(old);
	if (err == 0)
		err = give_access(path, access);
	if (err == 0)
		err = uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection);
	if (err < 0) {
		uv_close((uv_handle_t *)&listener, NULL);
		return err;
	}
	socket_path = xstrdup(path);
	return 0;
}

void
control_stop(void)
{
	if (socket_path == NULL)
		return;
	uv_close((uv_handle_t *)&listener, NULL);	/* unlinks the socket */
	free(socket_path);
	socket_path = NULL;
}
