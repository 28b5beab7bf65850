/*-------------------------------------------------------------------------
 *
 * wire.h
 *	  Numbers in network byte order, as the binary COPY format has them.
 *
 * Each function writes at `out` and returns what is behind it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WIRE_H
#define NEX_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline char *
wire_put_8(char *out, uint8_t value)
{
	*out = (char) value;
	return out + 1;
}

static inline char *
wire_put_16(char *out, uint16_t value)
{
	value = htobe16(value);
	memcpy(out, &value, sizeof(value));
	return out + sizeof(value);
}

static inline char *
wire_put_32(char *out, uint32_t value)
{
	value = htobe32(value);
	memcpy(out, &value, sizeof(value));
	return out + sizeof(value);
}

static inline char *
wire_put_64(char *out, uint64_t value)
{
	value = htobe64(value);
	memcpy(out, &value, sizeof(value));
	return out + sizeof(value);
}

#endif /* NEX_WIRE_H */
