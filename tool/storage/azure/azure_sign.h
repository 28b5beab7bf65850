/*-------------------------------------------------------------------------
 *
 * azure_sign.h
 *	  Signatures of Azure Storage by the key of an account: "Shared Key".
 *
 * Pure functions, as those of sigv4.h are.
 *
 * Source: "Authorize with Shared Key", Azure Storage Services REST API.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AZURE_SIGN_H
#define NEX_AZURE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "buffer.h"
#include "http.h"

typedef struct AzureRequest
{
	const char *method;
	const char *account;
	const char *path; /* as it is sent, encoded */
	const HttpPair *query;
	size_t query_count;
	const HttpPair *headers; /* all of them; names in lower case */
	size_t header_count;
	size_t body_length;
} AzureRequest;

/* The value of x-ms-date: "Fri, 26 Jun 2015 23:39:12 GMT". */
#define AZURE_TIME_SIZE 30
extern void azure_time(time_t when, char text[AZURE_TIME_SIZE]);

/* Append what is signed. */
extern void azure_append_text_to_sign(const AzureRequest *request, Buffer *out);

/*
 * Append the value of the header Authorization; `key` is in base64.  False, and
 * nothing appended, if OpenSSL refuses.
 */
extern bool azure_append_authorization(const AzureRequest *request, const char *key, Buffer *out);

/* Is this the key of an account, as Azure shows it? */
extern bool azure_is_key(const char *text);

#endif /* NEX_AZURE_SIGN_H */
