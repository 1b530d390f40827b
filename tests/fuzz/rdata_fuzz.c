/* Two octets of a type, an octet that says text or wire, and RDATA in that form.  What is good prints, and reads
 * back as it was, with names in full and relative. */
#include "tests/fuzz/fuzz.h"
#include "zonefile/name.h"
#include "zonefile/rdata.h"

static const uint8_t origin[] = "\7example";
static uint8_t wire[RDATA_ROOM], again[RDATA_ROOM];

static void
reads_back(uint16_t type, const uint8_t *rdata, size_t len, const uint8_t *from)
{
	struct rdata_error error;
	char small[16], *text;
	size_t n = rdata_print(small, sizeof(small), type, rdata, len, from);

	text = malloc(n + 1);
	MUST(rdata_print(text, n + 1, type, rdata, len, from) == n && strlen(text) == n);
	MUST(rdata_from_text(again, type, text, n, origin, &error) == (int)len);
	MUST(memcmp(again, rdata, len) == 0);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct rdata_error error;
	struct rdata_walk walk;
	const uint8_t *at;
	enum field kind;
	uint8_t *rdata;
	uint16_t type;
	size_t n, sum = 0;
	int len;

	if (size < 3)
		return 0;
	type = octets[0] << 8 | octets[1];
	len = (int)size - 3;
	if (octets[2] & 1) {
		if ((len = rdata_from_text(wire, type, (const char *)octets + 3, size - 3, origin, &error)) < 0)
			return 0;
		MUST(rdata_valid(type, wire, len));
	} else {
		if (len > RDATA_MAX || !rdata_valid(type, octets + 3, len))
			return 0;
		memcpy(wire, octets + 3, len);
	}
	/* Of its own size, so that a look behind it is seen. */
	rdata = malloc(len > 0 ? len : 1);
	memcpy(rdata, wire, len);
	reads_back(type, rdata, len, NULL);
	reads_back(type, rdata, len, origin);
	MUST(rdata_cmp(type, rdata, len, again, len) == 0);
	for (rdata_walk(&walk, type, rdata, len); rdata_next(&walk, &kind, &at, &n); sum += n)
		MUST(at == rdata + sum);
	free(rdata);
	return 0;
}
