/*-------------------------------------------------------------------------
 *
 * fuzz_armor.c
 *	  Any bytes as ASCII armor, as a recipient and as an identity: what is
 *	  accepted is written the same way again.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "age_armor.h"
#include "age_keys.h"

static void
try_keys(const char *text)
{
	AgeRecipients recipients = {NULL, 0};
	AgeIdentities identities = {NULL, 0};
	char again[AGE_RECIPIENT_SIZE];

	if (age_recipients_add(&recipients, text) == NULL)
	{
		age_recipient_text(recipients.items[0].public_key, again);
		MUST(strcmp(again, text) == 0);
	}
	(void) age_identities_add(&identities, text);
	age_recipients_free(&recipients);
	age_identities_free(&identities);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	Buffer bytes;
	Buffer again;

	MUST(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	try_keys(text);
	buffer_init(&bytes);
	buffer_init(&again);
	if (!age_armor_decode(text, size, &bytes))
		MUST(bytes.length == 0);
	else
	{
		Buffer second;

		buffer_init(&second);
		age_armor_encode(bytes.data, bytes.length, &again);
		MUST(age_armor_decode(again.data, again.length, &second));
		MUST(second.length == bytes.length);
		MUST(bytes.length == 0 || memcmp(second.data, bytes.data, bytes.length) == 0);
		buffer_free(&second);
	}
	buffer_free(&bytes);
	buffer_free(&again);
	free(text);
	return 0;
}
