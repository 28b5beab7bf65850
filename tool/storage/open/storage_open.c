/*-------------------------------------------------------------------------
 *
 * storage_open.c
 *	  Open the storage that a location names.
 *
 *-------------------------------------------------------------------------
 */
#include "storage_open.h"

#include <stdlib.h>
#include <string.h>

#include "aws_credentials.h"
#include "azure.h"
#include "azure_credentials.h"
#include "bucket.h"
#include "google.h"
#include "google_credentials.h"
#include "interrupt.h"
#include "location.h"
#include "memory.h"
#include "private_file.h"
#include "s3.h"
#include "sftp.h"
#include "storage_settings.h"

#define DEFAULT_REGION "us-east-1"

static const StorageSettings *used;

void
storage_use(const StorageSettings *settings)
{
	used = settings;
}

static double look_back_to;

void
storage_look_back(double as_of)
{
	look_back_to = as_of;
}

static const char *
region(void)
{
	static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
	size_t i;

	if (used->repo_region != NULL)
		return used->repo_region;
	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
	{
		const char *value = getenv(variables[i]);

		if (value != NULL && value[0] != '\0')
			return value;
	}
	return DEFAULT_REGION;
}

/* Who keeps buckets, in the order of LocationKind. */
static const struct
{
	const BucketDialect *dialect;
	KeySource source;
} providers[] = {[LOCATION_S3] = {&s3_dialect, aws_keys},
				 [LOCATION_AZURE] = {&azure_dialect, azure_keys},
				 [LOCATION_GOOGLE] = {&google_dialect, google_keys}};

/* What is signed with; Google's signatures have a word in its place. */
static const char *
region_of(const Location *location)
{
	switch (location->kind)
	{
		case LOCATION_S3:
			return region();
		case LOCATION_GOOGLE:
			return "auto";
		case LOCATION_AZURE:
		case LOCATION_SFTP:
		case LOCATION_DIRECTORY:
			break;
	}
	return NULL;
}

/*
 * Does the name of the bucket (Azure: of the account) go into the host's?  So
 * the servers of AWS and Azure want it, but a dot in it no certificate covers.
 */
static bool
name_in_host(const Location *location)
{
	if (used->repo_url_style != URL_AUTO)
		return used->repo_url_style == URL_HOST;
	return used->repo_endpoint == NULL && location->kind != LOCATION_GOOGLE &&
		   (location->account != NULL || strchr(location->bucket, '.') == NULL);
}

static Storage *
open_bucket(const Location *location)
{
	const char *endpoint = used->repo_endpoint;
	bool plain = endpoint != NULL && strncmp(endpoint, "http://", 7) == 0;
	const BucketAddress address = {.scheme = plain ? "http" : "https",
								   .authority =
									   endpoint != NULL ? strstr(endpoint, "://") + 3 : NULL,
								   .account = location->account,
								   .bucket = location->bucket,
								   .name_in_host = name_in_host(location),
								   .region = region_of(location)};
	const HttpOptions options = {.ca_file = used->repo_ca_file,
								 .proxy = plain ? "" : used->repo_proxy,
								 .stopped = stop_requested};
	const KeyChoice choice = {.place = used->repo_credentials,
							  .file = used->repo_secret_file,
							  .profile = used->repo_profile,
							  .region = address.region,
							  .network = {.proxy = used->repo_proxy, .stopped = stop_requested}};

	forbid_inspection();
	return bucket_storage_open(providers[location->kind].dialect, &address, location->prefix,
							   &options, providers[location->kind].source, &choice);
}

static Storage *
open_sftp(const Location *location, bool create, StoreResult *result)
{
	const TextList *words = &used->repo_sftp_command;
	const char **command = xcalloc((size_t) words->count + 1, sizeof(char *));
	const SftpAddress address = {.user = location->account,
								 .host = location->bucket,
								 .port = location->port,
								 .path = location->prefix};
	SftpOptions options = {.known_hosts = used->repo_sftp_known_hosts};
	Storage *storage;
	int i;

	for (i = 0; i < words->count; i++)
		command[i] = words->items[i];
	if (words->count > 0)
		options.command = command;
	storage = sftp_storage_open(&address, &options, create, result);
	free(command);
	return storage;
}

/* The same as it was; NULL, and closed, if that cannot be had. */
static Storage *
look_back(Storage *storage, const Location *place, StoreResult *result)
{
	if (place->kind == LOCATION_DIRECTORY || place->kind == LOCATION_SFTP)
		*result = store_failure(STORE_UNSUPPORTED, NULL,
								"only a bucket can be read as it was at an earlier time");
	else
		*result = bucket_storage_look_back(storage, look_back_to);
	if (result->code == STORE_OK)
		return storage;
	storage->close(storage);
	return NULL;
}

Storage *
storage_open(const char *location, bool create, StoreResult *result)
{
	static const StorageSettings none;
	Location place;
	const char *problem = location_parse(location, &place);
	Storage *storage;

	if (problem != NULL)
	{
		*result = store_failure(STORE_UNSUPPORTED, problem, "it cannot be the location of one");
		return NULL;
	}
	if (used == NULL)
		used = &none;
	*result = store_ok();
	if (place.kind == LOCATION_DIRECTORY)
		storage = posix_storage_open(place.directory, create, result);
	else if (place.kind == LOCATION_SFTP)
		storage = open_sftp(&place, create, result);
	else
		storage = open_bucket(&place);
	if (storage != NULL && look_back_to != 0)
		storage = look_back(storage, &place, result);
	location_free(&place);
	if (storage != NULL)
	{
		storage->lock_days = used->repo_lock_days;
		storage->lock_firmly = used->repo_lock_mode == LOCK_COMPLIANCE;
	}
	return storage;
}
