/*-------------------------------------------------------------------------
 *
 * doctor_encryption.c
 *	  Encryption: which keys read the repository, and which write it.
 *
 *-------------------------------------------------------------------------
 */
#include "doctor_checks.h"

#include <stdlib.h>
#include <string.h>

#include "doctor_encryption.h"
#include "encryption.h"
#include "keyring.h"
#include "memory.h"
#include "repository_secret.h"

/* Is one of our identities a recipient? */
static bool
can_read(const Encryption *encryption)
{
	const AgeIdentities *identities = &keyring()->identities;
	int i;
	int j;

	for (i = 0; i < identities->count; i++)
	{
		for (j = 0; j < encryption->recipients.count; j++)
		{
			if (memcmp(identities->items[i].public_key, encryption->recipients.items[j].public_key,
					   KEY_BYTES) == 0)
				return true;
		}
	}
	return false;
}

/* "for 2 recipients" */
static char *
describe_keys(const Encryption *encryption)
{
	if (encryption->wrapping == WRAPPED_FOR_RECIPIENTS)
		return xasprintf("for %d %s", encryption->recipients.count,
						 encryption->recipients.count == 1 ? "recipient" : "recipients");
	return xstrdup(encryption->wrapping == WRAPPED_BY_KEY_FILE ? "with a key file"
															   : "with a passphrase");
}

static const char *
describe_reading(const Encryption *encryption)
{
	if (encryption->wrapping != WRAPPED_FOR_RECIPIENTS)
		return repository_secret_missing(encryption) ? repository_secret_lack(encryption)
													 : "the one that was given is right";
	return can_read(encryption) ? "an identity at hand opens new backups"
								: "no identity at hand opens new backups";
}

void
doctor_check_encryption(Doctor *doctor)
{
	const Encryption *encryption = doctor->repository->encryption;
	const char *reads;
	char *keys;

	if (encryption == NULL)
		return;
	keys = describe_keys(encryption);
	reads = describe_reading(encryption);
	if (!encryption->trusted)
		doctor_say(doctor, CHECK_WARNING, "encryption",
				   "Name the signer with --signer, or in the identity file.",
				   "%s %s; the signer is known from the repository alone; %s",
				   cipher_name(encryption->cipher), keys, reads);
	else
		doctor_say(doctor, CHECK_OK, "encryption", NULL, "%s %s; this host %s; %s",
				   cipher_name(encryption->cipher), keys,
				   encryption->has_writer_key ? "has the writer key" : "cannot write", reads);
	free(keys);
}
