/*-------------------------------------------------------------------------
 *
 * progress_bar.h
 *	  Draws process/progress.h: a bar on a terminal, a log line every 10 s, or
 *	  JSON events.  A thread of its own wakes up five times a second.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PROGRESS_BAR_H
#define NEX_PROGRESS_BAR_H

typedef struct Settings Settings;

extern void progress_bar_start(const Settings *settings);
extern void progress_bar_stop(void);

#endif /* NEX_PROGRESS_BAR_H */
