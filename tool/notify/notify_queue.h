/*-------------------------------------------------------------------------
 *
 * notify_queue.h
 *	  Messages that wait on disk.
 *
 *	  DIR/queue/<id>.json    one message for one recipient of one channel
 *	  DIR/dead/<id>.json     given up
 *	  DIR/state/….json       what is known of a subject (notify_policy.c)
 *	  DIR/running/….json     runs at work (notify_run.c)
 *	  DIR/lock               held while states change and messages are queued
 *	  DIR/deliver.lock       held by who delivers
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_QUEUE_H
#define NEX_NOTIFY_QUEUE_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

typedef struct Settings Settings;

#define QUEUE_FOLDER "queue"
#define DEAD_FOLDER "dead"
#define STATE_FOLDER "state"
#define RUNNING_FOLDER "running"

/* The directory with its folders, created if `create`; NULL (warned, if create) without.  Caller
 * frees. */
extern char *queue_directory(const Settings *settings, bool create);

/* Why messages could not wait there, without creating anything; NULL if they could.  Caller frees.
 */
extern char *queue_problem(const Settings *settings);

/* Lock one of the two files; waits `seconds` at most.  -1 if it cannot be had. */
extern int queue_lock(const char *directory, const char *name, int seconds);
extern void queue_unlock(int lock);

/*
 * Put a message for one recipient into the queue.  `event` is not taken over.
 * With `supersedes`, older messages of the channel about the same subject go.
 */
extern bool queue_add(const Settings *settings, const char *directory, const char *channel,
					  const char *recipient, const json_t *event, bool supersedes);

/* Names of the files in a folder, oldest first; caller frees with queue_names_free(). */
extern char **queue_names(const char *directory, const char *folder, int *count);
extern void queue_names_free(char **names, int count);

/* Read a file of a folder; NULL (warned) if it is damaged, NULL without a word if it is gone. */
extern json_t *queue_read(const char *directory, const char *folder, const char *name);

/* Write one; false (warned) if that fails. */
extern bool queue_write(const char *directory, const char *folder, const char *name,
						const json_t *value);

/* Open one to be read; -1 with errno. */
extern int queue_open(const char *directory, const char *folder, const char *name);
extern void queue_remove(const char *directory, const char *folder, const char *name);

/* Move a message to those that were given up. */
extern void queue_bury(const char *directory, const char *name, const json_t *message);

/* "20261123T020003123456789Z-1f0c…": sorts by time, and is found once in the world.  Caller frees.
 */
extern char *queue_new_id(void);

/* A text member of an object; NULL if it is none. */
extern const char *json_member(const json_t *object, const char *key);

#endif /* NEX_NOTIFY_QUEUE_H */
