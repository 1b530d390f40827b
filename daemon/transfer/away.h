/* away.h - servers that did not answer, so that not every zone waits for each of them. */
#ifndef DAEMON_TRANSFER_AWAY_H
#define DAEMON_TRANSFER_AWAY_H

#include <stdint.h>
#include <sys/socket.h>

/* Control loop only.  Times are those of uv_now(). */
struct away_list;
struct away_list *away_new(void);
void away_free(struct away_list *);

/* It did not answer: left alone for 10 seconds, and for twice as long each time after, up to 640. */
void away_note(struct away_list *, const struct sockaddr *, uint64_t now);
/* It did. */
void away_clear(struct away_list *, const struct sockaddr *);
/* Until when it is left alone; 0: it is not. */
uint64_t away_until(const struct away_list *, const struct sockaddr *, uint64_t now);
#endif
