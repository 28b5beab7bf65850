/*-------------------------------------------------------------------------
 *
 * archive_protocol.h
 *	  What the server's archiver and the program that stores its WAL say to
 *	  each other.
 *
 * The archiver (extension/archive_module.c) starts "nex_backup wal
 * archive-helper" in the data directory, with a pipe for each direction and a
 * control pipe (run_protocol.h): the helper ends with it, however it goes.
 * Then it writes the name of a WAL file, and a newline, and reads lines until
 * one of them is the answer.  One name is asked for at a time.  The helper says
 *
 *	  ARCHIVE_HELLO            once, before anything else
 *	  busy                     every second while there is no answer yet
 *	  ok NAME                  the file is stored, durably
 *	  no NAME<tab>ERROR<tab>DETAIL<tab>HINT      it is not; the last two may be empty
 *	  later NAME<tab>ERROR<tab><tab>             it is not yet: it may be asked for again
 *
 * Other lines are messages of the program for people.  The helper may also store
 * files that were not asked for yet, and says nothing of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ARCHIVE_PROTOCOL_H
#define NEX_ARCHIVE_PROTOCOL_H

#define ARCHIVE_VERB "archive-helper"

/* The number changes with the protocol. */
#define ARCHIVE_HELLO "nex_backup archive helper 1"
#define ARCHIVE_BUSY "busy"
#define ARCHIVE_OK "ok "
#define ARCHIVE_NO "no "
#define ARCHIVE_LATER "later "

/* Of a line, and of each text in it, at most. */
#define ARCHIVE_LINE_SIZE 8192
#define ARCHIVE_TEXT_SIZE 2000

/* The archiver waits no longer for a word, whatever it is. */
#define ARCHIVE_SILENCE_SECONDS 15

#define ARCHIVE_MAX_THREADS 16
#define ARCHIVE_MAX_LOOKAHEAD 64

#endif /* NEX_ARCHIVE_PROTOCOL_H */
