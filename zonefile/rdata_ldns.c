#include "zonefile/rdata_ldns.h"

#include <ldns/ldns.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/rrtype.h"

/* The octets of a record's RDATA, one field behind the other; -1 when they are more than size. */
static int
collect(uint8_t *out, size_t size, const ldns_rr *rr)
{
	size_t at = 0;

	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);

		/* An optional field that is not there. */
		if (rdf == NULL)
			continue;
		if (ldns_rdf_size(rdf) > size - at)
			return -1;
		memcpy(out + at, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
		at += ldns_rdf_size(rdf);
	}
	return at;
}

static ldns_rr *
from_wire(uint16_t type, const uint8_t *rdata, size_t len)
{
	/* The root's record of the type in class IN with TTL 0. */
	const uint8_t head[] = { 0, type >> 8, type, 0, 1, 0, 0, 0, 0, len >> 8, len };
	uint8_t *wire = xmalloc(sizeof(head) + len);
	size_t at = 0;
	ldns_rr *rr;

	memcpy(wire, head, sizeof(head));
	memcpy(wire + sizeof(head), rdata, len);
	if (ldns_wire2rr(&rr, wire, sizeof(head) + len, &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
		rr = NULL;
	free(wire);
	if (rr != NULL && at != sizeof(head) + len) {
		ldns_rr_free(rr);
		rr = NULL;
	}
	return rr;
}

int
rdata_ldns_parse(uint8_t *out, size_t size, uint16_t type, const char *text,
    const uint8_t *origin, const char **why)
{
	ldns_rdf *base = ldns_dname_new_frm_data(name_len(origin), origin);
	char word[RRTYPE_TEXT_MAX];
	char *line = xasprintf(". 0 IN %s %s", rrtype_print(word, type), text);
	ldns_rr *rr = NULL;
	ldns_status status = ldns_rr_new_frm_str(&rr, line, 0, base, NULL);
	int len = -1;

	if (status != LDNS_STATUS_OK)
		*why = ldns_get_errorstr_by_id(status);
	else if ((len = collect(out, size, rr)) < 0)
		*why = "RDATA above 65535 octets";
	ldns_rr_free(rr);
	ldns_rdf_deep_free(base);
	free(line);
	return len;
}

size_t
rdata_ldns_print(char *out, size_t size, uint16_t type, const uint8_t *rdata, size_t len)
{
	ldns_rr *rr = from_wire(type, rdata, len);
	ldns_buffer *text;
	size_t n;

	if (rr == NULL)
		return 0;
	text = ldns_buffer_new(4 * len + 64);
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		if (ldns_rr_rdf(rr, i) == NULL)
			continue;
		if (i > 0)
			ldns_buffer_printf(text, " ");
		ldns_rdf2buffer_str(text, ldns_rr_rdf(rr, i));
	}
	n = ldns_buffer_status_ok(text) ? ldns_buffer_position(text) : 0;
	while (n > 0 && ldns_buffer_begin(text)[n - 1] == ' ')
		n--;
	if (n < size) {
		memcpy(out, ldns_buffer_begin(text), n);
		out[n] = '\0';
	}
	ldns_buffer_free(text);
	ldns_rr_free(rr);
	return n;
}

bool
rdata_ldns_valid(uint16_t type, const uint8_t *rdata, size_t len)
{
	ldns_rr *rr = from_wire(type, rdata, len);
	uint8_t *again;
	bool same;

	if (rr == NULL)
		return false;
	again = xmalloc(len + 1);
	same = collect(again, len, rr) == (int)len && memcmp(again, rdata, len) == 0;
	free(again);
	ldns_rr_free(rr);
	/* It takes fields that are too short, and notices when it prints them. */
	return same && rdata_ldns_print(NULL, 0, type, rdata, len) > 0;
}
