/*-------------------------------------------------------------------------
 *
 * passphrase.h
 *	  The passphrase of an identity file or a repository: from a file, a
 *	  descriptor, a command, or the terminal; never from arguments or
 *	  environment, which others can read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PASSPHRASE_H
#define NEX_PASSPHRASE_H

#include <stdbool.h>

#include "buffer.h"

typedef struct KeySettings KeySettings;

/* True if the settings say where it comes from, so that nobody need be asked. */
extern bool passphrase_is_given(const KeySettings *settings);

/*
 * Get it, without the newline that ends it; the caller cleanses it.  False
 * (reported, exit 2) if it cannot be had.
 */
extern bool passphrase_get(const KeySettings *settings, const char *prompt, Buffer *passphrase);

#endif /* NEX_PASSPHRASE_H */
