/*-------------------------------------------------------------------------
 *
 * key_settings.h
 *	  Settings: keys and passphrases, and for whom a new repository is encrypted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KEY_SETTINGS_H
#define NEX_KEY_SETTINGS_H

#include <stdbool.h>

#include "text_list.h"

typedef struct KeySettings
{
	TextList identity;  /* files that open backups */
	TextList signer;    /* who is trusted to have written them */
	TextList recipient; /* for whom a new repository is encrypted … */
	TextList recipients_file;
	char *recipient_origin; /* what set them, a sentence; NULL: the command line, or nothing */
	char *cipher;           /* … and how: "age" */
	char *key_file;         /* … or with which */
	bool symmetric;         /* make one */
	char *passphrase_file;  /* where the passphrase comes from */
	char *passphrase_fd;
	TextList passphrase_command;
	char *state_dir; /* where a writer keeps its secrets; NULL: the user's own */
} KeySettings;

#endif /* NEX_KEY_SETTINGS_H */
