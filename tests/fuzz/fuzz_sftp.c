/*-------------------------------------------------------------------------
 *
 * fuzz_sftp.c
 *	  Any bytes as what follows the type and number of a packet of SFTP.
 *
 * The first byte chooses of which.  What is accepted can be used: a name is that
 * of a file in one directory, a text can be shown.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "printable.h"
#include "sftp_packet.h"

static void
read_names(SftpBytes bytes)
{
	SftpAttributes attributes;
	char name[SFTP_NAME_SIZE];
	uint32_t count;

	if (!sftp_take_number(&bytes, &count))
		return;
	while (count-- > 0 && sftp_take_entry(&bytes, name, &attributes))
		MUST(name[0] != '\0' && strlen(name) < SFTP_NAME_SIZE && strchr(name, '/') == NULL);
}

static void
read_status(SftpBytes bytes)
{
	char text[SFTP_TEXT_SIZE];
	const char *at = text;
	uint32_t code;

	if (!sftp_take_status(&bytes, &code, text))
		return;
	MUST(strlen(text) < SFTP_TEXT_SIZE);
	while (*at != '\0')
	{
		int length = printable_length(at);

		MUST(length > 0);
		at += length;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SftpAttributes attributes;
	SftpBytes bytes;
	unsigned extensions;
	uint32_t version;
	const char *text;
	size_t length;

	if (size == 0)
		return 0;
	bytes = (SftpBytes){data + 1, size - 1};
	switch (data[0] & 7)
	{
		case 0:
			read_names(bytes);
			break;
		case 1:
			read_status(bytes);
			break;
		case 2:
			if (sftp_take_version(&bytes, &version, &extensions))
				MUST(bytes.left == 0);
			break;
		case 3:
			if (sftp_take_attributes(&bytes, &attributes))
				MUST(!(sftp_is_file(&attributes) && sftp_is_directory(&attributes)));
			break;
		default:
			while (sftp_take_string(&bytes, &text, &length))
				MUST((const uint8_t *) text + length <= data + size);
			break;
	}
	return 0;
}
