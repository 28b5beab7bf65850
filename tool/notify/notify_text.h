/*-------------------------------------------------------------------------
 *
 * notify_text.h
 *	  From facts to an event with a subject and a text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_TEXT_H
#define NEX_NOTIFY_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <time.h>
#include <stdbool.h>

/* Why a message is written. */
typedef enum NotifyReason
{
	REASON_FAILURE,
	REASON_RECOVERY,
	REASON_MISSED,
	REASON_FIRST_SUCCESS,
	REASON_SUCCESS,
	REASON_TEST
} NotifyReason;

/* The word of the setting notify-on: "failure". */
extern const char *reason_word(NotifyReason reason);

/*
 * The event that channels carry: facts of the run, what is known of its
 * subject (`state`, see notify_policy.c), subject and text.  Its keys are
 * documented in docs/scheduling.md.
 */
extern json_t *event_compose(NotifyReason reason, const json_t *facts, const json_t *state);

/* Text of one line without control characters; with `lines`, newlines stay.  Caller frees. */
extern char *harmless_text(const char *text, bool lines);

/* "2026-11-23T02:00:00Z" */
extern void iso_time(time_t when, char text[32]);

#endif /* NEX_NOTIFY_TEXT_H */
