/* stream.h - a question over TCP and the messages that answer it. */
#ifndef DAEMON_TRANSFER_STREAM_H
#define DAEMON_TRANSFER_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/transfer/peer.h"

/* All of it belongs to the loop's thread, but for the octets of a batch. */
struct stream;

struct stream_events {
	/* Some whole messages, each behind its length in two octets.  They stay, to be read by any thread, until
	 * stream_next(), which may be called at once; more is read meanwhile, up to a bound. */
	void (*batch)(void *ctx, const uint8_t *octets, size_t len);
	/* The connection could not be made, or ended; why is a sentence.  Not while a batch is out.  The
	 * stream is gone with the call. */
	void (*ended)(void *ctx, const char *why);
};

struct stream_limits {
	unsigned connect_ms;		/* to connect and take the question */
	unsigned idle_ms;		/* from one whole message to the next; while a batch is out the clock stands */
};

/* Connects, sends the message, reads.  The peer, events and limits outlive the stream.  Events come later. */
struct stream *stream_open(uv_loop_t *, const struct peer *, const struct stream_limits *,
    const uint8_t *message, size_t len, const struct stream_events *, void *ctx);
void stream_next(struct stream *);
void stream_close(struct stream *);	/* nobody reads the batch that is out any more; no event comes */
#endif
