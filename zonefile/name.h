/* name.h - domain names in wire form: parse, print, compare. */
#ifndef ZONEFILE_NAME_H
#define ZONEFILE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name is the uncompressed wire form, length octets and labels up to and with the
 * root's 0 (RFC 1035 3.1).  It carries its own end, so it travels as a plain
 * pointer; whoever holds one has checked it.  Case is kept and ignored. */
#define DNAME_MAX 255		/* octets of a name in wire form */
#define DLABEL_MAX 63
#define DNAME_LABELS 127	/* without the root */
#define DNAME_TEXT_MAX 1024	/* printed, every octet escaped, with NUL */

size_t name_len(const uint8_t *);		/* octets, with the root's */
unsigned name_labels(const uint8_t *);		/* without the root */

/* Outcomes of name_parse() that are not a length. */
enum name_error {
	NAME_EMPTY = -1,	/* no text, or an empty label */
	NAME_LABEL_LONG = -2,	/* a label above 63 octets */
	NAME_LONG = -3,		/* a name above 255 octets */
	NAME_ESCAPE = -4,	/* \ at the end, or \DDD above 255 or cut short */
	NAME_RELATIVE = -5,	/* relative, and origin is NULL */
};
const char *name_error_text(int);
/* Of NAME_LABEL_LONG: where that label begins, and its octets. */
size_t name_long_label(const char *text, size_t len, size_t *octets);

/* Master file text (RFC 1035 5.1) of len octets to wire form; a name without a final dot
 * is completed by origin; "@" is the origin.  Returns its length, or an enum name_error. */
int name_parse(uint8_t out[DNAME_MAX], const char *text, size_t len,
    const uint8_t *origin);

/* The same for a reader of much text: up to NAME_PAD octets behind text and behind the name in out are
 * touched, and origin, never NULL, comes with its length. */
#define NAME_PAD 32
int name_parse_wide(uint8_t out[DNAME_MAX + NAME_PAD], const char *text, size_t len,
    const uint8_t *origin, size_t origin_len);

/* Fully qualified master file text with final dot and NUL; octets that would end a field
 * or begin a comment are escaped.  Returns its length. */
size_t name_print(char out[DNAME_TEXT_MAX], const uint8_t *);
/* The same without the final dot, as messages name zones; the root is ".". */
size_t name_print_plain(char out[DNAME_TEXT_MAX], const uint8_t *);

/* Lower case ASCII (RFC 4343); out may be the name itself.  Returns its length. */
size_t name_lower(uint8_t out[DNAME_MAX], const uint8_t *);
void name_lower_octets(uint8_t *out, const uint8_t *, size_t len);
/* Eight octets at once: each sum's high bit says whether the octet is above a bound. */
static inline uint64_t
name_lower_word(uint64_t v)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t seven = v & 0x7f * each;
	uint64_t from_a = seven + (0x80 - 'A') * each;
	uint64_t above_z = seven + (0x7f - 'Z') * each;

	return v | ((from_a & ~above_z & ~v & 0x80 * each) >> 2);
}
extern const uint8_t name_tolower[256];

int name_cmp(const uint8_t *, const uint8_t *);	/* canonical order, RFC 4034 6.1 */
bool name_equal(const uint8_t *, const uint8_t *);
bool name_under(const uint8_t *, const uint8_t *ancestor);	/* at or below it */
/* The same with lengths, of an ancestor in lower case: for names of which most are elsewhere, as their last octets tell. */
bool name_inside(const uint8_t *, size_t len, const uint8_t *ancestor, size_t ancestor_len);

/* Is there a name, uncompressed and complete, in the len octets at wire?  Returns
 * its length or 0. */
size_t name_valid(const uint8_t *wire, size_t len);
#endif
