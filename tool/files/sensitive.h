/*-------------------------------------------------------------------------
 *
 * sensitive.h
 *	  Which values of a configuration file are secrets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SENSITIVE_H
#define NEX_SENSITIVE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A value is a secret when its key, or a key above it, contains one of the
 * words (upper or lower case), or is one of the names exactly.  The words
 * are the built-in ones and those of the user; names are added while one file is
 * looked at, for keys whose values show that they hold a secret.
 */
typedef struct SensitiveKeys
{
	const char **words;
	int nwords;
	char **names;
	int nnames;
} SensitiveKeys;

/* Further words, which are borrowed: nobody needs fewer.  NULL: none. */
extern void sensitive_keys_init(SensitiveKeys *keys, const char *const *words, int nwords);
extern void sensitive_keys_free(SensitiveKeys *keys);

extern bool sensitive_key(const SensitiveKeys *keys, const char *key);

/* From now on this key is sensitive. */
extern void sensitive_keys_add_name(SensitiveKeys *keys, const char *name);

/*
 * Does a text look as if it held a secret whatever its key is called: a URL
 * with a password, "password=…", "--password …", a private key, a token of a
 * known make?
 */
extern bool sensitive_text(const SensitiveKeys *keys, const char *text, size_t length);

/* Is a value the name of a secret, such as DB_PASSWORD or --db-password, which stands elsewhere? */
extern bool sensitive_name(const SensitiveKeys *keys, const char *text);

/* The same rule as a regular expression of Go (RE2), for SOPS; caller frees. */
extern char *sensitive_keys_regex(const SensitiveKeys *keys);

#endif /* NEX_SENSITIVE_H */
