/* serial.h - zone serial numbers, RFC 1982. */
#ifndef ZONEFILE_SERIAL_H
#define ZONEFILE_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/* Is a newer than b?  Two serials 2^31 apart are neither newer (RFC 1982 3.2). */
static inline bool
serial_newer(uint32_t a, uint32_t b)
{
	return a != b && (uint32_t)(a - b) < 0x80000000u;
}
#endif
