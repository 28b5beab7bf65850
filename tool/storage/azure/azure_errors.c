/*-------------------------------------------------------------------------
 *
 * azure_errors.c
 *	  The errors that Azure Blob Storage reports.
 *
 * Source: "Common REST API error codes" and "Blob Storage error codes", Azure
 * Storage Services REST API.
 *
 *-------------------------------------------------------------------------
 */
#include "azure.h"

#define EXPIRED_HINT "The credentials have expired."
#define SIGNED_HINT                                                                                \
	"Check the name of the account and its key or token, and the clock of this machine."
#define ARCHIVED_HINT "The blob is in the archive tier; move it to a tier that can be read."

static const ErrorMeaning meanings[] = {
	{"BlobNotFound", STORE_ABSENT, NO_REMEDY, NULL},
	{"ContainerNotFound", STORE_FAILED, NO_REMEDY,
	 "Create the container, or correct its name; nex_backup creates none."},
	{"ResourceNotFound", STORE_FAILED, NO_REMEDY, "Check the names of account and container."},
	{"InvalidResourceName", STORE_FAILED, NO_REMEDY,
	 "The name of a container has lower-case letters, digits and \"-\"."},
	{"BlobAlreadyExists", STORE_EXISTS, NO_REMEDY, NULL},
	{"ConditionNotMet", STORE_EXISTS, NO_REMEDY, NULL},
	{"TargetConditionNotMet", STORE_EXISTS, NO_REMEDY, NULL},
	{"ServerBusy", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"ContainerBeingDeleted", STORE_FAILED, NO_REMEDY, NULL},
	{"OperationTimedOut", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NULL},
	{"InternalError", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NULL},
	/* What arrived is not what was sent: something on the way has changed it. */
	{"Md5Mismatch", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"IncompleteBody", STORE_UNREACHABLE, NO_REMEDY, NULL},
	/* One name for a wrong key, a clock that differs, and a token that has ended. */
	{"AuthenticationFailed", STORE_DENIED, CLOCK_OR_TOKEN, SIGNED_HINT},
	{"InvalidAuthenticationInfo", STORE_DENIED, CLOCK_OR_TOKEN, EXPIRED_HINT},
	{"NoAuthenticationInformation", STORE_DENIED, NO_REMEDY, SIGNED_HINT},
	{"AuthorizationFailure", STORE_DENIED, NO_REMEDY, RIGHTS_HINT},
	{"AuthorizationPermissionMismatch", STORE_DENIED, NO_REMEDY, RIGHTS_HINT},
	{"AuthorizationProtocolMismatch", STORE_DENIED, NO_REMEDY, RIGHTS_HINT},
	{"AuthorizationResourceTypeMismatch", STORE_DENIED, NO_REMEDY,
	 "The token must be for the container and its blobs."},
	{"AuthorizationServiceMismatch", STORE_DENIED, NO_REMEDY, "The token must be for blobs."},
	{"AuthorizationSourceIPMismatch", STORE_DENIED, NO_REMEDY,
	 "The token is not for the address of this machine."},
	{"InsufficientAccountPermissions", STORE_DENIED, NO_REMEDY, RIGHTS_HINT},
	{"UnauthorizedBlobOverwrite", STORE_DENIED, NO_REMEDY,
	 "The token must allow to write blobs, not only to create them."},
	{"KeyBasedAuthenticationNotPermitted", STORE_DENIED, NO_REMEDY,
	 "The account allows no keys; use an identity, or a token that one has made."},
	{"PublicAccessNotPermitted", STORE_DENIED, NO_REMEDY, SIGNED_HINT},
	{"AccountIsDisabled", STORE_DENIED, NO_REMEDY, NULL},
	{"BlobArchived", STORE_DENIED, NO_REMEDY, ARCHIVED_HINT},
	{"BlobBeingRehydrated", STORE_DENIED, NO_REMEDY, ARCHIVED_HINT},
	{"BlobImmutableDueToPolicy", STORE_LOCKED, NO_REMEDY,
	 "A policy keeps the blob from being changed until its time is over."},
	{"LeaseIdMissing", STORE_DENIED, NO_REMEDY, "Somebody holds a lease on the blob; break it."},
	{"SnapshotsPresent", STORE_DENIED, NO_REMEDY, "The blob has snapshots; remove them first."},
	{"RequestBodyTooLarge", STORE_FULL, NO_REMEDY, NULL},
	{"AccountSizeLimitExceeded", STORE_FULL, NO_REMEDY, NULL},
	{"InvalidRange", STORE_DAMAGED, NO_REMEDY, NULL},
	{"FeatureNotSupported", STORE_UNSUPPORTED, NO_REMEDY, NULL},
};

const ErrorTable azure_errors = {.meanings = meanings,
								 .count = sizeof(meanings) / sizeof(meanings[0]),
								 .code_header = "x-ms-error-code",
								 .request_header = "x-ms-request-id"};
