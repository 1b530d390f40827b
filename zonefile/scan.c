#include "zonefile/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zonefile/arena.h"
#include "zonefile/stops.h"

/* A chunk that stays in the cache costs less than a mapping: no page faults, and a file
 * that is cut short while it is read is a short read and not a SIGBUS. */
#define CHUNK (256 * 1024)
/* RDATA has at most 65,535 octets, so no more words, each written with at most four
 * characters; the rest is for blanks and comments.  Beyond that a parenthesis is open. */
#define RECORD_WORDS (65535 + 16)
#define RECORD_TEXT (8 * 1024 * 1024)

enum { C_WORD, C_BLANK, C_NEWLINE, C_RETURN, C_COMMENT, C_OPEN, C_CLOSE, C_QUOTE, C_BAD };

static const uint8_t class_of[256] = {
	C_BAD, C_BAD, C_BAD, C_BAD, C_BAD, C_BAD, C_BAD, C_BAD,
	C_BAD, C_BLANK, C_NEWLINE, C_BAD, C_BAD, C_RETURN, C_BAD, C_BAD,
	C_BAD, C_BAD, C_BAD, C_BAD, C_BAD, C_BAD, C_BAD, C_BAD,
	C_BAD, C_BAD, C_BAD, C_BAD, C_BAD, C_BAD, C_BAD, C_BAD,
	[' '] = C_BLANK, [';'] = C_COMMENT, ['('] = C_OPEN, [')'] = C_CLOSE, ['"'] = C_QUOTE,
};

/* The first octet from p that may end a word; p is in the block or behind it. */
static inline const char *
word_stop(struct scan_block *block, const char *p)
{
	size_t skip = (size_t)(p - block->at);

	if (block->at != NULL && skip < STOPS) {
		uint64_t stops = block->stops >> skip;

		if (stops != 0)
			return p + __builtin_ctzll(stops);
		p = block->at + STOPS;
	}
	while ((block->stops = stops_find(p)) == 0)
		p += STOPS;
	block->at = p;
	return p + __builtin_ctzll(block->stops);
}

static void
start(struct scan *s, const char *file, int fd, size_t size)
{
	memset(s, 0, sizeof(*s));
	s->file = file;
	s->fd = fd;
	s->size = size;
	s->buf = xmalloc(size + WORD_PAD);
	memset(s->buf, 0, WORD_PAD);
	s->at = s->end = s->record = s->record_end = s->buf;
	s->line = 1;
	s->room = 16;
	s->word = xmalloc(s->room * sizeof(*s->word));
}

int
scan_open(struct scan *s, const char *path)
{
	struct stat st;
	int fd, err;

	if (strcmp(path, "-") == 0) {
		start(s, path, dup(STDIN_FILENO), CHUNK);
		if (s->fd < 0)
			return err = -errno, scan_close(s), err;
		return 0;
	}
	/* A FIFO must not hold up the program until somebody writes. */
	if ((fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		err = -ENOTSUP;
	else {
		start(s, path, fd, st.st_size < CHUNK ? st.st_size + 1 : CHUNK);
		s->st = st;
		return 0;
	}
	close(fd);
	return err;
}

void
scan_text(struct scan *s, const char *file, const char *text, size_t len)
{
	start(s, file, -1, len);
	memcpy(s->buf, text, len);
	memset(s->buf + len, 0, WORD_PAD);
	s->end = s->buf + len;
	s->eof = true;
}

void
scan_close(struct scan *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->buf);
	free(s->word);
}

/* Keep what there is from the record's start and read more behind it.  0 or -errno. */
static int
fill(struct scan *s)
{
	size_t kept = s->end - s->record;
	ssize_t n;

	if (kept == s->size) {
		char *more = xmalloc(2 * s->size + WORD_PAD);

		s->size *= 2;
		memcpy(more, s->record, kept);
		free(s->buf);
		s->buf = more;
	} else
		memmove(s->buf, s->record, kept);
	while ((n = read(s->fd, s->buf + kept, s->size - kept)) < 0 && errno == EINTR)
		;
	if (n < 0)
		return -errno;
	s->octets += n;
	s->eof = n == 0;
	s->at = s->record = s->record_end = s->buf;
	s->end = s->buf + kept + n;
	s->block.at = NULL;
	memset(s->buf + kept + n, 0, WORD_PAD);
	return 0;
}

static void
place_of(const struct scan *s, const char *at, uint32_t line, struct place *place)
{
	const char *from = at, *to = at;

	while (from > s->buf && from[-1] != '\n')
		from--;
	while (to < s->end && *to != '\n')
		to++;
	if (to > from && to[-1] == '\r' && to > at)
		to--;
	*place = (struct place){ s->file, line, at - from + 1, from, to - from };
}

void
scan_place(const struct scan *s, const struct word *word, size_t offset,
    struct place *place)
{
	place_of(s, word->text + offset, word->line, place);
}

static bool
unchanged(const struct scan *s)
{
	struct stat st;

	return s->fd < 0 || !S_ISREG(s->st.st_mode) || (fstat(s->fd, &st) == 0 &&
	    st.st_size == s->st.st_size && s->octets == (uint64_t)st.st_size &&
	    st.st_mtim.tv_sec == s->st.st_mtim.tv_sec && st.st_mtim.tv_nsec == s->st.st_mtim.tv_nsec);
}

static enum scan_outcome
at_end(struct scan *s, struct sink *sink)
{
	struct place whole = { .file = s->file };

	if (unchanged(s))
		return SCAN_END;
	report_at(sink, ERROR, &whole, "changed while it was read");
	return SCAN_FAILED;
}

/* What files begin with that are no text of today, and what to do about it. */
static const char *
no_text(const struct scan *s)
{
	static const char compressed[] = "is a compressed one; unpack it first", utf16[] =
	    "begins with a byte-order mark of UTF-16; save it as plain text (UTF-8 without BOM)";
	static const struct { uint8_t len; char octets[5]; const char *what; } marks[] = {
		{ 3, "\xef\xbb\xbf", "begins with a byte-order mark of UTF-8; save it as plain text (UTF-8 without BOM)" },
		{ 2, "\xff\xfe", utf16 }, { 2, "\xfe\xff", utf16 },
		{ 4, "\0\0\0\2", "is in BIND's format raw; named-compilezone -f raw -F text makes a master file of it" },
		{ 4, "\0\0\0\3", "is in BIND's format map; named-compilezone -f map -F text makes a master file of it" },
		{ 2, "\x1f\x8b", compressed }, { 4, "\xfd" "7zX", compressed }, { 4, "\x28\xb5\x2f\xfd", compressed },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (s->end - s->at >= marks[i].len && memcmp(s->at, marks[i].octets, marks[i].len) == 0)
			return marks[i].what;
	return NULL;
}

static struct word *
add_word(struct scan *s)
{
	if (s->count == s->room) {
		s->room *= 2;
		s->word = xrealloc(s->word, s->room * sizeof(*s->word));
	}
	return &s->word[s->count++];
}

/* One record from s->at, or as much of it as is in the buffer: it is read again from its start once there
 * is more.  The first thing wrong with it is kept, and told when all of it was seen. */
enum scan_outcome
scan_next(struct scan *s, struct sink *sink)
{
	const char *p, *end, *bad, *open, *text;
	const char *why;
	uint32_t line, bad_line, open_line, flags;
	unsigned depth;
	struct word *word;
	struct place place;
	struct scan_block block = s->block;
	bool first;
	int err;

again:
	p = s->at;
	end = s->end;
	line = s->line;
	s->count = 0;
	s->record = p;
	s->record_end = NULL;
	s->inherits = class_of[(uint8_t)*p] == C_BLANK;
	bad = open = why = NULL;
	bad_line = open_line = depth = 0;
	for (;;) {
		switch (class_of[(uint8_t)*p]) {
		case C_WORD:
			flags = 0;
			text = p;
			while (*(p = word_stop(&block, p)) == '\\') {
				flags = WORD_ESCAPED;
				if (p + 1 >= end || p[1] == '\n' || (p[1] == '\r' && p[2] == '\n'))
					p++;
				else
					p += 2;
			}
			if (p >= end && !s->eof)
				goto more;
			goto found;
		case C_QUOTE:
			flags = WORD_QUOTED;
			for (text = ++p; *p != '"'; p++) {
				if (*p == '\\' && p + 1 < end && p[1] != '\n') {
					flags = WORD_QUOTED | WORD_ESCAPED;
					p++;
				} else if (p >= end && !s->eof)
					goto more;
				else if (p >= end || *p == '\n') {
					if (bad == NULL) {
						bad = text - 1;
						bad_line = line;
						why = p >= end ? "quote is not closed before the end of the file" :
						    "quote is not closed on this line";
					}
					break;
				}
			}
		found:
			if (s->count == RECORD_WORDS)
				goto endless;
			word = add_word(s);
			word->text = text;
			word->len = p - text;
			word->line = line;
			if (text - (flags & WORD_QUOTED) > s->record) {
				uint8_t before = text[-1 - (int)(flags & WORD_QUOTED)];

				if (class_of[before] == C_WORD || before == '"')
					flags |= WORD_JOINED;
			}
			word->flags = flags;
			if ((flags & WORD_QUOTED) && *p == '"' && p < end)
				p++;
			break;
		case C_BLANK:
			p++;
			break;
		case C_COMMENT:
			if ((p = memchr(p, '\n', end - p)) == NULL) {
				p = end;
				if (!s->eof)
					goto more;
			}
			break;
		case C_OPEN:
			if (depth++ == 0) {
				open = p;
				open_line = line;
			}
			p++;
			break;
		case C_CLOSE:
			if (depth > 0)
				depth--;
			else if (bad == NULL) {
				bad = p;
				bad_line = line;
				why = "')' without '(' before it";
			}
			p++;
			break;
		case C_NEWLINE:
			if (s->record_end == NULL)
				s->record_end = p;
			p++;
			line++;
			if (depth > 0)
				break;
			s->at = p;
			s->line = line;
			s->block = block;
			goto done;
		case C_RETURN:
			/* The last line may have lost the octet behind it. */
			if ((p + 1 < end && p[1] == '\n') || (p + 1 == end && s->eof)) {
				if (s->record_end == NULL)
					s->record_end = p;
				p++;
				break;
			}
			/* fallthrough */
		default:
			if (p >= end || p + 1 >= end) {
				if (!s->eof)
					goto more;
				if (p >= end)
					goto last;
			}
			if (bad == NULL) {
				bad = p;
				bad_line = line;
				why = "";
			}
			p++;
		}
	}
more:
	if (end - s->record > RECORD_TEXT)
		goto endless;
	first = s->octets == 0;
	if ((err = fill(s)) == 0) {
		block = s->block;
		if (!first || (why = no_text(s)) == NULL)
			goto again;
		place_of(s, s->at, 1, &place);
		report_at(sink, ERROR, &place, "the file %s", why);
		return SCAN_FAILED;
	}
	place = (struct place){ .file = s->file };
	report_at(sink, ERROR, &place, "cannot be read: %s", strerror(-err));
	return SCAN_FAILED;
last:
	if (s->record_end == NULL)
		s->record_end = p;
	s->at = p;
	s->line = line;
	if (depth > 0) {
		place_of(s, open, open_line, &place);
		report_at(sink, ERROR, &place, "'(' is not closed before the end of the file");
		return SCAN_FAILED;
	}
	if (s->count == 0 && bad == NULL)
		return at_end(s, sink);
done:
	if (bad != NULL) {
		place_of(s, bad, bad_line, &place);
		if (*why == '\0' && *bad == '\r')
			report_at(sink, ERROR, &place, "a carriage return ends no line by itself; save the file with lines that"
			    " end as in Unix or DOS");
		else if (*why == '\0')
			report_at(sink, ERROR, &place, "octet %u (0x%02x) must be written as \\%03u",
			    (uint8_t)*bad, (uint8_t)*bad, (uint8_t)*bad);
		else
			report_at(sink, ERROR, &place, "%s", why);
		return SCAN_BAD;
	}
	if (s->count == 0)
		goto again;
	return SCAN_RECORD;
endless:
	if (depth > 0)
		place_of(s, open, open_line, &place);
	else
		place_of(s, s->record, s->line, &place);
	report_at(sink, ERROR, &place, depth > 0 ? "'(' is not closed within %d octets and %d words" :
	    "record does not end within %d octets and %d words", RECORD_TEXT, RECORD_WORDS);
	return SCAN_FAILED;
}

int
word_octets(const struct word *word, uint8_t *out, size_t size)
{
	const char *p = word->text, *end = p + word->len;
	size_t n = 0;

	if ((word->flags & WORD_ESCAPED) == 0) {
		if (word->len > size)
			return -1;
		memcpy(out, p, word->len);
		return word->len;
	}
	while (p < end) {
		unsigned c = (uint8_t)*p++;

		if (n == size)
			return -1;
		if (c == '\\') {
			if (p == end)
				return -1;
			c = (uint8_t)*p++;
			if (c >= '0' && c <= '9') {
				if (end - p < 2 || p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
					return -1;
				c = (c - '0') * 100 + (p[0] - '0') * 10 + (p[1] - '0');
				p += 2;
				if (c > 255)
					return -1;
			}
		}
		out[n++] = c;
	}
	return n;
}

bool
word_period(const struct word *word, uint64_t *seconds)
{
	uint64_t sum = 0, v;
	const char *p = word->text, *end = p + word->len;

	if (p == end)
		return false;
	while (p < end) {
		const char *digits = p;

		for (v = 0; p < end && *p >= '0' && *p <= '9'; p++)
			if ((v = v * 10 + (*p - '0')) > UINT32_MAX)
				v = UINT32_MAX + UINT64_C(1);
		if (p == digits)
			return false;
		if (p == end) {
			/* A number alone is seconds; behind a unit it lacks its own. */
			if (digits != word->text)
				return false;
			sum = v;
			break;
		}
		switch (*p++ | 0x20) {
		case 'w':
			v *= 7;
			/* fallthrough */
		case 'd':
			v *= 24;
			/* fallthrough */
		case 'h':
			v *= 60;
			/* fallthrough */
		case 'm':
			v *= 60;
			/* fallthrough */
		case 's':
			break;
		default:
			return false;
		}
		if ((sum += v) > UINT32_MAX)
			sum = UINT32_MAX + UINT64_C(1);
	}
	*seconds = sum;
	return true;
}

const char *
word_show(char out[WORD_SHOW], const struct word *word)
{
	size_t n = 0;

	out[n++] = '"';
	for (size_t i = 0; i < word->len; i++) {
		uint8_t c = word->text[i];

		if (n > WORD_SHOW - 10) {
			memcpy(out + n, "...", 3);
			n += 3;
			break;
		}
		if (c >= ' ' && c < 127)
			out[n++] = c;
		else {
			out[n++] = '\\';
			out[n++] = '0' + c / 100;
			out[n++] = '0' + c / 10 % 10;
			out[n++] = '0' + c % 10;
		}
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}
