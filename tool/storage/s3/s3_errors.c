/*-------------------------------------------------------------------------
 *
 * s3_errors.c
 *	  The errors that S3, its compatibles and Google's XML interface report.
 *
 * Source: "Error responses", Amazon S3 API Reference; "HTTP status and error
 * codes for XML", Cloud Storage.
 *
 *-------------------------------------------------------------------------
 */
#include "s3.h"

static const ErrorMeaning meanings[] = {
	{"NoSuchKey", STORE_ABSENT, NO_REMEDY, NULL},
	{"NoSuchVersion", STORE_ABSENT, NO_REMEDY, NULL},
	/* Of one that is not locked against removal; of a bucket that has no such locks. */
	{"NoSuchObjectLockConfiguration", STORE_ABSENT, NO_REMEDY, NULL},
	{"ObjectLockConfigurationNotFoundError", STORE_UNSUPPORTED, NO_REMEDY, NULL},
	{"InvalidRequest", STORE_UNSUPPORTED, NO_REMEDY, NULL},
	{"NoSuchBucket", STORE_FAILED, NO_REMEDY,
	 "Create the bucket, or correct its name; nex_backup creates none."},
	{"PreconditionFailed", STORE_EXISTS, NO_REMEDY, NULL},
	{"ConditionalRequestConflict", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"OperationAborted", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"SlowDown", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"ServiceUnavailable", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"ServerBusy", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"TooManyRequests", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"RequestTimeout", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NULL},
	{"InternalError", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NULL},
	/* What arrived is not what was signed: something on the way has changed it. */
	{"XAmzContentSHA256Mismatch", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"BadDigest", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"IncompleteBody", STORE_UNREACHABLE, NO_REMEDY, NULL},
	{"ExpiredToken", STORE_DENIED, RENEW_CREDENTIALS, "The credentials have expired."},
	{"TokenRefreshRequired", STORE_DENIED, RENEW_CREDENTIALS, "The credentials have expired."},
	{"InvalidToken", STORE_DENIED, RENEW_CREDENTIALS, "The session token is not valid."},
	{"RequestTimeTooSkewed", STORE_DENIED, SET_CLOCK, "Set the clock of this machine."},
	{"AuthorizationHeaderMalformed", STORE_DENIED, CHANGE_REGION, "Check the region."},
	{"PermanentRedirect", STORE_DENIED, CHANGE_REGION, "Check the region and the endpoint."},
	{"TemporaryRedirect", STORE_DENIED, CHANGE_REGION, "Check the region and the endpoint."},
	{"AccessDenied", STORE_DENIED, NO_REMEDY, RIGHTS_HINT},
	{"SignatureDoesNotMatch", STORE_DENIED, NO_REMEDY, "Check the secret key."},
	{"InvalidAccessKeyId", STORE_DENIED, NO_REMEDY, "Check the access key."},
	{"AuthenticationRequired", STORE_DENIED, CLOCK_OR_TOKEN, "The token is not valid any more."},
	{"UserProjectMissing", STORE_DENIED, NO_REMEDY,
	 "The bucket wants a project that pays for requests, which nex_backup does not name."},
	{"RetentionPolicyNotMet", STORE_LOCKED, NO_REMEDY,
	 "A policy keeps the object from being changed until its time is over."},
	{"ObjectUnderActiveHold", STORE_DENIED, NO_REMEDY, "Somebody holds the object; release it."},
	{"AccountProblem", STORE_DENIED, NO_REMEDY, NULL},
	{"InvalidObjectState", STORE_DENIED, NO_REMEDY,
	 "The object is in an archive class; have it restored to a class that can be read."},
	{"QuotaExceeded", STORE_FULL, NO_REMEDY, NULL},
	{"InsufficientStorage", STORE_FULL, NO_REMEDY, NULL},
	{"EntityTooLarge", STORE_FULL, NO_REMEDY, NULL},
	{"NotImplemented", STORE_UNSUPPORTED, NO_REMEDY, NULL},
	{"InvalidRange", STORE_DAMAGED, NO_REMEDY, NULL},
};

const ErrorTable s3_errors = {.meanings = meanings,
							  .count = sizeof(meanings) / sizeof(meanings[0]),
							  .request_header = "x-amz-request-id",
							  .region_header = "x-amz-bucket-region"};
