/*-------------------------------------------------------------------------
 *
 * sftp_packet.h
 *	  Packets of SFTP, version 3 (draft-ietf-secsh-filexfer-02), as bytes.
 *
 * What comes from the server is data of a stranger: every length is compared
 * with what is there before it is used, and a packet that says anything else
 * than it may is refused as a whole.  This file does no input or output, so
 * that tests and fuzzers can give it any bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_PACKET_H
#define NEX_SFTP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

typedef enum SftpType
{
	SFTP_INIT = 1,
	SFTP_VERSION = 2,
	SFTP_OPEN = 3,
	SFTP_CLOSE = 4,
	SFTP_READ = 5,
	SFTP_WRITE = 6,
	SFTP_LSTAT = 7,
	SFTP_FSTAT = 8,
	SFTP_OPENDIR = 11,
	SFTP_READDIR = 12,
	SFTP_REMOVE = 13,
	SFTP_MKDIR = 14,
	SFTP_RMDIR = 15,
	SFTP_STAT = 17,
	SFTP_RENAME = 18,
	SFTP_STATUS = 101,
	SFTP_HANDLE = 102,
	SFTP_DATA = 103,
	SFTP_NAME = 104,
	SFTP_ATTRS = 105,
	SFTP_EXTENDED = 200,
	SFTP_EXTENDED_REPLY = 201
} SftpType;

typedef enum SftpStatus
{
	SFTP_OK = 0,
	SFTP_EOF = 1,
	SFTP_NO_SUCH_FILE = 2,
	SFTP_PERMISSION_DENIED = 3,
	SFTP_FAILURE = 4,
	SFTP_BAD_MESSAGE = 5,
	SFTP_OP_UNSUPPORTED = 8
} SftpStatus;

/* How a file is opened. */
#define SFTP_READING 0x01u
#define SFTP_WRITING 0x02u
#define SFTP_CREATING 0x08u
#define SFTP_NEW_ONLY 0x20u

#define SFTP_PROTOCOL 3
#define SFTP_LONGEST (256 * 1024) /* of a packet, without the four bytes of its own length */
#define SFTP_HANDLE_SIZE 256
#define SFTP_NAME_SIZE 256
#define SFTP_TEXT_SIZE 100

/* What a server can do beyond version 3. */
typedef enum SftpExtension
{
	SFTP_FSYNC = 1,
	SFTP_POSIX_RENAME = 2,
	SFTP_HARDLINK = 4,
	SFTP_STATVFS = 8,
	SFTP_LIMITS = 16
} SftpExtension;

/* Their names as they are sent. */
extern const char *sftp_extension_name(SftpExtension extension);

typedef struct SftpAttributes
{
	bool has_size;
	bool has_mode;
	bool has_times;
	uint64_t size;
	uint32_t mode;
	uint32_t modified;
} SftpAttributes;

extern bool sftp_is_directory(const SftpAttributes *attributes);
extern bool sftp_is_file(const SftpAttributes *attributes);

/* ---- what is sent ---- */

/* Begin a packet; its length and the request's number are set by sftp_packet_end(). */
extern void sftp_packet_begin(Buffer *packet, SftpType type);
extern void sftp_put_number(Buffer *packet, uint32_t number);
extern void sftp_put_long(Buffer *packet, uint64_t number);
extern void sftp_put_bytes(Buffer *packet, const void *bytes, size_t length);
extern void sftp_put_text(Buffer *packet, const char *text);
extern void sftp_put_mode(Buffer *packet, uint32_t mode); /* attributes: this mode and no more */

/* `more` bytes are sent behind the buffer. */
extern void sftp_packet_end(Buffer *packet, uint32_t number, size_t more);

/* ---- what comes back ---- */

/* What is left of a packet. */
typedef struct SftpBytes
{
	const unsigned char *at;
	size_t left;
} SftpBytes;

/* They say false, and take nothing, if there is not that much. */
extern bool sftp_take_byte(SftpBytes *bytes, uint8_t *value);
extern bool sftp_take_number(SftpBytes *bytes, uint32_t *value);
extern bool sftp_take_long(SftpBytes *bytes, uint64_t *value);
extern bool sftp_take_string(SftpBytes *bytes, const char **text, size_t *length);
extern bool sftp_take_attributes(SftpBytes *bytes, SftpAttributes *attributes);

/* A code, and the server's words, which are made fit to be shown; older servers have none. */
extern bool sftp_take_status(SftpBytes *bytes, uint32_t *code, char text[SFTP_TEXT_SIZE]);

/* The answer to SFTP_INIT: which extensions there are. */
extern bool sftp_take_version(SftpBytes *bytes, uint32_t *version, unsigned *extensions);

/* The next entry of a SFTP_NAME, whose count was taken before; its name can be that of a file. */
extern bool sftp_take_entry(SftpBytes *bytes, char name[SFTP_NAME_SIZE],
							SftpAttributes *attributes);

#endif /* NEX_SFTP_PACKET_H */
