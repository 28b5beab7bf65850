/*-------------------------------------------------------------------------
 *
 * encryption.c
 *	  What makes a repository an encrypted one.
 *
 * A signature stands before the seal of a JSON document and covers all bytes
 * before itself: the SHA-256 of them is signed, together with what the
 * signature is for.
 *
 *-------------------------------------------------------------------------
 */
#include "encryption.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "file_names.h"
#include "home.h"
#include "keyring.h"
#include "log.h"
#include "memory.h"
#include "repository_secret.h"
#include "seal.h"
#include "writer_state.h"

#define SIGNATURE_OPENING ",\n\"signature\": \""
#define OPENING_LENGTH (sizeof(SIGNATURE_OPENING) - 1)
#define SIGNATURE_LENGTH (OPENING_LENGTH + 2 * SIGNATURE_BYTES + 1)
#define SEAL_LENGTH (sizeof(SEAL_OPENING) - 1 + DIGEST_HEX_LENGTH + sizeof(SEAL_CLOSING) - 1)

#define OUTDATED_HINT                                                                              \
	"If they were changed in another place of it, run \"nex_backup copy\" from there to here; if " \
	"not, somebody may have put the old file there."

Encryption *
encryption_create(Cipher cipher, AgeRecipients *recipients)
{
	Encryption *encryption = xcalloc(1, sizeof(Encryption));

	encryption->cipher = cipher;
	encryption->recipients = *recipients;
	memset(recipients, 0, sizeof(*recipients));
	return encryption;
}

void
encryption_free(Encryption *encryption)
{
	if (encryption == NULL)
		return;
	age_recipients_free(&encryption->recipients);
	secret_free(encryption, sizeof(*encryption));
}

Cipher
repository_cipher(const Repository *repository)
{
	return repository->encryption != NULL ? repository->encryption->cipher : CIPHER_NONE;
}

static int
compare_keys(const void *a, const void *b)
{
	return memcmp(((const AgeRecipient *) a)->public_key, ((const AgeRecipient *) b)->public_key,
				  KEY_BYTES);
}

bool
encryption_identify_recipients(Encryption *encryption)
{
	AgeRecipients *recipients = &encryption->recipients;
	Digest *digest = digest_create();
	bool good = digest != NULL;
	int i;

	qsort(recipients->items, (size_t) recipients->count, sizeof(AgeRecipient), compare_keys);
	for (i = 0; good && i < recipients->count; i++)
		good = digest_update(digest, recipients->items[i].public_key, KEY_BYTES);
	good = good && digest_final(digest, encryption->recipients_id);
	if (digest != NULL)
		digest_free(digest);
	return good;
}

/* ---- signatures ---- */

/* What is signed: purpose and digest of the body. */
static char *
signed_text(const char *purpose, const char *body, size_t length)
{
	DigestHex digest;

	if (!digest_buffer(body, length, digest))
		return NULL;
	return xasprintf("%s\n%s\n", purpose, digest);
}

bool
encryption_sign(const Encryption *encryption, const char *purpose, Buffer *json)
{
	char *text = signed_text(purpose, json->data, json->length);
	uint8_t signature[SIGNATURE_BYTES];
	bool good;
	int i;

	good = encryption->has_writer_key && text != NULL &&
		   ed25519_sign(encryption->writer_key.signing, text, strlen(text), signature);
	free(text);
	if (!good)
		return false;
	buffer_append_string(json, SIGNATURE_OPENING);
	for (i = 0; i < SIGNATURE_BYTES; i++)
		buffer_printf(json, "%02x", signature[i]);
	buffer_append_char(json, '"');
	return true;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *
encryption_check(const Encryption *encryption, const char *purpose, const char *json, size_t length)
{
	uint8_t signature[SIGNATURE_BYTES];
	const char *trailer;
	const char *digits;
	char *text;
	bool good;
	int i;

	if (length < SEAL_LENGTH + SIGNATURE_LENGTH)
		return "is too short to be signed";
	trailer = json + length - SEAL_LENGTH - SIGNATURE_LENGTH;
	digits = trailer + OPENING_LENGTH;
	if (memcmp(trailer, SIGNATURE_OPENING, OPENING_LENGTH) != 0 ||
		digits[2 * SIGNATURE_BYTES] != '"')
		return "is not signed, as everything in an encrypted repository must be";
	for (i = 0; i < SIGNATURE_BYTES; i++)
	{
		int high = hex_digit(digits[2 * i]);
		int low = hex_digit(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return "has a malformed signature";
		signature[i] = (uint8_t) (high << 4 | low);
	}
	text = signed_text(purpose, json, (size_t) (trailer - json));
	good = text != NULL && ed25519_verify(encryption->signer, text, strlen(text), signature);
	free(text);
	return good ? NULL : "is not signed by the writer of this repository";
}

/* ---- nex_backup.json ---- */

static void
write_recipients(const AgeRecipients *recipients, Buffer *json)
{
	char text[AGE_RECIPIENT_SIZE];
	int i;

	buffer_append_string(json, ",\n\"recipients\": [");
	for (i = 0; i < recipients->count; i++)
	{
		age_recipient_text(recipients->items[i].public_key, text);
		buffer_printf(json, "%s\n\"%s\"", i > 0 ? "," : "", text);
	}
	buffer_append_char(json, ']');
}

bool
encryption_write(const Repository *repository, Buffer *json)
{
	const Encryption *encryption = repository->encryption;
	char signer[SIGNER_SIZE];

	buffer_printf(json, ",\n\"cipher\": \"%s\"", cipher_name(encryption->cipher));
	if (encryption->wrapping == WRAPPED_FOR_RECIPIENTS)
		write_recipients(&encryption->recipients, json);
	else
		buffer_printf(json, ",\n\"wrapping\": \"%s\",\n\"key_check\": \"%s\"",
					  key_wrapping_name(encryption->wrapping), encryption->recipients_id);
	if (encryption->wrapping == WRAPPED_BY_PASSPHRASE)
		buffer_printf(json, ",\n\"log_n\": %d", encryption->log_n);
	signer_text(encryption->signer, signer);
	buffer_printf(json, ",\n\"signer\": \"%s\",\n\"serial\": %" PRId64, signer, encryption->serial);
	return encryption_sign(encryption, SIGNED_REPOSITORY, json);
}

static bool
parse_recipients(Encryption *encryption, const json_t *root)
{
	const json_t *recipients = json_object_get(root, "recipients");
	size_t i;

	for (i = 0; i < json_array_size(recipients); i++)
	{
		const char *text = json_string_value(json_array_get(recipients, i));

		if (text == NULL || age_recipients_add(&encryption->recipients, text) != NULL)
			return false;
	}
	return i > 0 && encryption_identify_recipients(encryption);
}

/* How a secret is checked, and made of a passphrase. */
static bool
parse_secret(Encryption *encryption, const json_t *root)
{
	const char *wrapping = json_string_value(json_object_get(root, "wrapping"));
	const char *check = json_string_value(json_object_get(root, "key_check"));
	const json_t *log_n = json_object_get(root, "log_n");

	if (encryption->cipher != CIPHER_AES_256_GCM || wrapping == NULL ||
		!key_wrapping_by_name(wrapping, &encryption->wrapping) || check == NULL ||
		!digest_hex_valid(check) || json_object_get(root, "recipients") != NULL)
		return false;
	memcpy(encryption->recipients_id, check, sizeof(encryption->recipients_id));
	if (encryption->wrapping != WRAPPED_BY_PASSPHRASE)
		return log_n == NULL;
	if (!json_is_integer(log_n) || json_integer_value(log_n) < 1 ||
		json_integer_value(log_n) > AGE_MAX_LOG_N)
		return false;
	encryption->log_n = (int) json_integer_value(log_n);
	return true;
}

/* The values of nex_backup.json; false if one is bad. */
static bool
parse_values(Encryption *encryption, const json_t *root)
{
	const char *cipher = json_string_value(json_object_get(root, "cipher"));
	const char *signer = json_string_value(json_object_get(root, "signer"));
	const json_t *serial = json_object_get(root, "serial");

	if (cipher == NULL || !cipher_by_name(cipher, &encryption->cipher) ||
		encryption->cipher == CIPHER_NONE || signer == NULL ||
		!signer_parse(signer, strlen(signer), encryption->signer) || !json_is_integer(serial) ||
		json_integer_value(serial) < 1)
		return false;
	encryption->serial = json_integer_value(serial);
	return json_object_get(root, "wrapping") != NULL ? parse_secret(encryption, root)
													 : parse_recipients(encryption, root);
}

const char *
encryption_compare(const Repository *repository, const json_t *root, const Buffer *file,
				   int64_t *serial)
{
	AgeRecipients none = {0};
	Encryption *other;
	const char *problem = NULL;
	bool encrypted = json_object_get(root, "cipher") != NULL;

	*serial = 0;
	if (encrypted != (repository->encryption != NULL))
		return encrypted ? "is that of an encrypted repository" : "is that of a plain repository";
	if (!encrypted)
		return NULL;
	other = encryption_create(CIPHER_NONE, &none);
	if (!parse_values(other, root))
		problem = "has a bad or missing value";
	else if (memcmp(other->signer, repository->encryption->signer, KEY_BYTES) != 0)
		problem = "is signed by another key";
	else
		problem =
			encryption_check(repository->encryption, SIGNED_REPOSITORY, file->data, file->length);
	*serial = other->serial;
	encryption_free(other);
	return problem;
}

/*
 * Refuse what is not the repository that this host knows.  The hint names the one file that says
 * so, never the directory of the repository, which has the only key of its writer.
 */
static bool
refuse_replaced(const Repository *repository, bool by_location, const char *detail,
				const char *problem)
{
	char *path = by_location ? writer_state_location_path(repository)
							 : writer_state_key_path(repository->id);
	char *hint = xasprintf("Somebody may have replaced it. If you did so yourself, %s \"%s\"%s.",
						   by_location ? "remove file" : "move file", path,
						   by_location ? ""
									   : " away and keep it: nothing can be added without it to "
										 "what was made with it");

	report_error(EXIT_INTEGRITY, detail, hint, "repository \"%s\" %s",
				 repository->storage->location, problem);
	free(hint);
	free(path);
	return false;
}

/*
 * A plain repository where an encrypted one must be?  The id counts as well as the location: it
 * may be another place of a repository of this host.
 */
static bool
check_not_downgraded(const Repository *repository, const char *known)
{
	WriterKey key;
	WriterKeyState state = writer_state_key(repository->id, &key);

	secret_cleanse(&key, sizeof(key));
	if (state == WRITER_KEY_BAD)
		return false;
	if (known != NULL || state == WRITER_KEY_KNOWN)
		return refuse_replaced(repository, state != WRITER_KEY_KNOWN,
							   known != NULL
								   ? "An encrypted repository was created there from this host."
								   : "The repository of this id is an encrypted one of this host.",
							   "is not encrypted");
	/* Whoever opens it decides. */
	if (keyring()->use == KEYRING_OF_TARGET)
		return true;
	if ((keyring()->identities.count > 0 && !keyring()->for_files) || keyring()->nsigners > 0)
		return report_error(EXIT_INTEGRITY,
							"An identity or a signer was given, so an encrypted one is expected.",
							"Leave out --identity and --signer if it is meant to be plain.",
							"repository \"%s\" is not encrypted", repository->storage->location);
	if (!keyring()->source_may_be_plain &&
		(keyring_key_file() != NULL || (keyring()->wants_passphrase && !keyring()->for_files)))
		return report_error(
			EXIT_INTEGRITY,
			"A key file or a passphrase was given, so an encrypted one is expected.",
			"Leave out --key-file and --passphrase-... if it is meant to be plain.",
			"repository \"%s\" is not encrypted", repository->storage->location);
	return true;
}

static bool
signer_is_given(const uint8_t signer[KEY_BYTES])
{
	int i;

	for (i = 0; i < keyring()->nsigners; i++)
	{
		if (memcmp(keyring()->signers[i], signer, KEY_BYTES) == 0)
			return true;
	}
	return false;
}

/* Are there any that speak of this repository? */
static bool
signers_count(void)
{
	return keyring()->nsigners > 0 && keyring()->use != KEYRING_OF_TARGET;
}

/* Is its signer one that we know to be the right one? */
static bool
check_signer(const Repository *repository, Encryption *encryption)
{
	const char *location = repository->storage->location;
	WriterKeyState state = writer_state_key(repository->id, &encryption->writer_key);

	encryption->has_writer_key = state == WRITER_KEY_KNOWN;
	if (state == WRITER_KEY_BAD)
		return false;
	if (encryption->has_writer_key &&
		memcmp(encryption->writer_key.signer, encryption->signer, KEY_BYTES) != 0)
		return refuse_replaced(repository, false, NULL,
							   "is signed by another key than the one of this host");
	if (signers_count() && !signer_is_given(encryption->signer))
		return report_error(EXIT_INTEGRITY, NULL,
							"Somebody may have replaced it; or --signer, or the signer named in "
							"the identity file, belongs to another repository.",
							"repository \"%s\" is signed by none of the given signers", location);
	encryption->trusted = encryption->has_writer_key || signers_count();
	return true;
}

/*
 * The keys were changed in another place of this repository, and what is here was not copied to
 * since; or somebody has put an old file there.  Its writer has signed it in either case, so what
 * is here can be read, as one needs after a disaster; but new backups would be for the keys of
 * then.
 */
static bool
is_outdated(const Encryption *encryption)
{
	return encryption->serial < encryption->known_serial;
}

/* Is another file there by now? */
static bool
was_changed(Repository *repository, const Buffer *file)
{
	Buffer now;
	bool changed;

	buffer_init(&now);
	changed = storage_read(repository->storage, FRAME_FILE, 1024 * 1024, &now).code == STORE_OK &&
			  (now.length != file->length || memcmp(now.data, file->data, now.length) != 0);
	buffer_free(&now);
	return changed;
}

bool
encryption_read(Repository *repository, const json_t *root, const Buffer *file)
{
	AgeRecipients none = {0};
	Encryption *encryption;
	const char *problem;
	int64_t serial;
	char *known;
	bool good;

	if (!writer_state_repository_at(repository, &known))
		return false;
	if (json_object_get(root, "cipher") == NULL)
	{
		good = check_not_downgraded(repository, known);
		free(known);
		return good;
	}
	encryption = repository->encryption = encryption_create(CIPHER_NONE, &none);
	if (!parse_values(encryption, root))
		good = repository_damaged(repository, FRAME_FILE, "has a bad or missing value", NULL);
	else if (known != NULL && strcmp(known, repository->id) != 0)
		good =
			refuse_replaced(repository, true, NULL, "is not the one that this host created there");
	else
		good = check_signer(repository, encryption);
	free(known);
	if (!good)
		return false;
	problem = encryption_check(encryption, SIGNED_REPOSITORY, file->data, file->length);
	if (problem != NULL)
		return repository_damaged(repository, FRAME_FILE, problem, NULL);
	if (!writer_state_serial(repository->id, &serial))
		return false;
	encryption->half_changed = serial < encryption->serial && encryption->has_writer_key;
	if (encryption->serial < serial && was_changed(repository, file))
	{
		repository->outpaced = true;
		return false;
	}
	encryption->known_serial = serial;
	if (is_outdated(encryption))
		log_warning_hint(OUTDATED_HINT,
						 "file \"%s/%s\" is an old one: the keys of this repository were changed "
						 "since, so nothing can be added here",
						 repository->storage->location, FRAME_FILE);
	return repository_secret_open(repository, encryption);
}

/* Find the signer of a manifest among those that we know; false (reported) if it is none of them.
 */
static bool
find_signer(const Repository *repository, Encryption *encryption, const Buffer *manifest)
{
	WriterKeyState state = writer_state_key(repository->id, &encryption->writer_key);
	int i;

	if (state == WRITER_KEY_BAD)
		return false;
	encryption->trusted = true;
	encryption->has_writer_key = state == WRITER_KEY_KNOWN;
	if (encryption->has_writer_key)
	{
		memcpy(encryption->signer, encryption->writer_key.signer, KEY_BYTES);
		return true;
	}
	for (i = 0; i < keyring()->nsigners; i++)
	{
		memcpy(encryption->signer, keyring()->signers[i], KEY_BYTES);
		if (encryption_check(encryption, SIGNED_MANIFEST, manifest->data, manifest->length) == NULL)
			return true;
	}
	return report_error(
		EXIT_INTEGRITY, NULL,
		"Name the signer with --signer, or in the identity file: \"# nex_backup "
		"signer: nex-signer-1…\"; the recovery sheet and the writer's host know it.",
		"the writer of repository \"%s\" is unknown without its nex_backup.json",
		repository->storage->location);
}

bool
encryption_without_header(Repository *repository, Cipher cipher, const char *recipients,
						  const Buffer *manifest)
{
	AgeRecipients none = {0};
	Encryption *encryption;
	char *known;
	bool good;

	if (!writer_state_repository_at(repository, &known))
		return false;
	if (cipher == CIPHER_NONE)
		good = check_not_downgraded(repository, known);
	else if (known != NULL && strcmp(known, repository->id) != 0)
		good =
			refuse_replaced(repository, true, NULL, "is not the one that this host created there");
	else if (keyring_key_file() != NULL || keyring()->wants_passphrase)
		good = report_error(EXIT_INTEGRITY, NULL,
							"Copy the repository to where it can be written to, and run "
							"\"nex_backup init\" with the same key file or passphrase.",
							"a key file or passphrase cannot be checked without nex_backup.json");
	else
	{
		encryption = repository->encryption = encryption_create(cipher, &none);
		snprintf(encryption->recipients_id, sizeof(encryption->recipients_id), "%s", recipients);
		good = find_signer(repository, encryption, manifest);
	}
	free(known);
	return good;
}

/* No damage is known: the settings and the repository do not go together. */
static bool
refuse_plain(const Repository *repository)
{
	const char *origin = keyring()->encryption_wanted_by;
	char *detail = xasprintf("The settings name recipients, so an encrypted one is expected.%s%s",
							 origin != NULL ? " " : "", origin != NULL ? origin : "");

	report_error(
		EXIT_USAGE, detail,
		"If the repository is meant to be plain, remove \"recipient\" and "
		"\"recipients-file\" there. A set of configuration files has its own: \"recipient\" "
		"of the set, under \"file-sets\".",
		"repository \"%s\" is not encrypted, and the settings say that it must be",
		repository->storage->location);
	free(detail);
	return false;
}

/* If every newer place is lost, only the remembered number prevents writing: name its file. */
static bool
refuse_outdated(const Repository *repository)
{
	const Encryption *encryption = repository->encryption;
	char *path = writer_state_serial_path(repository->id);
	char *hint =
		xasprintf(OUTDATED_HINT " If no newer one is left anywhere, remove file \"%s\".", path);
	char *detail = xasprintf("It is number %" PRId64 ", and this host has seen number %" PRId64 ".",
							 encryption->serial, encryption->known_serial);

	report_error(EXIT_INTEGRITY, detail, hint,
				 "file \"%s/%s\" is an old one: the keys of this repository were changed since",
				 repository->storage->location, FRAME_FILE);
	free(detail);
	free(hint);
	free(path);
	return false;
}

bool
encryption_can_write(const Repository *repository)
{
	char *hint;
	char *path;

	if (repository->encryption == NULL && keyring()->wants_encryption && !keyring()->for_files)
		return refuse_plain(repository);
	if (repository->encryption == NULL)
		return true;
	if (is_outdated(repository->encryption))
		return refuse_outdated(repository);
	if (repository_secret_missing(repository->encryption))
		return report_error(EXIT_FAILED, NULL, repository_secret_hint(repository->encryption),
							"repository \"%s\" is encrypted, and %s", repository->storage->location,
							repository_secret_lack(repository->encryption));
	if (repository->encryption->has_writer_key)
		return true;
	if (keyring()->state_directory == NULL)
		return report_error(EXIT_FAILED, NULL, NO_HOME_HINT,
							"there is no directory with the writer key of encrypted repository "
							"\"%s\"",
							repository->storage->location);
	path = writer_state_key_path(repository->id);
	hint =
		xasprintf("Copy it from the host and user that ran \"nex_backup init\" to \"%s\", or say "
				  "with --state-dir where it is.",
				  path);
	report_error(EXIT_FAILED, NULL, hint,
				 "the writer key of encrypted repository \"%s\" is not on this host",
				 repository->storage->location);
	free(hint);
	free(path);
	return false;
}

void
encryption_warn_untrusted(const Repository *repository)
{
	static bool said;

	if (repository->encryption == NULL || repository->encryption->trusted || said)
		return;
	said = true;
	log_warning_hint(
		"Name the signer with --signer, or in the identity file: \"# nex_backup "
		"signer: nex-signer-1…\"; the recovery sheet and the writer's host know it.",
		"the writer of this repository is known only from the repository itself: whoever can "
		"write to it could have replaced everything in it");
}
