/*-------------------------------------------------------------------------
 *
 * key_files.h
 *	  The recipients that settings name: by --recipient, and in files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KEY_FILES_H
#define NEX_KEY_FILES_H

#include "age_keys.h"

typedef struct TextList TextList;

/* Add these keys, and those in these files; false (reported, exit 2) if one is none. */
extern bool read_recipients(const TextList *texts, const TextList *files,
							AgeRecipients *recipients);

#endif /* NEX_KEY_FILES_H */
