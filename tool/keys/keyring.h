/*-------------------------------------------------------------------------
 *
 * keyring.h
 *	  The keys of this run: the identities that open backups, the signers
 *	  that are trusted, and where a writer keeps what nobody else may see.
 *
 * One for the whole program, filled before a repository is opened and only
 * read afterwards: a key is a property of who runs the program, not of one
 * call among many that open a repository.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KEYRING_H
#define NEX_KEYRING_H

#include "age_keys.h"
#include "cipher.h"
#include "writer_key.h"

typedef struct KeySettings KeySettings;

/*
 * Of two repositories with different keys, identities and signers belong to the one that is read;
 * the one that is written is known by its writer's key, which is on this host.
 */
typedef enum KeyringUse
{
	KEYRING_OF_ONE,
	KEYRING_OF_SOURCE,
	KEYRING_OF_TARGET
} KeyringUse;

typedef struct Keyring
{
	AgeIdentities identities;      /* of recipients */
	uint8_t (*signers)[KEY_BYTES]; /* trusted because somebody said so */
	int nsigners;
	bool wants_encryption; /* the settings name recipients: nothing may be written in plain */
	const char *encryption_wanted_by; /* … which one, a sentence; NULL: not known */
	bool wants_passphrase;            /* … or a passphrase that is not that of an identity */
	char *state_directory;            /* NULL: no writer's state */
	KeyringUse use;
	bool source_may_be_plain;
	bool for_files; /* the identities open configuration files */
} Keyring;

extern const Keyring *keyring(void);

/*
 * Read the keys that the settings name.  False (reported) if one cannot be
 * read.  Where secrets are held, core dumps and debuggers are shut out.  The
 * settings must live until keyring_free(): they say where a passphrase comes
 * from, which is read when it is needed.
 */
extern bool keyring_load(const KeySettings *settings);
extern void keyring_free(void);

/*
 * The secrets of repositories that are not encrypted for recipients.  The key
 * in the key file; NULL if none was given.
 */
extern const uint8_t *keyring_key_file(void);

/*
 * The key that scrypt makes of the passphrase with this salt and work factor;
 * computed once, then kept.  *given is false if there is no passphrase.  False
 * (reported) if it could not be had.
 */
extern bool keyring_passphrase_key(PassphraseKey *key, bool *given);

/* From now on a passphrase that was not given is asked for on the terminal; twice for a new one. */
extern void keyring_ask_passphrase(bool is_new);

/* Is there anything that could open a file?  And open it, with whatever fits. */
extern bool keyring_can_open(void);
extern AgeResult keyring_decrypt(Cipher cipher, const void *data, size_t length, Buffer *out);

/*
 * Configuration files are encrypted in a plain repository, too: from now on
 * neither an identity, nor its passphrase, nor a recipient means that the
 * repository must be encrypted.  A signer and a key file still do.
 */
extern void keyring_use_for_files(void);

/*
 * What is opened from now on is one of two repositories.  The source may be plain although a key
 * file or a passphrase was given, which are then the target's; never if an identity or a signer
 * was.
 */
extern void keyring_open_source(bool may_be_plain);
extern void keyring_open_target(void);

/* No core dump, no debugger: for whoever is about to hold a secret. */
extern void keyring_protect_process(void);

#endif /* NEX_KEYRING_H */
