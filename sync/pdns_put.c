#include "sync/pdns_put.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "zonefile/octets.h"

char *
put_text(char *out, const char *text)
{
	size_t len = strlen(text);

	memcpy(out, text, len);
	return out + len;
}

char *
put_number(char *out, uint32_t v)
{
	char digit[10], *d = digit + sizeof(digit);

	do
		*--d = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	memcpy(out, d, (size_t)(digit + sizeof(digit) - d));
	return out + (digit + sizeof(digit) - d);
}

char *
put_padded(char *out, uint32_t v, unsigned width)
{
	for (unsigned i = width; i > 0; v /= 10)
		out[--i] = (char)('0' + v % 10);
	return out + width;
}

char *
put_hex(char *out, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*out++ = "0123456789abcdef"[octets[i] >> 4];
		*out++ = "0123456789abcdef"[octets[i] & 15];
	}
	return out;
}

char *
put_base64(char *out, const uint8_t *o, size_t len)
{
	static const char digit[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; len >= 3; o += 3, len -= 3) {
		*out++ = digit[o[0] >> 2];
		*out++ = digit[(o[0] & 3) << 4 | o[1] >> 4];
		*out++ = digit[(o[1] & 15) << 2 | o[2] >> 6];
		*out++ = digit[o[2] & 63];
	}
	if (len > 0) {
		*out++ = digit[o[0] >> 2];
		*out++ = digit[(o[0] & 3) << 4 | (len > 1 ? o[1] >> 4 : 0)];
		*out++ = len > 1 ? digit[(o[1] & 15) << 2] : '=';
		*out++ = '=';
	}
	return out;
}

static char *
put_octet_escaped(char *out, uint8_t c)
{
	*out++ = '\\';
	return put_padded(out, c, 3);
}

char *
put_quoted_but(char *out, const uint8_t *octets, size_t len, const char *but)
{
	*out++ = '"';
	for (size_t i = 0; i < len; i++) {
		uint8_t c = octets[i];

		if (c < 32 || c > 126 || strchr(but, c) != NULL) {
			out = put_octet_escaped(out, c);
			continue;
		}
		if (c == '"' || c == '\\')
			*out++ = '\\';
		*out++ = (char)c;
	}
	*out++ = '"';
	return out;
}

char *
put_label(char *out, const uint8_t *label, size_t len, bool *escaped)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = label[i];

		if (c > 0x20 && c < 0x7f && c != '.' && c != '\\') {
			*out++ = (char)c;
			continue;
		}
		*escaped = true;
		if (c == '.' || c == '\\') {
			*out++ = '\\';
			*out++ = (char)c;
		} else
			out = put_octet_escaped(out, c);
	}
	return out;
}

char *
put_name(char *out, const uint8_t *name)
{
	bool escaped;

	if (*name == 0)
		*out++ = '.';
	for (; *name > 0; name += *name + 1) {
		out = put_label(out, name + 1, *name, &escaped);
		if (name[*name + 1] > 0)
			*out++ = '.';
	}
	return out;
}

char *
put_ipv4(char *out, const uint8_t *a)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*out++ = '.';
		out = put_number(out, a[i]);
	}
	return out;
}

char *
put_ipv6(char *out, const uint8_t *a)
{
	inet_ntop(AF_INET6, a, out, INET6_ADDRSTRLEN);
	/* pdnsutil check-zone does not take the form with an IPv4 address at the end. */
	if (strchr(out, '.') != NULL)
		sprintf(strrchr(out, ':'), ":%x:%x", get16(a + 12), get16(a + 14));
	return out + strlen(out);
}
