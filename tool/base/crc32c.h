/*-------------------------------------------------------------------------
 *
 * crc32c.h
 *	  CRC-32C (Castagnoli), with which PostgreSQL marks pg_control and records
 *	  of WAL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CRC32C_H
#define NEX_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define CRC32C_START UINT32_C(0xFFFFFFFF)

/* Begin with CRC32C_START, add in any number of pieces, end. */
extern uint32_t crc32c_add(uint32_t crc, const void *data, size_t length);
extern uint32_t crc32c_end(uint32_t crc);

#endif /* NEX_CRC32C_H */
