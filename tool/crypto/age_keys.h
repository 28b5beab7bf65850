/*-------------------------------------------------------------------------
 *
 * age_keys.h
 *	  Keys of age (age-encryption.org/v1): recipients, to whom a text is
 *	  encrypted, and identities, which open it.
 *
 * Both are X25519 keys as text (age1…, AGE-SECRET-KEY-1…), or a passphrase.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGE_KEYS_H
#define NEX_AGE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bech32.h"

/* Texts of keys, with the NUL. */
#define AGE_RECIPIENT_SIZE (sizeof("age1") + BECH32_KEY_DIGITS)
#define AGE_IDENTITY_SIZE (sizeof("AGE-SECRET-KEY-1") + BECH32_KEY_DIGITS)

typedef enum AgeKeyType
{
	AGE_X25519,
	AGE_PASSPHRASE,
	AGE_KEY_FILE,      /* 32 secret bytes; not in age, see nxb.h */
	AGE_PASSPHRASE_KEY /* what scrypt made of a passphrase, once for many files; likewise */
} AgeKeyType;

#define AGE_SALT_BYTES 16

/* The key that scrypt makes of a passphrase, and from what. */
typedef struct PassphraseKey
{
	uint8_t salt[AGE_SALT_BYTES];
	int log_n;
	uint8_t key[KEY_BYTES];
} PassphraseKey;

typedef struct AgeRecipient
{
	AgeKeyType type;
	uint8_t public_key[KEY_BYTES];
	uint8_t secret_key[KEY_BYTES]; /* of a key file, or made of a passphrase */
	uint8_t salt[AGE_SALT_BYTES];  /* … with this salt */
	char *passphrase;
	size_t passphrase_length;
	int log_n; /* work factor of scrypt */
} AgeRecipient;

/* A passphrase must be alone: anyone else who can decrypt the text could create one that it
 * decrypts. */
typedef struct AgeRecipients
{
	AgeRecipient *items;
	int count;
} AgeRecipients;

typedef struct AgeIdentity
{
	AgeKeyType type;
	uint8_t secret_key[KEY_BYTES];
	uint8_t public_key[KEY_BYTES];
	uint8_t salt[AGE_SALT_BYTES];
	int log_n;
	char *passphrase;
	size_t passphrase_length;
} AgeIdentity;

typedef struct AgeIdentities
{
	AgeIdentity *items;
	int count;
} AgeIdentities;

#define AGE_DEFAULT_LOG_N 18
#define AGE_MAX_LOG_N 19 /* 512 MB of memory; more is refused on reading */

/*
 * Add a key or a passphrase to a list that is all zero at first.  NULL when
 * good, else a static message that says what is wrong, to be put behind the
 * name of the file or option.
 */
extern const char *age_recipients_add(AgeRecipients *recipients, const char *text);
extern const char *age_recipients_add_passphrase(AgeRecipients *recipients, const char *passphrase,
												 size_t length, int log_n);
extern const char *age_identities_add(AgeIdentities *identities, const char *text);
extern const char *age_identities_add_passphrase(AgeIdentities *identities, const char *passphrase,
												 size_t length);

/* Add the 32 bytes of a key file. */
extern void age_recipients_add_key_file(AgeRecipients *recipients, const uint8_t key[KEY_BYTES]);
extern void age_identities_add_key_file(AgeIdentities *identities, const uint8_t key[KEY_BYTES]);

/* Add a key that was made of a passphrase. */
extern void age_recipients_add_passphrase_key(AgeRecipients *recipients, const PassphraseKey *key);
extern void age_identities_add_passphrase_key(AgeIdentities *identities, const PassphraseKey *key);

/*
 * Add the keys of a file: one a line, empty lines and comments (#) ignored.
 * *line says where a problem is.
 */
extern const char *age_recipients_read(AgeRecipients *recipients, const char *text, size_t length,
									   int *line);
extern const char *age_identities_read(AgeIdentities *identities, const char *text, size_t length,
									   int *line);

/* Free, secrets cleansed. */
extern void age_recipients_free(AgeRecipients *recipients);
extern void age_identities_free(AgeIdentities *identities);

/* Make a new identity; its text must be cleansed by the caller. */
extern bool age_identity_generate(char identity[AGE_IDENTITY_SIZE],
								  char recipient[AGE_RECIPIENT_SIZE]);

extern void age_recipient_text(const uint8_t public_key[KEY_BYTES], char text[AGE_RECIPIENT_SIZE]);
extern void age_identity_text(const uint8_t secret_key[KEY_BYTES], char text[AGE_IDENTITY_SIZE]);

#endif /* NEX_AGE_KEYS_H */
