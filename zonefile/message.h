/* message.h - DNS messages: read what came, write what goes. */
#ifndef ZONEFILE_MESSAGE_H
#define ZONEFILE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/name.h"
#include "zonefile/octets.h"
#include "zonefile/zone.h"

#define MESSAGE_HEADER 12
#define MESSAGE_MAX 65535

enum {
	MESSAGE_QR = 0x8000, MESSAGE_AA = 0x0400, MESSAGE_TC = 0x0200, MESSAGE_RD = 0x0100,
	MESSAGE_CD = 0x0010, MESSAGE_OPCODE = 0x7800,
};

enum {
	RCODE_NOERROR = 0, RCODE_FORMERR = 1, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4, RCODE_REFUSED = 5, RCODE_YXDOMAIN = 6, RCODE_NOTAUTH = 9,
	RCODE_BADVERS = 16,
};

enum { CLASS_IN = 1, CLASS_CH = 3, CLASS_ANY = 255 };

/* --- reading --- */

/* The octets outlive the reader.  at: where the next record starts. */
struct reader {
	const uint8_t *base;
	size_t len, at;
};

struct question {
	const uint8_t *wire;		/* as asked: name_len octets, type, class */
	uint16_t type, class;
	uint8_t name_len;
	uint8_t name[DNAME_MAX + 1];	/* in lower case */
};

/* The first question, right behind the header.  Returns false when it is cut short, or its name has a
 * pointer: there is nothing before it to point at. */
bool reader_question(struct reader *, struct question *);

/* A record; its name is read when asked for by reader_name() at owner. */
struct reader_record {
	size_t owner;
	uint16_t type, class;
	uint32_t ttl;
	const uint8_t *rdata;
	uint16_t len;
};
bool reader_record(struct reader *, struct reader_record *);

/* The name at an offset, uncompressed.  Pointers lead backwards only, so that each name ends.  Returns the octets
 * that it takes there, pointer counted, or 0 when it is malformed. */
size_t reader_name(const struct reader *, size_t at, uint8_t out[DNAME_MAX]);

/* RDATA with its names uncompressed, checked for the type.  Returns its length, or -1 when it is malformed.  Names
 * of any type may have been compressed (RFC 3597 4). */
#define MESSAGE_RDATA (MESSAGE_MAX + 2 * DNAME_MAX)
int reader_rdata(const struct reader *, const struct reader_record *, uint8_t out[MESSAGE_RDATA]);

/* --- writing --- */

/* Names that can be pointed at; a table that forgets all of them in one store.  A name is its first label and
 * the entry of what follows it, so that a search costs a look a label, from the root on. */
#define MESSAGE_NAMES 256
#define MESSAGE_SLOTS 1024
struct message_names {
	unsigned count;
	struct message_suffix {
		uint16_t at;		/* in the message */
		uint16_t above;		/* entry of the rest, or 0xffff: the root */
		uint16_t slot;
		uint16_t hash;
	} name[MESSAGE_NAMES];
	/* An entry counts when it names its slot and the slot names it (below count). */
	uint16_t slot[MESSAGE_SLOTS];
};

/* For messages of a thousand records. */
#define MESSAGE_MANY_NAMES 2048
#define MESSAGE_MANY_SLOTS 4096
struct message_many_names {
	struct message_names few;	/* its count is used */
	struct message_suffix name[MESSAGE_MANY_NAMES];
	uint16_t slot[MESSAGE_MANY_SLOTS];
};

enum section { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL };

/* One answer being written.  Sections are written in their order.  Nothing goes past limit but for what is taken back at
 * once: the buffer has MESSAGE_SLACK octets behind it. */
#define MESSAGE_SLACK 1024
struct message {
	uint8_t *base;
	size_t at, limit;
	size_t question_len;		/* of its name; 0: no question */
	enum section section;
	uint16_t count[3];		/* records of each section */
	uint16_t flags;			/* AA, TC */
	uint16_t rcode;			/* 12 bits; the upper 8 are for the OPT record */
	struct message_names *names;
	struct message_suffix *name;	/* the table in use, its size, */
	uint16_t *slot;
	unsigned name_room, slot_mask;	/* and the slots' less one */
};

/* names is scratch memory and need not be initialized again between messages (zeroed once).  question is NULL or
 * what reader_question() filled. */
void message_begin(struct message *, uint8_t *base, size_t limit,
    struct message_names *, const struct question *question);
void message_begin_many(struct message *, uint8_t *base, size_t limit,
    struct message_many_names *, const struct question *question);
/* Writes the header.  Returns the length. */
size_t message_end(struct message *, uint16_t id, uint16_t flags);

/* An owner to write records under.  at: where the name already stands in the message, 0: not yet. */
struct owner {
	const uint8_t *name;
	size_t at;
};
/* Where a suffix of the question's name of len octets stands. */
static inline size_t
message_question_suffix(const struct message *m, size_t len)
{
	return MESSAGE_HEADER + m->question_len - len;
}

/* A whole RRset, or nothing and false when it does not fit. */
bool message_rrset(struct message *, struct owner *, const struct rrset *,
    uint32_t ttl);
/* As many of its records as fit, from the one at *rdata on, of which *left are left; both go on. */
void message_part(struct message *, struct owner *, const struct rrset *,
    const uint8_t **rdata, unsigned *left);
/* One record, its names compressed as in a set. */
bool message_rr(struct message *, struct owner *, uint16_t type, uint32_t ttl,
    const uint8_t *rdata, uint16_t len);
/* One record that is made up. */
bool message_record(struct message *, struct owner *, uint16_t type,
    uint16_t class, uint32_t ttl, const void *rdata, uint16_t len);
/* A CNAME that follows from a DNAME. */
bool message_cname(struct message *, struct owner *, uint32_t ttl,
    const uint8_t *target);

/* Back to the question. */
void message_clear(struct message *);
/* Take back what was written since, in this section.  An owner first written since is no longer there. */
struct message_mark { size_t at; uint16_t count; unsigned names; };
static inline struct message_mark
message_mark(const struct message *m)
{
	return (struct message_mark){ m->at, m->count[m->section], m->names->count };
}
static inline void
message_back(struct message *m, struct message_mark mark)
{
	m->at = mark.at;
	m->count[m->section] = mark.count;
	m->names->count = mark.names;
}
#endif
