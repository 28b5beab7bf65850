/*-------------------------------------------------------------------------
 *
 * replica.c
 *	  A second place of a repository: opening it, and making it.
 *
 * Of an encrypted repository nex_backup.json is replaced when its keys were
 * changed.  That is done before the place is opened: this host may know of the
 * newer one, and takes the older one for one that somebody put back.
 *
 * Whoever can write to one place must not get at another by way of a copy: a
 * nex_backup.json follows only one that the same key has signed, and one that is
 * lost only the backups that this key has signed.  A plain one never follows.
 *
 *-------------------------------------------------------------------------
 */
#include "replica.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "encryption.h"
#include "file_names.h"
#include "json_bounds.h"
#include "log.h"
#include "lost_header.h"
#include "memory.h"
#include "recover_text.h"
#include "repository_features.h"
#include "seal.h"
#include "seal_append.h"
#include "storage_open.h"

#define MAX_HEADER_BYTES (1024 * 1024)

/* nex_backup.json and RECOVER.txt of the repository that is copied. */
typedef struct Header
{
	Buffer json;
	Buffer recover; /* empty: it is missing or damaged, and nothing depends on it */
} Header;

static void
header_free(Header *header)
{
	buffer_free(&header->json);
	buffer_free(&header->recover);
}

/*
 * Of a plain repository nobody vouches for a text that people follow by hand: it
 * gets that of this program, and a nex_backup.json that says so.
 */
static bool
make_header(const Repository *from, Header *header)
{
	char *text = recover_text(CIPHER_NONE);
	DigestHex digest;
	bool good;

	buffer_append_string(&header->recover, text);
	free(text);
	good = digest_buffer(header->recover.data, header->recover.length, digest);
	if (good)
		header_write(from->features, from->id, from->created, digest, &header->json);
	return (good && seal_append(&header->json)) ||
		   report_error(EXIT_FAILED, NULL, NULL, "OpenSSL gives no digest");
}

/* Take both from the repository, which is open: its nex_backup.json was checked. */
static bool
read_header(const Repository *from, Header *header)
{
	StoreResult result;
	DigestHex digest;

	buffer_init(&header->json);
	buffer_init(&header->recover);
	if (from->encryption == NULL)
		return make_header(from, header);
	result = storage_read(from->storage, FRAME_FILE, MAX_HEADER_BYTES, &header->json);
	if (result.code != STORE_OK)
		return report_error(EXIT_FAILED, NULL, result.hint, "could not read file \"%s/%s\": %s",
							from->storage->location, FRAME_FILE, result.text);
	if (!digest_buffer(header->json.data != NULL ? header->json.data : "", header->json.length,
					   digest) ||
		strcmp(digest, from->header_digest) != 0)
		return repository_damaged(from, FRAME_FILE, "was changed meanwhile", NULL);
	result = storage_read(from->storage, RECOVER_FILE, MAX_HEADER_BYTES, &header->recover);
	if (result.code == STORE_OK && header->recover.length > 0 &&
		digest_buffer(header->recover.data, header->recover.length, digest) &&
		strcmp(digest, from->recover_digest) == 0)
		return true;
	log_warning_hint("Run \"nex_backup init\" for this repository; it writes the file again.",
					 "file \"%s/%s\" is missing or damaged, and is not copied",
					 from->storage->location, RECOVER_FILE);
	buffer_reset(&header->recover);
	return true;
}

static bool
write_failed(const Storage *storage, const char *path, const StoreResult *result)
{
	return report_error(EXIT_FAILED, NULL, result->hint, "could not write file \"%s/%s\": %s",
						storage->location, path, result->text);
}

/* A disk may be missing, so nothing is made where something was expected. */
static bool
report_no_place(const char *location)
{
	return report_error(EXIT_FAILED, NULL,
						"If a disk belongs there, mount it.  The first copy to a new place is made "
						"with --create.",
						"there is no copy of the repository in \"%s\"", location);
}

/* RECOVER.txt first: nex_backup.json vouches for it. */
static bool
write_header(Storage *storage, const Header *header)
{
	StoreResult result = store_ok();

	if (header->recover.length > 0)
		result = storage_write(storage, RECOVER_FILE, header->recover.data, header->recover.length);
	if (result.code != STORE_OK)
		return write_failed(storage, RECOVER_FILE, &result);
	result = storage_write(storage, FRAME_FILE, header->json.data, header->json.length);
	return result.code == STORE_OK || write_failed(storage, FRAME_FILE, &result);
}

/* Has the writer of this repository signed the manifest at a place? */
static bool
is_signed(const Repository *from, Storage *storage, const BackupName *name)
{
	char *path = backup_path(name, ".json");
	Buffer file;
	bool good;

	buffer_init(&file);
	good = storage_read(storage, path, MAX_MANIFEST_BYTES, &file).code == STORE_OK &&
		   file.length > 0 &&
		   encryption_check(from->encryption, SIGNED_MANIFEST, file.data, file.length) == NULL;
	buffer_free(&file);
	free(path);
	return good;
}

/* Do the backups at a place, whose nex_backup.json is lost, belong to this repository? */
static bool
is_of(const Repository *from, Storage *storage)
{
	Repository place = {.storage = storage};
	Origin origin = {.encrypted = from->encryption != NULL};
	bool same;

	lost_header_origin(&place, &origin);
	same = origin.id != NULL && strcmp(origin.id, from->id) == 0 &&
		   origin.encrypted == (from->encryption != NULL) &&
		   (!origin.encrypted || is_signed(from, storage, &origin.name));
	free(origin.id);
	unclear_free(&place);
	return same;
}

/* Make it where nothing is. */
static bool
make_replica(const Repository *from, Storage *storage, const Header *header, bool create)
{
	bool occupied;
	StoreResult result = repository_look_for_others(storage, &occupied);

	if (result.code != STORE_OK && result.code != STORE_ABSENT)
		return report_error(EXIT_FAILED, NULL, result.hint, "could not read \"%s\": %s",
							storage->location, result.text);
	if (occupied && is_of(from, storage))
	{
		log_warning("file \"%s/%s\" is missing, and is copied again", storage->location,
					FRAME_FILE);
		return write_header(storage, header);
	}
	if (occupied)
		return report_error(EXIT_FAILED, NULL, "Choose an empty or new place.",
							"\"%s\" is neither empty nor a repository", storage->location);
	if (!create)
		return report_no_place(storage->location);
	if (!write_header(storage, header))
		return false;
	log_info("created \"%s\" as a copy of repository \"%s\"", storage->location,
			 from->storage->location);
	return true;
}

static bool
refuse_other(const Repository *from, const Storage *storage)
{
	return report_error(EXIT_FAILED,
						"A backup names its repository, so it can be copied only to a place of "
						"the same one.",
						"Name an empty or new place, with --create.",
						"\"%s\" is another repository than \"%s\"", storage->location,
						from->storage->location);
}

/* Somebody has replaced one of the two. */
static bool
refuse_header(const Repository *from, const Storage *storage, const char *problem)
{
	return report_error(EXIT_INTEGRITY, "One of the two may have been replaced.",
						"Find out which of them is the right one before you copy anything.",
						"file \"%s/%s\" %s, unlike that of \"%s\"", storage->location, FRAME_FILE,
						problem, from->storage->location);
}

/* May it be copied to the one that is there?  It gets the newer keys, if these were changed. */
static bool
follow_header(const Repository *from, Storage *storage, const Header *header, const Buffer *there,
			  bool dry_run)
{
	static const JsonBounds bounds = {MAX_HEADER_BYTES, 32, 100000};
	const char *problem;
	const char *id;
	bool older = false;
	bool other = false;
	int64_t serial;
	json_t *root;

	/* A damaged one: repository_open() says so. */
	if (there->length == 0 || seal_check(there->data, there->length) != NULL ||
		json_beyond(there->data, there->length, &bounds) != NULL)
		return true;
	root = json_loadb(there->data, there->length, JSON_REJECT_DUPLICATES, NULL);
	id = json_string_value(json_object_get(root, "id"));
	problem = id != NULL ? encryption_compare(from, root, there, &serial) : NULL;
	if (id != NULL)
	{
		other = strcmp(id, from->id) != 0;
		older = from->encryption != NULL && serial < from->encryption->serial;
	}
	json_decref(root);
	if (other)
		return refuse_other(from, storage);
	if (problem != NULL)
		return refuse_header(from, storage, problem);
	return !older || dry_run || write_header(storage, header);
}

/* Look at what is there, and make it right.  False: reported, or *absent. */
static bool
prepare(const Repository *from, Storage *storage, bool create, bool dry_run, bool *absent)
{
	Header header;
	Buffer there;
	StoreResult result;
	bool good = read_header(from, &header);

	buffer_init(&there);
	if (good)
	{
		result = storage_read(storage, FRAME_FILE, MAX_HEADER_BYTES, &there);
		*absent = result.code == STORE_ABSENT && dry_run && create;
		if (result.code == STORE_ABSENT)
			good = !*absent && (dry_run ? report_no_place(storage->location)
										: make_replica(from, storage, &header, create));
		else if (result.code == STORE_OK && create)
			good = report_error(EXIT_FAILED, NULL, "Leave out --create, which is for new places.",
								"\"%s\" is a repository already", storage->location);
		else if (result.code == STORE_OK)
			good = follow_header(from, storage, &header, &there, dry_run);
	}
	buffer_free(&there);
	header_free(&header);
	return good;
}

/* NULL: reported, or *absent. */
static Storage *
open_place(const char *location, bool create, bool dry_run, bool *absent)
{
	StoreResult result;
	Storage *storage = storage_open(location, create && !dry_run, &result);

	*absent = storage == NULL && create && dry_run && result.code == STORE_ABSENT;
	if (storage != NULL || *absent)
		return storage;
	if (result.code == STORE_ABSENT)
		report_no_place(location);
	else
		report_error(EXIT_FAILED, NULL, result.hint, "could not open \"%s\": %s", location,
					 result.text);
	return NULL;
}

/*
 * Versions that do not know base backups must refuse a place before there is one.  The header of
 * an encrypted repository, which only its writer can sign, was taken over with that.
 */
static bool
follow_features(const Repository *from, Repository *to, bool dry_run)
{
	return dry_run || from->encryption != NULL || (from->features & FEATURE_CLUSTER) == 0 ||
		   repository_add_feature(to, FEATURE_CLUSTER);
}

Repository *
replica_open(const Repository *from, const char *location, bool create, bool dry_run, bool *absent)
{
	Storage *storage = open_place(location, create, dry_run, absent);
	Repository *to;
	bool good;

	if (storage == NULL)
		return NULL;
	good = prepare(from, storage, create, dry_run, absent);
	storage->close(storage);
	to = good ? repository_open(location) : NULL;
	if (to == NULL || (strcmp(to->id, from->id) == 0
						   ? replica_check_writer(from, to) && follow_features(from, to, dry_run)
						   : refuse_other(from, to->storage)))
		return to;
	repository_close(to);
	return NULL;
}

bool
replica_check_writer(const Repository *from, const Repository *to)
{
	const Encryption *one = from->encryption;
	const Encryption *other = to->encryption;

	if (one == NULL && other == NULL)
		return true;
	if (one == NULL || other == NULL)
		return refuse_header(from, to->storage,
							 other == NULL ? "is that of a plain repository"
										   : "is that of an encrypted repository");
	return memcmp(one->signer, other->signer, KEY_BYTES) == 0 ||
		   refuse_header(from, to->storage, "is signed by another key");
}

bool
replica_repair_header(const Repository *from, const char *location, bool dry_run, bool *repaired)
{
	bool absent;
	Storage *storage = open_place(location, false, dry_run, &absent);
	Header header;
	Buffer there;
	StoreResult result;
	bool good;

	*repaired = false;
	if (storage == NULL)
		return false;
	buffer_init(&there);
	good = read_header(from, &header);
	result = storage_read(storage, FRAME_FILE, MAX_HEADER_BYTES, &there);
	*repaired = good &&
				(result.code == STORE_ABSENT || result.code == STORE_DAMAGED ||
				 (result.code == STORE_OK &&
				  (there.length == 0 || seal_check(there.data, there.length) != NULL))) &&
				is_of(from, storage);
	if (*repaired && !dry_run)
		good = write_header(storage, &header);
	buffer_free(&there);
	header_free(&header);
	storage->close(storage);
	return good;
}
