/*-------------------------------------------------------------------------
 *
 * recover_text.h
 *	  The text of RECOVER.txt: how to restore without this software.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RECOVER_TEXT_H
#define NEX_RECOVER_TEXT_H

/* Static text. */
extern const char *recover_text(void);

#endif /* NEX_RECOVER_TEXT_H */
