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

#include "platform_service.h"

/* A KeySource; the argument is a KeyChoice. */
extern bool aws_keys(void *argument, bool renew, AccessKeys *keys, char **problem);

#endif /* NEX_AWS_CREDENTIALS_H */
