/*-------------------------------------------------------------------------
 *
 * aws_profile.h
 *	  Profiles as all programs for AWS know them: sections of the files
 *	  ~/.aws/credentials and ~/.aws/config.
 *
 * Also the form of a file that is named by us: a file with the access key and
 * the secret key in a section [default], or before any section.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AWS_PROFILE_H
#define NEX_AWS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

/* What a profile may have; NULL what it has not.  To be freed with it. */
typedef struct AwsProfile
{
	char *access_key;
	char *secret_key;
	char *token;
	char *region;
	char *process;        /* a command that prints keys */
	char *role;           /* to be assumed … */
	char *source_profile; /* … with the keys of this one */
	char *token_file;     /* of a web identity */
} AwsProfile;

/*
 * Add what a text says of a profile, where it is not there yet.  In ~/.aws/config
 * (`config`) sections are named [profile NAME], but [default].  False if the
 * text has no such section.
 */
extern bool aws_profile_read(const char *text, const char *name, bool config, AwsProfile *profile);
extern void aws_profile_free(AwsProfile *profile);

/*
 * The words of a command without any shell: separated by blanks, with '…' and
 * "…" around words that have some.  NULL-terminated, to be freed by
 * aws_words_free(); NULL if a quote is not closed or there is no word.
 */
extern char **aws_command_words(const char *command);
extern void aws_words_free(char **words);

#endif /* NEX_AWS_PROFILE_H */
