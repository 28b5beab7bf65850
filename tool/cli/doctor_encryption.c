/*-------------------------------------------------------------------------
 *
 * doctor_encryption.c
 *	  nex_backup doctor: who can read and who can write the repository.
 *
 *-------------------------------------------------------------------------
 */
#include "doctor.h"

#include <string.h>

#include "encryption.h"
#include "keyring.h"

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

void
doctor_check_encryption(Doctor *doctor)
{
	const Encryption *encryption = doctor->repository->encryption;
	const char *reads;

	if (encryption == NULL)
		return;
	reads = can_read(encryption) ? "an identity at hand opens new backups"
								 : "no identity at hand opens new backups";
	if (!encryption->trusted)
		doctor_say(doctor, CHECK_WARNING, "encryption",
				   "Name the signer with --signer, or in the identity file.",
				   "%s for %d recipients; the signer is known from the repository alone; %s",
				   cipher_name(encryption->cipher), encryption->recipients.count, reads);
	else
		doctor_say(doctor, CHECK_OK, "encryption", NULL, "%s for %d recipients; this host %s; %s",
				   cipher_name(encryption->cipher), encryption->recipients.count,
				   encryption->has_writer_key ? "has the writer key" : "cannot write", reads);
}
