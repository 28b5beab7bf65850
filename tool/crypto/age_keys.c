/*-------------------------------------------------------------------------
 *
 * age_keys.c
 *	  Recipients and identities.
 *
 * Lists grow by copying, not by realloc(), which would leave secrets behind
 * in freed memory.
 *
 *-------------------------------------------------------------------------
 */
#include "age_keys.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define RECIPIENT_PREFIX "age"
#define IDENTITY_PREFIX "age-secret-key-"
#define UNABLE "cannot be used: OpenSSL refuses"

/* Longest line of a file of keys; longer ones cannot be keys. */
#define MAX_LINE 1024

/* One entry more, all zero, in a list; the old memory is cleansed. */
static void *
list_grow(void **items, int *count, size_t size)
{
	char *grown = xcalloc((size_t) *count + 1, size);

	if (*count > 0)
		memcpy(grown, *items, (size_t) *count * size);
	secret_free(*items, (size_t) *count * size);
	*items = grown;
	return grown + (size_t) (*count)++ * size;
}

static AgeRecipient *
new_recipient(AgeRecipients *recipients)
{
	void *items = recipients->items;
	AgeRecipient *recipient = list_grow(&items, &recipients->count, sizeof(AgeRecipient));

	recipients->items = items;
	return recipient;
}

static AgeIdentity *
new_identity(AgeIdentities *identities)
{
	void *items = identities->items;
	AgeIdentity *identity = list_grow(&items, &identities->count, sizeof(AgeIdentity));

	identities->items = items;
	return identity;
}

static char *
copy_passphrase(const char *passphrase, size_t length)
{
	char *copy = xmalloc(length + 1);

	memcpy(copy, passphrase, length);
	copy[length] = '\0';
	return copy;
}

const char *
age_recipients_add(AgeRecipients *recipients, const char *text)
{
	uint8_t public_key[KEY_BYTES];
	AgeRecipient *recipient;

	if (strncmp(text, "AGE-SECRET-KEY-", 15) == 0)
		return "is a secret key (an identity), not a recipient";
	if (!bech32_decode_key(RECIPIENT_PREFIX, false, text, strlen(text), public_key))
		return "is not an age recipient (\"age1\" and 58 more letters and digits)";
	if (recipients->count > 0 && recipients->items[0].type == AGE_PASSPHRASE)
		return "cannot be combined with a passphrase";
	recipient = new_recipient(recipients);
	recipient->type = AGE_X25519;
	memcpy(recipient->public_key, public_key, KEY_BYTES);
	return NULL;
}

const char *
age_recipients_add_passphrase(AgeRecipients *recipients, const char *passphrase, size_t length,
							  int log_n)
{
	AgeRecipient *recipient;

	if (length == 0)
		return "is empty";
	if (log_n < 1 || log_n > AGE_MAX_LOG_N)
		return "has a work factor that is out of range";
	if (recipients->count > 0)
		return "must be the only recipient";
	recipient = new_recipient(recipients);
	recipient->type = AGE_PASSPHRASE;
	recipient->passphrase = copy_passphrase(passphrase, length);
	recipient->passphrase_length = length;
	recipient->log_n = log_n;
	return NULL;
}

const char *
age_identities_add(AgeIdentities *identities, const char *text)
{
	uint8_t secret_key[KEY_BYTES];
	AgeIdentity *identity;
	bool good = false;

	if (strncmp(text, "AGE-SECRET-KEY-PQ-", 18) == 0)
		return "is a post-quantum identity, which this version cannot use";
	if (!bech32_decode_key(IDENTITY_PREFIX, true, text, strlen(text), secret_key))
	{
		secret_cleanse(secret_key, sizeof(secret_key));
		return "is not an age identity (\"AGE-SECRET-KEY-1\" and 58 more letters and digits)";
	}
	identity = new_identity(identities);
	identity->type = AGE_X25519;
	memcpy(identity->secret_key, secret_key, KEY_BYTES);
	good = x25519_public(secret_key, identity->public_key);
	secret_cleanse(secret_key, sizeof(secret_key));
	return good ? NULL : UNABLE;
}

const char *
age_identities_add_passphrase(AgeIdentities *identities, const char *passphrase, size_t length)
{
	AgeIdentity *identity;

	if (length == 0)
		return "is empty";
	identity = new_identity(identities);
	identity->type = AGE_PASSPHRASE;
	identity->passphrase = copy_passphrase(passphrase, length);
	identity->passphrase_length = length;
	return NULL;
}

void
age_recipients_add_key_file(AgeRecipients *recipients, const uint8_t key[KEY_BYTES])
{
	AgeRecipient *recipient = new_recipient(recipients);

	recipient->type = AGE_KEY_FILE;
	memcpy(recipient->secret_key, key, KEY_BYTES);
}

void
age_identities_add_key_file(AgeIdentities *identities, const uint8_t key[KEY_BYTES])
{
	AgeIdentity *identity = new_identity(identities);

	identity->type = AGE_KEY_FILE;
	memcpy(identity->secret_key, key, KEY_BYTES);
}

void
age_recipients_add_passphrase_key(AgeRecipients *recipients, const PassphraseKey *key)
{
	AgeRecipient *recipient = new_recipient(recipients);

	recipient->type = AGE_PASSPHRASE_KEY;
	recipient->log_n = key->log_n;
	memcpy(recipient->salt, key->salt, AGE_SALT_BYTES);
	memcpy(recipient->secret_key, key->key, KEY_BYTES);
}

void
age_identities_add_passphrase_key(AgeIdentities *identities, const PassphraseKey *key)
{
	AgeIdentity *identity = new_identity(identities);

	identity->type = AGE_PASSPHRASE_KEY;
	identity->log_n = key->log_n;
	memcpy(identity->salt, key->salt, AGE_SALT_BYTES);
	memcpy(identity->secret_key, key->key, KEY_BYTES);
}

/* Call `add` for each line of a file that is neither empty nor a comment. */
static const char *
each_line(const char *text, size_t length, int *line,
		  const char *(*add)(void *list, const char *text), void *list)
{
	const char *end = text + length;
	char copy[MAX_LINE];
	const char *problem = NULL;

	for (*line = 1; text < end && problem == NULL; ++*line)
	{
		const char *stop = memchr(text, '\n', (size_t) (end - text));
		const char *next = stop != NULL ? stop + 1 : end;
		size_t n;

		if (stop == NULL)
			stop = end;
		if (stop > text && stop[-1] == '\r')
			stop--;
		n = (size_t) (stop - text);
		if (n > 0 && *text != '#')
		{
			if (n >= sizeof(copy) || memchr(text, '\0', n) != NULL)
				return "is not a key";
			memcpy(copy, text, n);
			copy[n] = '\0';
			problem = add(list, copy);
			secret_cleanse(copy, n);
			if (problem != NULL)
				return problem;
		}
		text = next;
	}
	return problem;
}

static const char *
add_recipient_line(void *list, const char *text)
{
	return age_recipients_add(list, text);
}

static const char *
add_identity_line(void *list, const char *text)
{
	return age_identities_add(list, text);
}

const char *
age_recipients_read(AgeRecipients *recipients, const char *text, size_t length, int *line)
{
	return each_line(text, length, line, add_recipient_line, recipients);
}

const char *
age_identities_read(AgeIdentities *identities, const char *text, size_t length, int *line)
{
	return each_line(text, length, line, add_identity_line, identities);
}

void
age_recipients_free(AgeRecipients *recipients)
{
	int i;

	for (i = 0; i < recipients->count; i++)
		secret_free(recipients->items[i].passphrase, recipients->items[i].passphrase_length);
	secret_free(recipients->items, (size_t) recipients->count * sizeof(AgeRecipient));
	memset(recipients, 0, sizeof(*recipients));
}

void
age_identities_free(AgeIdentities *identities)
{
	int i;

	for (i = 0; i < identities->count; i++)
		secret_free(identities->items[i].passphrase, identities->items[i].passphrase_length);
	secret_free(identities->items, (size_t) identities->count * sizeof(AgeIdentity));
	memset(identities, 0, sizeof(*identities));
}

bool
age_identity_generate(char identity[AGE_IDENTITY_SIZE], char recipient[AGE_RECIPIENT_SIZE])
{
	uint8_t public_key[KEY_BYTES];
	uint8_t secret_key[KEY_BYTES];
	bool good =
		random_bytes(secret_key, sizeof(secret_key)) && x25519_public(secret_key, public_key);

	if (good)
	{
		bech32_encode_key(IDENTITY_PREFIX, secret_key, true, identity);
		age_recipient_text(public_key, recipient);
	}
	secret_cleanse(secret_key, sizeof(secret_key));
	return good;
}

void
age_recipient_text(const uint8_t public_key[KEY_BYTES], char text[AGE_RECIPIENT_SIZE])
{
	bech32_encode_key(RECIPIENT_PREFIX, public_key, false, text);
}

void
age_identity_text(const uint8_t secret_key[KEY_BYTES], char text[AGE_IDENTITY_SIZE])
{
	bech32_encode_key(IDENTITY_PREFIX, secret_key, true, text);
}
