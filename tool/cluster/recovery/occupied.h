/*-------------------------------------------------------------------------
 *
 * occupied.h
 *	  Is a path inside of what belongs to a server?
 *
 * Apart from data_directory.h, which asks for each directory that it makes.
 * An empty directory is not free for that: a server would take what is put
 * below its own directory for its own, copy it with each base backup, and
 * lose it with the directory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OCCUPIED_H
#define NEX_OCCUPIED_H

/*
 * The directory of a server that the path, which need not exist, is or lies in: a data directory,
 * one of a database, or one that a server made in a tablespace.  NULL: none; caller frees.
 */
extern char *occupied_by(const char *path);

#endif /* NEX_OCCUPIED_H */
