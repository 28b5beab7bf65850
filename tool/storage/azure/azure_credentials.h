/*-------------------------------------------------------------------------
 *
 * azure_credentials.h
 *	  Where the key or the tokens for Azure Blob Storage come from: a file of
 *	  ours, or what the platform offers to who runs on it.
 *
 * A file holds the key of the account or a shared access signature, as Azure
 * shows them, and nothing else.  The chain: environment, workload identity,
 * the managed identity of a container or of the machine.  The first that is
 * there counts, as for AWS (aws_credentials.h).  Which of several managed
 * identities is meant, repo-profile says, else AZURE_CLIENT_ID.
 *
 * Source: "Workload identity federation", "How to use managed identities",
 * Microsoft Entra; "Create a service SAS", Azure Storage.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AZURE_CREDENTIALS_H
#define NEX_AZURE_CREDENTIALS_H

#include "platform_service.h"

/* A KeySource; the argument is a KeyChoice. */
extern bool azure_keys(void *argument, bool renew, AccessKeys *keys, char **problem);

/* What a file or a variable holds; `where` is for the message. */
extern bool azure_keys_from_text(const char *text, const char *where, AccessKeys *keys,
								 char **problem);

#endif /* NEX_AZURE_CREDENTIALS_H */
