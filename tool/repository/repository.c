/*-------------------------------------------------------------------------
 *
 * repository.c
 *	  Opening, creating and locking a repository.
 *
 * nex_backup.json is convenient, not necessary: nothing in a backup depends
 * on it.  So init can write a lost one anew, taking the repository's id from
 * its backups, and a repository never becomes useless by losing one file.
 *
 *-------------------------------------------------------------------------
 */
#include "repository.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "encryption.h"
#include "file_names.h"
#include "interrupt.h"
#include "json_bounds.h"
#include "keyring.h"
#include "log.h"
#include "lost_header.h"
#include "memory.h"
#include "other_places.h"
#include "primitives.h"
#include "quote.h"
#include "recover_text.h"
#include "removal_lock.h"
#include "repository_features.h"
#include "repository_secret.h"
#include "seal.h"
#include "seal_append.h"
#include "shown_value.h"
#include "storage_open.h"
#include "unclear.h"
#include "writer_state.h"

#define REPOSITORY_LOCK "lock/repository"
#define COPY_LOCK "lock/copy"
#define MAX_FRAME_BYTES (1024 * 1024)
#define OPEN_TRIES 10

/*
 * How long expire may hold up everybody else, which is longer than the lease of one that was
 * killed, and how often its end is looked for.
 */
#define LOCK_WAIT_SECONDS 150
#define LOCK_POLL_MS 200

#define FRAME_HINT                                                                                 \
	"No backup depends on this file: remove it, then run \"nex_backup init\" for this "            \
	"repository; it "                                                                              \
	"writes the file again."
#define RECOVER_HINT "Run \"nex_backup init\" for this repository; it writes RECOVER.txt again."

/* No backup is under way. */
static const char *
header_error_hint(const StoreResult *result)
{
	return result->code == STORE_FULL ? "Free some space in the file system of the repository."
									  : result->hint;
}

static bool
write_failed(const Repository *repository, const char *path, const StoreResult *result)
{
	return report_error(EXIT_FAILED, NULL, header_error_hint(result),
						"could not write file \"%s/%s\": %s", repository->storage->location, path,
						result->text);
}

/*
 * RECOVER.txt first, then nex_backup.json that vouches for it: a crash in between is repaired by
 * init.  *lasting: it is there also after a crash of the machine; if not, there is a warning.
 */
static bool
write_header(Repository *repository, const char *hint, bool *lasting)
{
	const Encryption *encryption = repository->encryption;
	Storage *storage = repository->storage;
	StoreResult not_lasting = store_ok();
	StoreResult result = store_failure(STORE_FAILED, NULL, "OpenSSL refuses");
	Buffer json;
	char *text;

	*lasting = true;
	if (!encryption_can_write(repository))
		return false;
	text = recover_text(encryption != NULL ? encryption->cipher : CIPHER_NONE);
	if (digest_buffer(text, strlen(text), repository->recover_digest))
		result = storage_write(storage, RECOVER_FILE, text, strlen(text));
	free(text);
	if (result.code != STORE_OK)
		return write_failed(repository, RECOVER_FILE, &result);
	buffer_init(&json);
	header_write(repository->features, repository->id, repository->created,
				 repository->recover_digest, &json);
	if ((encryption != NULL && !encryption_write(repository, &json)) || !seal_append(&json))
		result = store_failure(STORE_FAILED, NULL, "OpenSSL refuses");
	else
		result = storage_write_lasting(storage, FRAME_FILE, json.data, json.length, &not_lasting);
	buffer_free(&json);
	*lasting = not_lasting.code == STORE_OK;
	if (!*lasting)
		log_warning_hint(hint,
						 "file \"%s/%s\" is written, but a crash of this machine may undo that: %s",
						 storage->location, FRAME_FILE, not_lasting.text);
	return result.code == STORE_OK || write_failed(repository, FRAME_FILE, &result);
}

/* "2026-11-23T02:00:00Z" */
static bool
is_time(const char *text)
{
	return text != NULL && strlen(text) == 20 && strspn(text, "0123456789-:TZ") == 20;
}

/* Fill in the repository from nex_backup.json. */
static bool
parse_header(Repository *repository, const Buffer *file)
{
	static const JsonBounds bounds = {MAX_FRAME_BYTES, 32, 100000};
	const char *problem = seal_check(file->data, file->length);
	const char *recover;
	const char *created;
	const char *id;
	bool good = true;
	json_t *root;

	if (problem == NULL)
		problem = json_beyond(file->data, file->length, &bounds);
	if (problem != NULL)
		return repository_damaged(repository, FRAME_FILE, problem, FRAME_HINT);
	root = json_loadb(file->data, file->length, JSON_REJECT_DUPLICATES, NULL);
	/* As a number that is too long. */
	if (root == NULL)
		return repository_damaged(repository, FRAME_FILE, "holds JSON that cannot be read",
								  FRAME_HINT);
	id = json_string_value(json_object_get(root, "id"));
	created = json_string_value(json_object_get(root, "created"));
	recover = json_string_value(json_object_get(root, "recover_sha256"));
	if (!features_read(root, &repository->features))
		good =
			report_error(EXIT_FAILED, NULL, "Use a version of nex_backup that knows this format.",
						 "repository \"%s\" has an unknown format", repository->storage->location);
	else if (!repository_id_valid(id) || !is_time(created) || recover == NULL ||
			 !digest_hex_valid(recover))
		good = repository_damaged(repository, FRAME_FILE, "has a bad or missing value", FRAME_HINT);
	else
	{
		repository->id = xstrdup(id);
		repository->created = xstrdup(created);
		memcpy(repository->recover_digest, recover, sizeof(repository->recover_digest));
		good = digest_buffer(file->data, file->length, repository->header_digest) &&
			   encryption_read(repository, root, file);
	}
	json_decref(root);
	return good;
}

/*
 * Open the storage and read nex_backup.json: STORE_ABSENT if there is none,
 * STORE_CHANGED if somebody changed the keys meanwhile, STORE_DAMAGED if it says
 * something that was reported.
 */
static Repository *
open_once(const char *location, bool create, StoreResult *result)
{
	Repository *repository;
	Storage *storage = storage_open(location, create, result);
	Buffer file;

	if (storage == NULL)
		return NULL;
	repository = xcalloc(1, sizeof(Repository));
	repository->storage = storage;
	buffer_init(&file);
	*result = storage_read(storage, FRAME_FILE, MAX_FRAME_BYTES, &file);
	if (result->code == STORE_DAMAGED)
		result->code = STORE_FAILED; /* not one that parse_header() has reported */
	else if (result->code == STORE_OK && !parse_header(repository, &file))
		result->code = repository->outpaced ? STORE_CHANGED : STORE_DAMAGED;
	buffer_free(&file);
	return repository;
}

/* The same, again while others change the keys. */
static Repository *
open_location(const char *location, bool create, StoreResult *result)
{
	Repository *repository = open_once(location, create, result);
	int tries;

	for (tries = 1; result->code == STORE_CHANGED && tries < OPEN_TRIES; tries++)
	{
		repository_close(repository);
		repository = open_once(location, create, result);
	}
	if (result->code == STORE_CHANGED)
		*result = store_failure(STORE_CHANGED, NULL, "its keys are changed all the time");
	return repository;
}

/* What of a repository a directory has. */
typedef struct Remains
{
	bool backups;
	bool wal;
} Remains;

static bool
note_remains(const char *name, void *argument)
{
	Remains *remains = argument;

	remains->backups |= strcmp(name, "backups/") == 0;
	remains->wal |= strcmp(name, "wal/") == 0;
	return !remains->backups || !remains->wal;
}

/* A directory without nex_backup.json was a repository if it has backups, or WAL. */
static bool
has_remains(Repository *repository)
{
	Remains remains = {false, false};

	repository->storage->list(repository->storage, ".", note_remains, &remains);
	if (remains.wal)
		repository->features |= FEATURE_WAL;
	return remains.backups || remains.wal;
}

Repository *
repository_open(const char *location)
{
	Repository *repository;
	StoreResult result;

	repository = open_location(location, false, &result);
	if (result.code == STORE_OK)
		return repository;
	if (result.code == STORE_ABSENT && repository != NULL && has_remains(repository))
	{
		if (lost_header_read_on(repository))
			return repository;
		result.code = STORE_DAMAGED;
	}
	repository_close(repository);
	if (result.code == STORE_DAMAGED)
		return NULL;
	if (result.code == STORE_ABSENT)
	{
		Buffer hint;

		buffer_init(&hint);
		buffer_append_string(&hint, "Check the path.  A new repository is made by: nex_backup init "
									"--repo ");
		quote_shell_word(&hint, location);
		report_error(EXIT_FAILED, NULL, hint.data, "there is no repository in \"%s\"", location);
		buffer_free(&hint);
	}
	else
	{
		char *shown = shown_value(location);

		report_error(EXIT_FAILED, NULL, result.hint, "could not open repository \"%s\": %s", shown,
					 result.text);
		free(shown);
	}
	return NULL;
}

void
repository_use_server(Repository *repository, const char *label, bool no_other)
{
	const Owner globals = owner_of_globals(label);

	memcpy(repository->server, globals.server, sizeof(repository->server));
	repository->no_other_server = no_other;
}

void
repository_close(Repository *repository)
{
	int n;

	if (repository == NULL)
		return;
	for (n = 1; repository_place(repository, 0, n) != NULL; n++)
		repository_close(repository_place(repository, 0, n));
	other_places_free(repository);
	repository_unlock(repository, repository->shared_lock);
	repository->storage->close(repository->storage);
	encryption_free(repository->encryption);
	unclear_free(repository);
	free(repository->id);
	free(repository->created);
	free(repository->left_out);
	free(repository);
}

/* What an init leaves that was killed, and what every new file system has, is nobody's. */
static bool
note_foreign_name(const char *name, void *argument)
{
	if (strncmp(name, RECOVER_FILE, strlen(RECOVER_FILE)) == 0 ||
		strncmp(name, FRAME_FILE, strlen(FRAME_FILE)) == 0 || strcmp(name, "lost+found/") == 0)
		return true;
	*(bool *) argument = true;
	return false;
}

StoreResult
repository_look_for_others(Storage *storage, bool *occupied)
{
	*occupied = false;
	return storage->list(storage, ".", note_foreign_name, occupied);
}

char *
repository_recover_problem(Repository *repository, StoreResult *result)
{
	DigestHex digest;
	Buffer file;
	char *problem = NULL;

	buffer_init(&file);
	*result = storage_read(repository->storage, RECOVER_FILE, MAX_FRAME_BYTES, &file);
	if (result->code == STORE_ABSENT)
		problem = xstrdup("is missing");
	else if (result->code != STORE_OK)
		problem = xasprintf("could not be read: %s", result->text);
	else if (!digest_buffer(file.data != NULL ? file.data : "", file.length, digest) ||
			 strcmp(digest, repository->recover_digest) != 0)
		problem = xstrdup("does not match the digest in " FRAME_FILE);
	buffer_free(&file);
	return problem;
}

bool
repository_recover_is_intact(Repository *repository)
{
	StoreResult result;
	char *problem = repository_recover_problem(repository, &result);
	bool intact = problem == NULL;

	free(problem);
	return intact;
}

/* The secret of a new nex_backup.json; it must be that of the backups, if there are any. */
static bool
prepare_secret(Repository *repository, const Origin *origin)
{
	Encryption *encryption = repository->encryption;

	if (!repository_secret_begin(repository, encryption))
		return false;
	return encryption->wrapping == WRAPPED_FOR_RECIPIENTS || origin->keys[0] == '\0' ||
		   strcmp(origin->keys, encryption->recipients_id) == 0 ||
		   report_error(EXIT_FAILED, NULL, "Give the key file or passphrase that they have.",
						"the backups in \"%s\" are encrypted with another key",
						repository->storage->location);
}

/* An encrypted repository begins with the key of its writer, or with the one that wrote before. */
static bool
prepare_writer(Repository *repository)
{
	Encryption *encryption = repository->encryption;
	WriterKeyState state = writer_state_key(repository->id, &encryption->writer_key);
	int64_t serial;

	if (state == WRITER_KEY_BAD)
		return false;
	if (state == WRITER_KEY_ABSENT && has_remains(repository))
	{
		encryption->has_writer_key = false;
		return encryption_can_write(repository);
	}
	keyring_protect_process();
	if (state == WRITER_KEY_ABSENT && !writer_key_generate(&encryption->writer_key))
		return report_error(EXIT_FAILED, NULL, NULL, "could not generate a key");
	memcpy(encryption->signer, encryption->writer_key.signer, KEY_BYTES);
	encryption->has_writer_key = true;
	if (!writer_state_serial(repository->id, &serial))
		return false;
	encryption->serial = serial + 1;
	return writer_state_save(repository, &encryption->writer_key, encryption->serial);
}

static bool
create_header(Repository *repository, const char *location)
{
	Storage *storage = repository->storage;
	Origin origin = {.encrypted = repository->encryption != NULL};
	bool occupied = false;
	bool lasting;
	struct tm tm;
	char text[32];
	StoreResult result;
	time_t now;

	if (has_remains(repository))
	{
		lost_header_origin(repository, &origin);
		repository->id = origin.id;
	}
	else
	{
		result = repository_look_for_others(storage, &occupied);
		if (result.code != STORE_OK)
			return report_error(EXIT_FAILED, NULL, result.hint,
								"could not read directory \"%s\": %s", location, result.text);
	}
	if (occupied)
		return report_error(EXIT_FAILED, NULL, "Choose an empty or new directory.",
							"directory \"%s\" is neither empty nor a repository", location);
	if (origin.encrypted != (repository->encryption != NULL))
		return report_error(
			EXIT_INTEGRITY, NULL,
			origin.encrypted
				? "Give its recipients with --recipient, or its key file or passphrase."
				: "Leave out --recipient, --key-file and --passphrase-....",
			"the backups in \"%s\" are %sencrypted", location, origin.encrypted ? "" : "not ");
	time(&now);
	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	repository->created = xstrdup(text);
	if (repository->id == NULL)
		repository->id = random_uuid();
	if (repository->id == NULL)
		return report_error(EXIT_FAILED, NULL, NULL, "could not generate random bytes");
	return (repository->encryption == NULL ||
			(prepare_secret(repository, &origin) && prepare_writer(repository))) &&
		   write_header(repository, NULL, &lasting);
}

/* RECOVER.txt is what this version of the tool would write. */
static bool
recover_is_current(Repository *repository)
{
	const Encryption *encryption = repository->encryption;
	char *text = recover_text(encryption != NULL ? encryption->cipher : CIPHER_NONE);
	DigestHex digest;
	bool current;

	current = digest_buffer(text, strlen(text), digest) &&
			  strcmp(digest, repository->recover_digest) == 0;
	free(text);
	return current;
}

/* What init is asked for must be what is there. */
static bool
check_same_encryption(const Repository *repository, const Encryption *wanted)
{
	const Encryption *encryption = repository->encryption;
	const char *state = "with other recipients";
	const char *hint = "\"nex_backup key add\" and \"key remove\" change its recipients.";

	if (encryption == NULL)
	{
		state = "and is not encrypted";
		hint = "Create a new repository: one that holds plain backups cannot become an encrypted "
			   "one.";
	}
	else if (encryption->wrapping != wanted->wrapping || encryption->cipher != wanted->cipher)
	{
		state = "and is encrypted in another way";
		hint = "\"nex_backup key list\" shows how.";
	}
	/* Another key file or passphrase was refused when the repository was opened. */
	else if (encryption->wrapping != WRAPPED_FOR_RECIPIENTS ||
			 strcmp(encryption->recipients_id, wanted->recipients_id) == 0)
		return true;
	return report_error(EXIT_FAILED, NULL, hint, "repository \"%s\" exists already, %s",
						repository->storage->location, state);
}

/* A plain repository must not be made where an encrypted one was. */
static bool
check_location(const Repository *repository)
{
	char *known;
	char *path;
	char *hint;
	bool good;

	if (!writer_state_repository_at(repository, &known))
		return false;
	good = known == NULL || repository->encryption != NULL;
	free(known);
	if (good)
		return true;
	path = writer_state_location_path(repository);
	hint = xasprintf("Give its recipients with --recipient, or its key file or passphrase; or, to "
					 "start again without encryption, remove file \"%s\".",
					 path);
	report_error(EXIT_INTEGRITY, NULL, hint,
				 "an encrypted repository was created in \"%s\" from this host",
				 repository->storage->location);
	free(hint);
	free(path);
	return false;
}

/* Takes over the encryption; NULL: plain. */
static bool
init(const char *location, Encryption *encryption, bool *created)
{
	Repository *repository;
	bool good = true;
	bool lasting;
	StoreResult result;

	repository = open_location(location, true, &result);
	*created = result.code == STORE_ABSENT;
	if (result.code == STORE_ABSENT && repository != NULL)
	{
		repository->encryption = encryption;
		encryption = NULL;
		good = check_location(repository) && removal_lock_possible(repository) &&
			   create_header(repository, location);
	}
	else if (result.code == STORE_DAMAGED)
		good = false;
	else if (result.code != STORE_OK)
		good = report_error(EXIT_FAILED, NULL, header_error_hint(&result),
							"could not create repository \"%s\": %s", location, result.text);
	else if (encryption != NULL && !check_same_encryption(repository, encryption))
		good = false;
	else if (!repository_recover_is_intact(repository) || !recover_is_current(repository))
		good = write_header(repository, NULL, &lasting);
	if (good)
		writer_state_mean(repository);
	repository_close(repository);
	encryption_free(encryption);
	return good;
}

bool
repository_init(const char *location, bool *created)
{
	return init(location, NULL, created);
}

bool
repository_init_encrypted(const char *location, Cipher cipher, AgeRecipients *recipients,
						  bool *created)
{
	Encryption *encryption = encryption_create(cipher, recipients);

	if (encryption_identify_recipients(encryption))
		return init(location, encryption, created);
	encryption_free(encryption);
	return report_error(EXIT_FAILED, NULL, NULL, "could not compute a SHA-256 digest");
}

bool
repository_init_with_secret(const char *location, KeyWrapping wrapping, int log_n, bool *created)
{
	AgeRecipients none = {0};
	Encryption *encryption = encryption_create(CIPHER_AES_256_GCM, &none);

	encryption->wrapping = wrapping;
	encryption->log_n = log_n;
	return init(location, encryption, created);
}

bool
repository_rewrite(Repository *repository)
{
	Encryption *encryption = repository->encryption;
	bool lasting;

	if (!lost_header_refuse(repository))
		return false;
	/*
	 * The file first: with a number lower than the one remembered it would always be refused.
	 * So nothing is remembered of a file that may be gone again.
	 */
	if (encryption != NULL)
		encryption->serial++;
	if ((encryption != NULL && encryption->wrapping == WRAPPED_FOR_RECIPIENTS &&
		 !encryption_identify_recipients(encryption)) ||
		!write_header(repository, "Run the same command again, which writes it again.", &lasting))
		return false;
	if (lasting && encryption != NULL)
		writer_state_follow(repository, encryption->serial);
	return true;
}

bool
repository_add_feature(Repository *repository, unsigned feature)
{
	if ((repository->features & feature) != 0)
		return true;
	repository->features |= feature;
	return repository_rewrite(repository);
}

bool
repository_check_header(Repository *repository)
{
	StoreResult result;
	char *problem;
	bool good;

	if (!lost_header_refuse(repository))
		return false;
	problem = repository_recover_problem(repository, &result);
	good = problem == NULL;
	/* nex_backup.json was checked when the repository was opened. */
	if (store_inaccessible(&result))
		repository_unreadable(repository, RECOVER_FILE, &result);
	else if (!good)
		repository_damaged(repository, RECOVER_FILE, problem, RECOVER_HINT);
	free(problem);
	return good;
}

void
repository_warn_header(Repository *repository)
{
	StoreResult result;
	char *problem;

	/* That has been said. */
	if (repository->headerless)
		return;
	problem = repository_recover_problem(repository, &result);
	if (problem != NULL)
		log_warning_hint(store_inaccessible(&result) ? result.hint : RECOVER_HINT,
						 "file \"%s/" RECOVER_FILE "\" %s; no backup depends on it",
						 repository->storage->location, problem);
	free(problem);
}

/* Wait while expire removes objects; STORE_BUSY if that takes too long or work must stop. */
static StoreResult
wait_for_shared_lock(Repository *repository)
{
	const struct timespec interval = {0, LOCK_POLL_MS * 1000000L};
	Storage *storage = repository->storage;
	StoreResult result;
	int waited;

	for (waited = 0;; waited += LOCK_POLL_MS)
	{
		result = storage->lock(storage, REPOSITORY_LOCK, LOCK_SHARED, &repository->shared_lock);
		if (result.code != STORE_BUSY || waited >= LOCK_WAIT_SECONDS * 1000 || stop_requested())
			return result;
		if (waited == 0)
			log_info("waiting until repository \"%s\" is no longer locked, as \"nex_backup "
					 "expire\" does",
					 storage->location);
		nanosleep(&interval, NULL);
	}
}

static bool
lock_shared(Repository *repository)
{
	Storage *storage = repository->storage;
	StoreResult result =
		repository->shared_lock != NULL ? store_ok() : wait_for_shared_lock(repository);

	if (result.code == STORE_OK)
		return true;
	repository->shared_lock = NULL;
	if (result.code == STORE_BUSY)
		return report_error(EXIT_LOCKED, NULL, "Try again when \"nex_backup expire\" is done.",
							"repository \"%s\" is still being cleaned up after %d seconds",
							storage->location, LOCK_WAIT_SECONDS);
	/* Nobody can remove anything from what cannot be written to. */
	if (result.code == STORE_DENIED || result.code == STORE_ABSENT)
		return true;
	/* Nor without a lock that nobody can have. */
	if (storage->can.lockless)
	{
		log_warning_hint("Let only one command at a time write to it. \"nex_backup expire\" "
						 "removes nothing there.",
						 "repository \"%s\" cannot be locked: %s", storage->location, result.text);
		return true;
	}
	if (place_left_out(repository, &result))
		return true;
	return report_error(EXIT_FAILED, NULL, result.hint, "could not lock repository \"%s\": %s",
						storage->location, result.text);
}

bool
repository_lock_shared(Repository *repository)
{
	Repository *place;
	int n;

	for (n = 0; (place = repository_place(repository, 0, n)) != NULL; n++)
	{
		if (!lock_shared(place))
			return false;
	}
	return true;
}

StoreResult
repository_lock_exclusive(Repository *repository, StoreLock **lock)
{
	Storage *storage = repository->storage;

	return storage->lock(storage, REPOSITORY_LOCK, LOCK_EXCLUSIVE, lock);
}

/* Take one of the locks that are for one run at a time; what it is, for the report. */
static bool
lock_one(Repository *repository, const char *path, const char *what, StoreLock **lock)
{
	Storage *storage = repository->storage;
	StoreResult result = storage->lock(storage, path, LOCK_ALONE, lock);

	/* There was a warning. */
	if (storage->can.lockless)
		return true;
	if (result.code == STORE_BUSY)
		report_error(EXIT_LOCKED, NULL,
					 storage->can.lease ? "Wait until it ends.  What one that was killed has left "
										  "is free after two minutes."
										: "Wait until it ends.",
					 "another %s is running", what);
	else if (result.code != STORE_OK)
		report_error(EXIT_FAILED, NULL, result.hint, "could not lock file \"%s/%s\": %s",
					 storage->location, path, result.text);
	return result.code == STORE_OK;
}

bool
repository_lock_backup(Repository *repository, const Owner *owner, StoreLock **lock)
{
	char *name = owner_name(owner);
	char *shown = printable_name(name);
	char *path = owner_lock(owner);
	char *what =
		owner->kind == BACKUP_OF_FILES     ? xasprintf("backup of the files of set \"%s\"", shown)
		: owner->kind == BACKUP_OF_CLUSTER ? xasprintf("base backup of system identifier %s", shown)
		: owner_is_globals(owner)          ? xstrdup("backup of the globals")
										   : xasprintf("backup of database \"%s\"", shown);
	bool good;

	*lock = NULL;
	good = !lost_header_refuse(repository) ? false
		   : path != NULL
			   ? lock_one(repository, path, what, lock)
			   : report_error(EXIT_FAILED, NULL, NULL, "database name \"%s\" is not valid", shown);
	free(path);
	free(what);
	free(shown);
	free(name);
	return good;
}

bool
repository_lock_copy(Repository *repository, StoreLock **lock)
{
	char *what = xasprintf("copy to \"%s\"", repository->storage->location);
	bool good;

	*lock = NULL;
	good = lost_header_refuse(repository) && lock_one(repository, COPY_LOCK, what, lock);
	free(what);
	return good;
}

bool
repository_lock_held(const Repository *repository, const StoreLock *lock)
{
	const StoreLock *locks[] = {lock, repository->shared_lock};
	Storage *storage = repository->storage;

	if (storage_locks_alive(storage, locks, 2))
		return true;
	return report_error(EXIT_FAILED, NULL, "Run the same command again.",
						"a lock on repository \"%s\" was lost, so another command may have changed "
						"it meanwhile",
						storage->location);
}

void
repository_unlock(Repository *repository, StoreLock *lock)
{
	if (lock != NULL)
		repository->storage->unlock(repository->storage, lock);
}
