/*-------------------------------------------------------------------------
 *
 * directories.h
 *	  Making the directory of a repository, with what is missing above it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DIRECTORIES_H
#define NEX_DIRECTORIES_H

/* Create a directory and what is missing above it, durably; 0 or an errno value. */
extern int make_directories(const char *directory);

#endif /* NEX_DIRECTORIES_H */
