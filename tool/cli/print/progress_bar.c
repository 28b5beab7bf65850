/*-------------------------------------------------------------------------
 *
 * progress_bar.c
 *	  Shows how far the work is, from a thread that only reads counters: the
 *	  workers never wait for a terminal.
 *
 * Everything is drawn under the log's lock, and the log clears the bar before
 * it writes and has it drawn again afterwards, so that the two never mix.
 *
 *-------------------------------------------------------------------------
 */
#include "progress_bar.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "general_settings.h"
#include "json_text.h"
#include "output.h"
#include "progress.h"
#include "quote.h"
#include "settings.h"

#define TICKS_PER_SECOND 5
#define LOG_INTERVAL (10 * TICKS_PER_SECOND)
#define JSON_INTERVAL (1 * TICKS_PER_SECOND)
#define WINDOW (10 * TICKS_PER_SECOND) /* ticks that the rate is taken from */
#define BAR_MAX 30
#define LINE_MAX 512
#define OLD_SNAPSHOT 60 /* seconds from which on its age is shown */

/* What there is to say at one moment. */
typedef struct View
{
	const char *phase; /* NULL: nothing yet */
	char label[160];   /* "invoices (2 of 5): copying data", or the phase alone */
	const char *unit;
	uint64_t units_done;
	uint64_t units_total;
	uint64_t weight_done;
	uint64_t weight_total;
	uint64_t raw_bytes;
	uint64_t stored_bytes;
	double fraction;     /* 0 to 1; negative: unknown */
	double rate;         /* raw bytes per second */
	double elapsed;      /* seconds in this phase */
	double eta;          /* seconds to go; negative: unknown */
	double snapshot_age; /* seconds; negative: no snapshot is held */
	uint64_t lock_waiters;
} View;

typedef struct Sample
{
	double time;
	uint64_t bytes;
} Sample;

static ProgressStyle style = PROGRESS_NONE;
static pthread_t thread;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake;
static bool stopping;

/* Under the log's lock. */
static View view;
static bool drawn;
static Sample samples[WINDOW];
static int nsamples;
static int next_sample;
static double phase_start;

static double
now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
write_stderr(const char *data, size_t length)
{
	ssize_t ignored = write(STDERR_FILENO, data, length);

	(void) ignored;
}

/* Bytes per second between the oldest sample and now, which becomes the newest. */
static double
sliding_rate(double now, uint64_t bytes)
{
	const Sample *oldest;
	double seconds;

	samples[next_sample].time = now;
	samples[next_sample].bytes = bytes;
	next_sample = (next_sample + 1) % WINDOW;
	if (nsamples < WINDOW)
		nsamples++;
	oldest = &samples[nsamples < WINDOW ? 0 : next_sample];
	seconds = now - oldest->time;
	if (seconds <= 0 || bytes < oldest->bytes)
		return 0;
	return (double) (bytes - oldest->bytes) / seconds;
}

static double
fraction_done(const View *v)
{
	double fraction;

	if (v->weight_total > 0)
		fraction = (double) v->weight_done / (double) v->weight_total;
	else if (v->units_total > 0)
		fraction = (double) v->units_done / (double) v->units_total;
	else
		return -1;
	return fraction > 1 ? 1 : fraction;
}

/* What to call the present work. */
static void
label_view(const char *phase)
{
	const char *name = atomic_load(&progress.item_name);
	unsigned items = atomic_load(&progress.items);

	if (phase == NULL)
		view.label[0] = '\0';
	else if (items == 0 || name == NULL)
		snprintf(view.label, sizeof(view.label), "%s", phase);
	else
	{
		char *safe = printable_name(name);

		snprintf(view.label, sizeof(view.label), "%s (%u of %u): %s", safe,
				 atomic_load(&progress.item), items, phase);
		free(safe);
	}
}

static double
snapshot_age(void)
{
	int64_t taken = atomic_load(&progress.snapshot_taken);

	return taken > 0 ? (double) (progress_seconds() - taken) : -1;
}

/* Read the counters; called once a tick. */
static void
take_view(void)
{
	const char *phase = atomic_load(&progress.phase);
	double now = now_seconds();

	/* A new phase, or the same one again: its counters begin again. */
	if (phase != view.phase || atomic_load(&progress.raw_bytes) < view.raw_bytes)
	{
		nsamples = 0;
		next_sample = 0;
		phase_start = now;
	}
	view.phase = phase;
	label_view(phase);
	view.unit = atomic_load(&progress.unit);
	view.units_done = atomic_load(&progress.units_done);
	view.units_total = atomic_load(&progress.units_total);
	view.weight_done = atomic_load(&progress.weight_done);
	view.weight_total = atomic_load(&progress.weight_total);
	view.raw_bytes = atomic_load(&progress.raw_bytes);
	view.stored_bytes = atomic_load(&progress.stored_bytes);
	view.elapsed = now - phase_start;
	view.rate = sliding_rate(now, view.raw_bytes);
	view.fraction = fraction_done(&view);
	view.snapshot_age = snapshot_age();
	view.lock_waiters = atomic_load(&progress.lock_waiters);

	/* From the whole phase, not the window: chunks end in bursts. */
	view.eta = -1;
	if (view.fraction >= 0.01 && view.elapsed >= 2)
		view.eta = view.elapsed * (1 - view.fraction) / view.fraction;
}

/* Append a separator and a text, if both fit into the limit. */
static void
append_figure(Buffer *out, const char *separator, size_t limit, const char *first,
			  const char *second)
{
	if (out->length + strlen(separator) + strlen(first) + strlen(second) > limit)
		return;
	buffer_append_string(out, separator);
	buffer_append_string(out, first);
	buffer_append_string(out, second);
}

/* "12/57 tables  1.2 GB  93 MB/s  ETA 1 min 5 s", as much of it as fits into the limit. */
static void
append_figures(Buffer *out, const View *v, const char *separator, size_t limit)
{
	bool units = v->units_total > 0 && v->unit != NULL;
	char text[64];

	if (units)
	{
		snprintf(text, sizeof(text), "%s/%s ", pretty_count(v->units_done),
				 pretty_count(v->units_total));
		append_figure(out, separator, limit, text, v->unit);
	}
	if (v->raw_bytes > 0)
		append_figure(out, separator, limit, pretty_bytes(v->raw_bytes), "");
	if (v->rate >= 1)
		append_figure(out, separator, limit, pretty_bytes((uint64_t) v->rate), "/s");
	if (v->eta >= 0)
		append_figure(out, separator, limit, "ETA ", pretty_duration(v->eta));
	if (v->snapshot_age >= OLD_SNAPSHOT)
		append_figure(out, separator, limit, "snapshot ", pretty_duration(v->snapshot_age));
	if (v->lock_waiters > 0)
		append_figure(out, separator, limit, pretty_count(v->lock_waiters), " behind our locks");
	if (!units && v->raw_bytes == 0 && v->elapsed >= 1)
		append_figure(out, separator, limit, pretty_duration(v->elapsed), "");
}

/* Columns of the terminal. */
static int
terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

/* "  [=====>    ]", as wide as there is room for. */
static void
append_bar(Buffer *out, double fraction, int room)
{
	int width = room - 4 < BAR_MAX ? room - 4 : BAR_MAX;
	int filled = (int) (fraction * width);
	int i;

	if (width < 5)
		return;
	buffer_append_string(out, "  [");
	for (i = 0; i < width; i++)
		buffer_append_char(out, i < filled ? '=' : i == filled ? '>' : ' ');
	buffer_append_char(out, ']');
}

/* Draw the bar over itself; never wider than the terminal, so that it stays one line. */
static void
draw_bar(void)
{
	int width = terminal_width() - 1;
	int room;
	Buffer figures;
	Buffer line;

	if (view.phase == NULL)
		return;
	room = width - (int) strlen(view.label);
	buffer_init(&figures);
	buffer_append_string(&figures, "");
	if (view.fraction >= 0 && room >= 6)
		buffer_printf(&figures, "  %3d%%", (int) (view.fraction * 100));
	append_figures(&figures, &view, "  ", room > 0 ? (size_t) room : 0);

	buffer_init(&line);
	buffer_printf(&line, "\r%.*s", width, view.label);
	if (view.fraction >= 0)
		append_bar(&line, view.fraction, room - (int) figures.length);
	buffer_append(&line, figures.data, figures.length);
	buffer_append_string(&line, "\033[K");
	write_stderr(line.data, line.length);
	drawn = true;
	buffer_free(&figures);
	buffer_free(&line);
}

/* The log is about to write. */
static void
clear_bar(void)
{
	if (drawn)
		write_stderr("\r\033[K", 4);
}

/* The log has written. */
static void
redraw_bar(void)
{
	if (drawn)
		draw_bar();
}

static void
log_progress(const View *v)
{
	Buffer text;

	if (v->phase == NULL)
		return;
	buffer_init(&text);
	buffer_append_string(&text, v->label);
	buffer_append_char(&text, ':');
	if (v->fraction >= 0)
		buffer_printf(&text, " %d%%", (int) (v->fraction * 100));
	append_figures(&text, v, v->fraction >= 0 ? ", " : " ", LINE_MAX);
	/* Some phases have no figures. */
	if (text.data[text.length - 1] == ':')
		text.data[--text.length] = '\0';
	log_info("%s", text.data);
	buffer_free(&text);
}

/* Which of several databases it is. */
static void
add_item(json_t *event)
{
	unsigned items = atomic_load(&progress.items);

	if (items == 0)
		return;
	json_object_set_new(event, "item", json_integer(atomic_load(&progress.item)));
	json_object_set_new(event, "items", json_integer(items));
	json_object_set_new(event, "item_name", json_text(atomic_load(&progress.item_name)));
}

static void
write_json(const View *v)
{
	json_t *event;
	char *text;

	if (v->phase == NULL)
		return;
	event = json_pack(
		"{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:f, s:o, s:I}", "event",
		RUN_EVENT_PROGRESS, "phase", v->phase, "unit", v->unit != NULL ? v->unit : "", "units_done",
		(json_int_t) v->units_done, "units_total", (json_int_t) v->units_total, "weight_done",
		(json_int_t) v->weight_done, "weight_total", (json_int_t) v->weight_total, "raw_bytes",
		(json_int_t) v->raw_bytes, "stored_bytes", (json_int_t) v->stored_bytes, "bytes_per_second",
		v->rate, "eta_seconds", v->eta >= 0 ? json_real(v->eta) : json_null(), "elapsed_seconds",
		v->elapsed, "snapshot_age_seconds",
		v->snapshot_age >= 0 ? json_real(v->snapshot_age) : json_null(), "lock_waiters",
		(json_int_t) v->lock_waiters);
	add_item(event);
	text = json_harmless(event, JSON_COMPACT | JSON_REAL_PRECISION(6));
	if (text != NULL)
	{
		size_t length = strlen(text);

		text[length] = '\n';
		log_lock();
		write_stderr(text, length + 1);
		log_unlock();
		free(text);
	}
	json_decref(event);
}

/* Show what is due at this tick. */
static void
show(unsigned tick)
{
	View copy;

	log_lock();
	take_view();
	if (style == PROGRESS_BAR)
		draw_bar();
	copy = view;
	log_unlock();

	if (style == PROGRESS_LOG && tick % LOG_INTERVAL == 0)
		log_progress(&copy);
	if (style == PROGRESS_JSON && tick % JSON_INTERVAL == 0)
		write_json(&copy);
}

/* Sleep until the time given; true if the thread is to end. */
static bool
wait_until(const struct timespec *due)
{
	bool result;

	pthread_mutex_lock(&mutex);
	while (!stopping)
	{
		if (pthread_cond_timedwait(&wake, &mutex, due) != 0)
			break;
	}
	result = stopping;
	pthread_mutex_unlock(&mutex);
	return result;
}

static void *
run(void *argument)
{
	struct timespec due;
	unsigned tick = 0;

	(void) argument;
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (;;)
	{
		due.tv_nsec += 1000000000 / TICKS_PER_SECOND;
		if (due.tv_nsec >= 1000000000)
		{
			due.tv_nsec -= 1000000000;
			due.tv_sec++;
		}
		if (wait_until(&due))
			return NULL;
		show(++tick);
	}
}

/* A bar where somebody can see it, log lines elsewhere, nothing when asked to be quiet. */
static ProgressStyle
choose_style(const Settings *settings)
{
	const char *terminal = getenv("TERM");

	if (settings->general->progress != PROGRESS_AUTO)
		return settings->general->progress;
	if (settings->general->log_level > LOG_LEVEL_INFO)
		return PROGRESS_NONE;
	if (isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0)
		return PROGRESS_BAR;
	return PROGRESS_LOG;
}

void
progress_bar_start(const Settings *settings)
{
	pthread_condattr_t attributes;

	if (style != PROGRESS_NONE)
		return;
	style = choose_style(settings);
	if (style == PROGRESS_NONE)
		return;
	memset(&view, 0, sizeof(view));
	nsamples = 0;
	next_sample = 0;
	drawn = false;
	stopping = false;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&wake, &attributes);
	pthread_condattr_destroy(&attributes);
	if (pthread_create(&thread, NULL, run, NULL) != 0)
	{
		pthread_cond_destroy(&wake);
		style = PROGRESS_NONE;
		return;
	}
	if (style == PROGRESS_BAR)
		log_set_terminal_hooks(clear_bar, redraw_bar);
}

void
progress_bar_stop(void)
{
	if (style == PROGRESS_NONE)
		return;
	pthread_mutex_lock(&mutex);
	stopping = true;
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&mutex);
	pthread_join(thread, NULL);
	pthread_cond_destroy(&wake);

	log_set_terminal_hooks(NULL, NULL);
	clear_bar();
	if (style == PROGRESS_JSON)
	{
		/* The last event says how it ended, however short the work was. */
		take_view();
		write_json(&view);
	}
	style = PROGRESS_NONE;
}
