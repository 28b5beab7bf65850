/*-------------------------------------------------------------------------
 *
 * aws_credentials.h
 *	  Where the keys for S3 come from: a file of ours, or the chain that
 *	  programs for AWS go along.
 *
 * Secrets are taken from files, from the variables that the platform itself
 * sets (in pods and containers, in CI), and from its own services; never from
 * options or settings.  The chain: environment, web identity, profile files
 * with credential_process, container, instance.  The first that is there
 * counts, and if it fails there is no next one: another identity by accident
 * is worse than none.
 *
 * Source: "AWS SDKs and Tools Reference Guide", Standardized credential
 * providers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AWS_CREDENTIALS_H
#define NEX_AWS_CREDENTIALS_H

#include "http.h"
#include "s3_request.h"

/* One link of the chain, or all. */
typedef enum AwsSource
{
	AWS_CHAIN,
	AWS_FILE,
	AWS_ENVIRONMENT,
	AWS_WEB_IDENTITY,
	AWS_PROFILE,
	AWS_CONTAINER,
	AWS_INSTANCE
} AwsSource;

typedef struct AwsChoice
{
	AwsSource source;
	const char *file;    /* for AWS_FILE */
	const char *profile; /* NULL: AWS_PROFILE, or "default" */
	const char *region;  /* for the token service */
	const char *ca_file; /* for the token service */
	const char *proxy;   /* likewise */
	bool (*stopped)(void);
} AwsChoice;

/* "chain", "file", "environment", …; false if it is none of them. */
extern bool aws_source_parse(const char *word, AwsSource *source);

/* An S3KeySource; the argument is an AwsChoice. */
extern bool aws_keys(void *argument, bool renew, S3Keys *keys, char **problem);

#endif /* NEX_AWS_CREDENTIALS_H */
