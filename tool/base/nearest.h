/*-------------------------------------------------------------------------
 *
 * nearest.h
 *	  What somebody probably meant to type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NEAREST_H
#define NEX_NEAREST_H

/*
 * The name that is nearest to the word: one that begins with it, or the one
 * with the fewest slips of the keyboard.  NULL if none is near enough to be
 * worth a hint.
 */
extern const char *nearest_name(const char *word, const char *const *names, int count);

#endif /* NEX_NEAREST_H */
