/*-------------------------------------------------------------------------
 *
 * key_sheet.c
 *	  The recovery sheet.
 *
 *-------------------------------------------------------------------------
 */
#include "key_sheet.h"

#include <stdio.h>

#include "encryption.h"
#include "keyring.h"
#include "output.h"
#include "symmetric_key.h"

/* The secret keys that were given, each with its recipient. */
static void
print_identities(void)
{
	const AgeIdentities *identities = &keyring()->identities;
	int i;

	if (identities->count == 0)
	{
		show_text("\nSecret key (write it here, or print this sheet with --identity=FILE):\n\n"
				  "  ______________________________________________________________________\n");
		return;
	}
	show_text("\nSECRET KEYS. Anyone who has this sheet can read all backups: lock it away.\n\n");
	for (i = 0; i < identities->count; i++)
	{
		char recipient[AGE_RECIPIENT_SIZE];
		char identity[AGE_IDENTITY_SIZE];

		if (identities->items[i].type != AGE_X25519)
			continue;
		age_recipient_text(identities->items[i].public_key, recipient);
		age_identity_text(identities->items[i].secret_key, identity);
		show_text("  # public key: %s\n  %s\n", recipient, identity);
		secret_cleanse(identity, sizeof(identity));
	}
}

/* The key file, if it was given; a passphrase is not printed. */
static void
print_secret(const Encryption *encryption)
{
	char text[SYMMETRIC_KEY_SIZE];

	if (encryption->wrapping == WRAPPED_BY_KEY_FILE && keyring_key_file() != NULL)
	{
		symmetric_key_text(keyring_key_file(), text);
		show_text("\nKEY FILE. Anyone who has this sheet can read all backups: lock it away.\n\n"
				  "  %.32s\n  %s\n\n  (one line of 64 characters)\n",
				  text, text + KEY_BYTES);
		secret_cleanse(text, sizeof(text));
	}
	else
		show_text("\n%s:\n\n"
				  "  ______________________________________________________________________\n",
				  encryption->wrapping == WRAPPED_BY_KEY_FILE
					  ? "Key (write it here, or print this sheet with --key-file=FILE)"
					  : "Passphrase (write it here, or say where it is kept)");
}

static void
print_commands(const Repository *repository, const char *signer)
{
	const char *location = repository->storage->location;
	KeyWrapping wrapping = repository->encryption->wrapping;
	const char *option = "--identity";
	const char *what = "secret key";

	if (wrapping != WRAPPED_FOR_RECIPIENTS)
	{
		option = wrapping == WRAPPED_BY_KEY_FILE ? "--key-file" : "--passphrase-file";
		what = wrapping == WRAPPED_BY_KEY_FILE ? "key" : "passphrase";
	}
	show_text("\nTo restore: put the %s into a file of mode 0600 (KEY_FILE), then\n\n"
			  "  nex_backup list --repo=%s\n"
			  "  nex_backup verify --repo=%s %s=KEY_FILE --signer=%s\n"
			  "  nex_backup restore DATABASE --repo=%s %s=KEY_FILE --signer=%s --to=NEW_NAME\n\n"
			  "Without nex_backup: RECOVER.txt in the repository.\n",
			  what, location, location, option, signer, location, option, signer);
}

void
key_sheet_print(const Repository *repository)
{
	const Encryption *encryption = repository->encryption;
	const char *location = repository->storage->location;
	char text[AGE_RECIPIENT_SIZE];
	char signer[SIGNER_SIZE];
	int i;

	signer_text(encryption->signer, signer);
	show_text("RECOVERY SHEET of a nex_backup repository\n\n"
			  "Repository  %s\nId          %s\nCreated     %s\nCipher      %s\n",
			  location, repository->id, repository->created, cipher_name(encryption->cipher));
	for (i = 0; encryption->wrapping == WRAPPED_FOR_RECIPIENTS && i < encryption->recipients.count;
		 i++)
	{
		age_recipient_text(encryption->recipients.items[i].public_key, text);
		show_text("%-11s %s\n", i == 0 ? "For" : "", text);
	}
	show_text("Signer      %s%s\n", signer,
			  encryption->trusted ? "" : " (as the repository itself says: compare it)");
	if (encryption->wrapping == WRAPPED_FOR_RECIPIENTS)
		print_identities();
	else
		print_secret(encryption);
	print_commands(repository, signer);
}
