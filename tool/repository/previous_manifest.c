/*-------------------------------------------------------------------------
 *
 * previous_manifest.c
 *	  The manifest of the backup that the next one builds on.
 *
 *-------------------------------------------------------------------------
 */
#include "previous_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "backups.h"
#include "encryption.h"
#include "log.h"
#include "manifest_read.h"
#include "memory.h"
#include "resolve.h"
#include "verification.h"
#include "writer_state.h"

/* The writer may not be able to read it: then take its own copy, if there is one. */
static Manifest *
read_previous(Repository *repository, const BackupName *name, char **error)
{
	Manifest *manifest = repository_manifest_try(repository, name, error);
	Manifest *copy = NULL;
	char *problem = NULL;
	Buffer json;

	if (manifest == NULL || repository->encryption == NULL)
		return manifest;
	if (strcmp(manifest->recipients, repository->encryption->recipients_id) != 0)
	{
		log_info("the recipients of the repository have changed: everything is stored again");
		manifest_free(manifest);
		return NULL;
	}
	if (!manifest->locked)
		return manifest;
	buffer_init(&json);
	if (writer_state_manifest(repository->id, &name->owner, &json))
		copy = manifest_parse(json.data != NULL ? json.data : "", json.length, &problem);
	buffer_free(&json);
	free(problem);
	if (copy != NULL && manifest_same_backup(manifest, copy))
	{
		manifest_free(manifest);
		return copy;
	}
	manifest_free(copy);
	return manifest;
}

Manifest *
manifest_to_build_on(Repository *repository, const Owner *owner)
{
	Manifest *manifest = NULL;
	char *error = NULL;
	BackupName latest;
	char *name;

	if (!repository_latest(repository, owner, &latest))
		return NULL;
	/* Nobody knows which of its files are good: the record of that may be cut. */
	if (repository_verification_failed(repository, &latest))
	{
		name = owner_name(owner);
		log_warning("the last verification of backup %s/%s failed: everything is stored again",
					name, latest.id);
		free(name);
		return NULL;
	}
	manifest = read_previous(repository, &latest, &error);
	if (error != NULL)
	{
		name = owner_name(owner);
		log_warning("backup %s/%s %s, so everything is stored again: %s", name, latest.id,
					repository->manifest_unreadable ? "cannot be read" : "is damaged", error);
		free(name);
	}
	free(error);
	return manifest;
}
