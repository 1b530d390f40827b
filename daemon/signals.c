#include "daemon/signals.h"

#include <signal.h>
#include <unistd.h>

#include "daemon/command.h"
#include "daemon/log.h"
#include "zonefile/count.h"

static void (*on_stop)(void);
static uv_sem_t again;			/* a signal while we stop */

static void
hangup(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	command_hangup();
}

static void
write_state(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	command_write_state();
}

static void
reopen(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	log_reopen();
}

static void
stop(uv_signal_t *handle, int number)
{
	(void)handle;
	log_note("stopping on signal %d", number);
	on_stop();
}

static struct {
	int number;
	uv_signal_cb run;
	uv_signal_t handle;
} signals[] = {
	{ .number = SIGHUP, .run = hangup },
	{ .number = SIGUSR1, .run = reopen },
	{ .number = SIGUSR2, .run = write_state },
	{ .number = SIGINT, .run = stop },
	{ .number = SIGTERM, .run = stop },
};

void
signals_start(uv_loop_t *loop, void (*stop_daemon)(void))
{
	on_stop = stop_daemon;
	/* A client that closes early is no reason to die, nor is a file that may not grow. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < COUNT(signals); i++) {
		uv_signal_init(loop, &signals[i].handle);
		uv_signal_start(&signals[i].handle, signals[i].run, signals[i].number);
	}
}

/* Nothing else may be done where a signal comes. */
static void
wake_hurry(int number)
{
	(void)number;
	uv_sem_post(&again);
}

static void
hurry(void *at_once)
{
	uv_sem_wait(&again);
	log_warning("stopped by a second signal, with work under way");
	(*(void (**)(void))at_once)();
	_exit(1);
}

void
signals_stop(void (*at_once)(void))
{
	static void (*run)(void);
	uv_thread_t thread;

	run = at_once;
	uv_sem_init(&again, 0);
	if (uv_thread_create(&thread, hurry, &run) < 0)
		log_warning("no thread for a second signal");
	for (size_t i = 0; i < COUNT(signals); i++) {
		uv_close((uv_handle_t *)&signals[i].handle, NULL);
		signal(signals[i].number, signals[i].run == stop ? wake_hurry : SIG_IGN);
	}
}
