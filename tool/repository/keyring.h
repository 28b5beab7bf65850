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
#include "settings.h"
#include "writer_key.h"

typedef struct Keyring
{
	AgeIdentities identities;
	uint8_t (*signers)[KEY_BYTES]; /* trusted because somebody said so */
	int nsigners;
	bool wants_encryption; /* the settings name recipients: nothing may be written in plain */
	char *state_directory; /* NULL: no writer's state */
	bool for_files;        /* the identities open configuration files */
} Keyring;

extern const Keyring *keyring(void);

/*
 * Read the keys that the settings name.  False (reported) if one cannot be
 * read.  Where secrets are held, core dumps and debuggers are shut out.
 */
extern bool keyring_load(const Settings *settings);
extern void keyring_free(void);

/*
 * Configuration files are encrypted in a plain repository, too: from now on
 * neither an identity nor a recipient means that the repository must be
 * encrypted.  A signer still does.
 */
extern void keyring_use_for_files(void);

/* No core dump, no debugger: for whoever is about to hold a secret. */
extern void keyring_protect_process(void);

#endif /* NEX_KEYRING_H */
