/*-------------------------------------------------------------------------
 *
 * recover_text.h
 *	  The text of RECOVER.txt: how to restore without this software.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RECOVER_TEXT_H
#define NEX_RECOVER_TEXT_H

#include "cipher.h"

/* A Python program that decrypts aes-256-gcm. */
extern const char recover_aes_program[];

/* The text for a repository with this cipher; caller frees. */
extern char *recover_text(Cipher cipher);

#endif /* NEX_RECOVER_TEXT_H */
