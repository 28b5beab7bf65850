/*-------------------------------------------------------------------------
 *
 * sftp_packet.c
 *	  Packets of SFTP, version 3, as bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_packet.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "printable.h"

#define HEADER 9 /* length, type, number */
#define MAX_EXTENDED 64

/* Flags of attributes. */
#define HAS_SIZE 0x01u
#define HAS_OWNER 0x02u
#define HAS_MODE 0x04u
#define HAS_TIMES 0x08u
#define HAS_EXTENDED 0x80000000u

static const struct
{
	SftpExtension extension;
	const char *name;
	const char *version;
} extensions_known[] = {{SFTP_FSYNC, "fsync@openssh.com", "1"},
						{SFTP_POSIX_RENAME, "posix-rename@openssh.com", "1"},
						{SFTP_HARDLINK, "hardlink@openssh.com", "1"},
						{SFTP_STATVFS, "statvfs@openssh.com", "2"},
						{SFTP_LIMITS, "limits@openssh.com", "1"}};

#define EXTENSIONS (sizeof(extensions_known) / sizeof(extensions_known[0]))

const char *
sftp_extension_name(SftpExtension extension)
{
	size_t i;

	for (i = 0; i < EXTENSIONS; i++)
	{
		if (extensions_known[i].extension == extension)
			return extensions_known[i].name;
	}
	return "";
}

bool
sftp_is_directory(const SftpAttributes *attributes)
{
	return attributes->has_mode && S_ISDIR(attributes->mode);
}

bool
sftp_is_file(const SftpAttributes *attributes)
{
	return attributes->has_mode && S_ISREG(attributes->mode) && attributes->has_size;
}

static void
set_number(char *at, uint32_t number)
{
	at[0] = (char) (number >> 24);
	at[1] = (char) (number >> 16);
	at[2] = (char) (number >> 8);
	at[3] = (char) number;
}

void
sftp_packet_begin(Buffer *packet, SftpType type)
{
	char header[HEADER] = {0};

	header[4] = (char) type;
	buffer_reset(packet);
	buffer_append(packet, header, sizeof(header));
}

void
sftp_put_number(Buffer *packet, uint32_t number)
{
	char bytes[4];

	set_number(bytes, number);
	buffer_append(packet, bytes, sizeof(bytes));
}

void
sftp_put_long(Buffer *packet, uint64_t number)
{
	sftp_put_number(packet, (uint32_t) (number >> 32));
	sftp_put_number(packet, (uint32_t) number);
}

void
sftp_put_bytes(Buffer *packet, const void *bytes, size_t length)
{
	sftp_put_number(packet, (uint32_t) length);
	buffer_append(packet, bytes, length);
}

void
sftp_put_text(Buffer *packet, const char *text)
{
	sftp_put_bytes(packet, text, strlen(text));
}

void
sftp_put_mode(Buffer *packet, uint32_t mode)
{
	sftp_put_number(packet, HAS_MODE);
	sftp_put_number(packet, mode);
}

void
sftp_packet_end(Buffer *packet, uint32_t number, size_t more)
{
	set_number(packet->data, (uint32_t) (packet->length + more - 4));
	set_number(packet->data + 5, number);
}

bool
sftp_take_byte(SftpBytes *bytes, uint8_t *value)
{
	if (bytes->left < 1)
		return false;
	*value = *bytes->at++;
	bytes->left--;
	return true;
}

bool
sftp_take_number(SftpBytes *bytes, uint32_t *value)
{
	const unsigned char *at = bytes->at;

	if (bytes->left < 4)
		return false;
	*value = (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
	bytes->at += 4;
	bytes->left -= 4;
	return true;
}

bool
sftp_take_long(SftpBytes *bytes, uint64_t *value)
{
	uint32_t high;
	uint32_t low;

	if (bytes->left < 8 || !sftp_take_number(bytes, &high) || !sftp_take_number(bytes, &low))
		return false;
	*value = (uint64_t) high << 32 | low;
	return true;
}

bool
sftp_take_string(SftpBytes *bytes, const char **text, size_t *length)
{
	SftpBytes rest = *bytes;
	uint32_t said;

	if (!sftp_take_number(&rest, &said) || said > rest.left)
		return false;
	*text = (const char *) rest.at;
	*length = said;
	rest.at += said;
	rest.left -= said;
	*bytes = rest;
	return true;
}

/* Pairs that nobody here knows. */
static bool
skip_extended(SftpBytes *bytes)
{
	const char *text;
	size_t length;
	uint32_t count;

	if (!sftp_take_number(bytes, &count) || count > MAX_EXTENDED)
		return false;
	while (count-- > 0)
	{
		if (!sftp_take_string(bytes, &text, &length) || !sftp_take_string(bytes, &text, &length))
			return false;
	}
	return true;
}

bool
sftp_take_attributes(SftpBytes *bytes, SftpAttributes *attributes)
{
	uint32_t flags;
	uint32_t ignored;

	memset(attributes, 0, sizeof(*attributes));
	if (!sftp_take_number(bytes, &flags))
		return false;
	if ((flags & HAS_SIZE) != 0 && !sftp_take_long(bytes, &attributes->size))
		return false;
	if ((flags & HAS_OWNER) != 0 &&
		(!sftp_take_number(bytes, &ignored) || !sftp_take_number(bytes, &ignored)))
		return false;
	if ((flags & HAS_MODE) != 0 && !sftp_take_number(bytes, &attributes->mode))
		return false;
	if ((flags & HAS_TIMES) != 0 &&
		(!sftp_take_number(bytes, &ignored) || !sftp_take_number(bytes, &attributes->modified)))
		return false;
	attributes->has_size = (flags & HAS_SIZE) != 0;
	attributes->has_mode = (flags & HAS_MODE) != 0;
	attributes->has_times = (flags & HAS_TIMES) != 0;
	return (flags & HAS_EXTENDED) == 0 || skip_extended(bytes);
}

/* The server's words, as far as they can be shown. */
static void
copy_shown(const char *text, size_t length, char shown[SFTP_TEXT_SIZE])
{
	char whole[4 * SFTP_TEXT_SIZE];
	const char *from = whole;
	size_t used = 0;

	snprintf(whole, sizeof(whole), "%.*s",
			 (int) (length < sizeof(whole) ? length : sizeof(whole) - 1), text);
	while (*from != '\0')
	{
		int bytes = printable_length(from);
		size_t wanted = bytes > 0 ? (size_t) bytes : 1;

		if (used + wanted >= SFTP_TEXT_SIZE)
			break;
		if (bytes > 0)
			memcpy(shown + used, from, wanted);
		else
			shown[used] = '?';
		used += wanted;
		from += wanted;
	}
	shown[used] = '\0';
}

bool
sftp_take_status(SftpBytes *bytes, uint32_t *code, char text[SFTP_TEXT_SIZE])
{
	const char *said;
	size_t length;

	text[0] = '\0';
	if (!sftp_take_number(bytes, code))
		return false;
	if (bytes->left == 0)
		return true;
	if (!sftp_take_string(bytes, &said, &length))
		return false;
	copy_shown(said, length, text);
	return true;
}

static bool
is_text(const char *bytes, size_t length, const char *text)
{
	return length == strlen(text) && memcmp(bytes, text, length) == 0;
}

bool
sftp_take_version(SftpBytes *bytes, uint32_t *version, unsigned *extensions)
{
	const char *name;
	const char *value;
	size_t name_length;
	size_t length;
	size_t i;

	*extensions = 0;
	if (!sftp_take_number(bytes, version))
		return false;
	while (bytes->left > 0)
	{
		if (!sftp_take_string(bytes, &name, &name_length) ||
			!sftp_take_string(bytes, &value, &length))
			return false;
		for (i = 0; i < EXTENSIONS; i++)
		{
			if (is_text(name, name_length, extensions_known[i].name) &&
				is_text(value, length, extensions_known[i].version))
				*extensions |= extensions_known[i].extension;
		}
	}
	return true;
}

bool
sftp_take_entry(SftpBytes *bytes, char name[SFTP_NAME_SIZE], SftpAttributes *attributes)
{
	const char *said;
	const char *ignored;
	size_t length;
	size_t ignored_length;

	if (!sftp_take_string(bytes, &said, &length) ||
		!sftp_take_string(bytes, &ignored, &ignored_length) ||
		!sftp_take_attributes(bytes, attributes))
		return false;
	if (length == 0 || length >= SFTP_NAME_SIZE || memchr(said, '/', length) != NULL ||
		memchr(said, '\0', length) != NULL)
		return false;
	memcpy(name, said, length);
	name[length] = '\0';
	return true;
}
