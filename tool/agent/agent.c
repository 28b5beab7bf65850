/*-------------------------------------------------------------------------
 *
 * agent.c
 *	  The agent: an executor of the queue that runs beside the server, or on
 *	  another host.
 *
 * It decides nothing (the functions of the queue do), keeps no state (the
 * catalog does), and does no work itself (child programs do): it can be
 * killed at any time.  One thread, because all it does is wait: for children,
 * for a notification, for an answer, for the clock.  All of that is done in one
 * place (agent_watch.c), which looks after the children whatever is waited for;
 * only connections are made in a separate thread (connect_hosts.c).
 *
 * What it must never do is let a run go on that is no longer its own.  So a
 * heartbeat that finds the lease lost, or no heartbeat for 50 of its 60
 * seconds, stops the program; and if the agent itself dies, the kernel does.
 *
 *-------------------------------------------------------------------------
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent_settings.h"
#include "agent_watch.h"
#include "agent_words.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "notify.h"
#include "notify_text.h"
#include "quote.h"
#include "session_pins.h"
#include "settings.h"
#include "subprocess.h"

#define HEARTBEAT_SECONDS 2.0
#define LONGEST_WAIT 60.0
#define FIRST_BACKOFF 0.5
#define LONGEST_BACKOFF 30.0
#define NOTIFY_SECONDS 60.0
#define NOTIFY_TIMEOUT 300.0

/*
 * Anybody may NOTIFY.  A notification is looked at at once if the one before
 * brought work, and the later, the more there were for nothing; but soon
 * enough that a run starts within a second.
 */
#define FIRST_HINT_PAUSE 0.1
#define SHORTEST_TURN 0.1
#define START_PAUSE 0.5
#define LONGEST_HINT_PAUSE 0.9

/* ---- the command line of a child ---- */

/*
 * The program, the command, our own words, then those of the run: what comes
 * later wins, and what is ours the run cannot say.  The array is to be freed;
 * its strings are those of the agent and the run, and are not.
 */
static char **
child_words(const Agent *agent, char *const *words, int nwords, char **ours, int nours)
{
	char **argv = xcalloc((size_t) nwords + (size_t) nours + 2, sizeof(char *));
	int n = 0;
	int i;

	argv[n++] = agent->program;
	argv[n++] = words[0];
	for (i = 0; i < nours; i++)
		argv[n++] = ours[i];
	for (i = 1; i < nwords; i++)
		argv[n++] = words[i];
	return argv;
}

/* Does the job say where the repository is? */
static bool
names_repository(char *const *words, int nwords)
{
	int i;

	for (i = 1; i < nwords; i++)
	{
		if (strncmp(words[i], "--repo=", strlen("--repo=")) == 0)
			return true;
	}
	return false;
}

/* Start a program with these words; 0 or an errno value. */
static int
start_child(const Agent *agent, AgentChild *child, char *const *words, int nwords, const char *name)
{
	int nours;
	char **ours =
		agent_own_words(agent->settings, agent->conninfo, !names_repository(words, nwords), &nours);
	char **argv = child_words(agent, words, nwords, ours, nours);
	int error = agent_child_start(child, argv, name, agent->directory);
	int i;

	for (i = 0; i < nours; i++)
		free(ours[i]);
	free(ours);
	free(argv);
	return error;
}

/* ---- runs ---- */

static void
clear_slot(Slot *slot)
{
	if (slot->has_child)
		agent_child_free(&slot->child);
	agent_run_free(&slot->run);
	free(slot->error);
	memset(slot, 0, sizeof(*slot));
}

/* Runs that only deliver notifications are not worth a line in a log. */
static bool
is_work(const AgentRun *run)
{
	return run->kind == NULL || strcmp(run->kind, "notify") != 0;
}

/*
 * Start what was claimed, not before that moment; a program that cannot be
 * started is an end of the run, too.
 */
static void
start_run(Agent *agent, Slot *slot, double claimed)
{
	AgentRun *run = &slot->run;
	char *name = xasprintf(RUN_NAME_PREFIX "%lld", (long long) run->run);
	int error = 0;

	slot->busy = true;
	slot->last_answer = claimed;
	slot->next_beat = claimed + HEARTBEAT_SECONDS;
	slot->error = agent_check_words(run->words, run->nwords);
	if (slot->error == NULL)
		slot->error = agent_check_places(agent->settings, run->words, run->nwords);
	if (slot->error == NULL)
	{
		error = start_child(agent, &slot->child, run->words, run->nwords, name);
		slot->has_child = error == 0;
		if (error != 0)
			slot->error = xasprintf("could not start \"%s\": %s", agent->program, strerror(error));
	}
	if (slot->has_child)
	{
		char *answer;

		slot->child.kill_grace = run->kill_grace;
		slot->child.deadline = run->timeout > 0 ? monotonic_seconds() + run->timeout : 0;
		answer = catalogue_start(&agent->catalogue, run, (int) slot->child.child.pid);
		if (answer != NULL && strcmp(answer, "t") != 0)
			agent_child_stop(&slot->child, STOP_LOST);
		free(answer);
		if (is_work(run))
			log_info("run %lld: %s of job \"%s\" started, process %d", (long long) run->run,
					 run->kind, run->job != NULL ? run->job : "", (int) slot->child.child.pid);
	}
	else
		log_warning("run %lld could not be started: %s", (long long) run->run, slot->error);
	free(name);
}

/* Claim as much as there is and fits. */
static void
claim_runs(Agent *agent)
{
	int i;

	for (i = 0; i < agent->nslots && agent->startable > 0 && !stop_requested(); i++)
	{
		Slot *slot = &agent->slots[i];
		double now = monotonic_seconds();

		if (slot->busy)
			continue;
		if (!catalogue_claim(&agent->catalogue, &slot->run))
		{
			/* Another agent was faster, or what was counted may not run now. */
			agent->startable = 0;
			break;
		}
		agent->startable--;
		start_run(agent, slot, now);
	}
}

/* Say that we are still at it; hear whether to go on. */
static void
beat(Agent *agent, Slot *slot)
{
	double now = monotonic_seconds();
	char *answer;

	if (now < slot->next_beat || agent->catalogue.pg == NULL)
		return;
	slot->next_beat = now + HEARTBEAT_SECONDS;
	answer = catalogue_heartbeat(&agent->catalogue, &slot->run,
								 slot->has_child ? agent_child_progress(&slot->child) : NULL);
	if (answer == NULL)
		return;
	slot->last_answer = now;
	agent->backoff = FIRST_BACKOFF;
	if (slot->has_child && strcmp(answer, "cancel") == 0)
		agent_child_stop(&slot->child, STOP_CANCEL);
	else if (slot->has_child && strcmp(answer, "lost") == 0)
		agent_child_stop(&slot->child, STOP_LOST);
	free(answer);
}

/* How the program ended, in the words of finish(); NULL if the session is lost. */
static char *
tell_end(Agent *agent, Slot *slot)
{
	static const char *const reasons[] = {NULL, "cancel", "timeout", "shutdown", NULL};
	const AgentChild *child = &slot->child;
	char *exit_code = NULL;
	char *signal = NULL;
	char *error = NULL;
	char *tail = NULL;
	char *answer;

	if (slot->has_child)
	{
		if (child_exit_code(&child->child) >= 0)
			exit_code = xasprintf("%d", child_exit_code(&child->child));
		else
			signal = xasprintf("%d", child_end_signal(&child->child));
		tail = agent_child_tail(child);
		if (child->output->error[0] != '\0')
			error = harmless_text(child->output->error, true);
	}
	answer = catalogue_finish(&agent->catalogue, &slot->run, exit_code, signal,
							  slot->has_child ? reasons[child->stop] : NULL,
							  slot->error != NULL ? slot->error : error, tail);
	free(error);
	free(exit_code);
	free(signal);
	free(tail);
	return answer;
}

/* The program has ended: tell the catalog, as often as it takes. */
static void
finish_run(Agent *agent, Slot *slot)
{
	char *state;

	if (agent->catalogue.pg == NULL)
		return;
	state = tell_end(agent, slot);
	if (state == NULL)
		return;
	if (strcmp(state, "succeeded") != 0)
		log_warning("run %lld: %s", (long long) slot->run.run, state);
	else if (is_work(&slot->run))
		log_info("run %lld: succeeded", (long long) slot->run.run);
	agent->nended += is_work(&slot->run);
	agent->nfailed += is_work(&slot->run) && strcmp(state, "succeeded") != 0;
	if (agent->settings->agent->once)
		agent->next_notify = 0;
	/* The queue is to be looked at again; a run that could not be started is there at once. */
	agent->startable = 1;
	agent->next_advance = monotonic_seconds() + (slot->has_child ? SHORTEST_TURN : START_PAUSE);
	free(state);
	clear_slot(slot);
}

static void
work_on_slots(Agent *agent)
{
	int i;

	for (i = 0; i < agent->nslots; i++)
	{
		Slot *slot = &agent->slots[i];

		if (!slot->busy)
			continue;
		if (!slot->has_child || slot->child.child.ended)
			finish_run(agent, slot);
		else
			beat(agent, slot);
	}
}

/* ---- notifications ---- */

/* Messages are delivered by a separate program, because mail servers may be slow. */
static void
work_on_notifications(Agent *agent)
{
	static char *const words[] = {"notify", "--quiet"};
	double now = monotonic_seconds();
	char *said;

	if (agent->notifying)
	{
		if (!agent->notifier.child.ended)
			return;
		said = agent_child_tail(&agent->notifier);
		if (said[0] != '\0')
			log_warning("notifications: %s", said);
		free(said);
		agent_child_free(&agent->notifier);
		agent->notifying = false;
		agent->next_notify = now + NOTIFY_SECONDS;
		return;
	}
	if (now < agent->next_notify || agent->stop_seen > 0 || !notify_configured(agent->settings))
		return;
	agent->next_notify = now + NOTIFY_SECONDS;
	agent->notifying =
		start_child(agent, &agent->notifier, words, 2, "nex_backup:agent:notify") == 0;
	agent->notifier.deadline = now + NOTIFY_TIMEOUT;
	agent->notifier.kill_grace = 5;
}

/* ---- the loop ---- */

static void
wake_up(void *argument)
{
	const Agent *agent = argument;

	if (write(agent->wake[1], "", 1) < 0)
		return;
}

/* Not at once again; and the later, the more often nothing came of it. */
static void
back_off(Agent *agent)
{
	double now = monotonic_seconds();

	agent->next_connect = now + agent->backoff;
	agent->backoff = agent->backoff * 2 < LONGEST_BACKOFF ? agent->backoff * 2 : LONGEST_BACKOFF;

	/* A lease must not end because we slept. */
	if (busy_slots(agent) > 0 && agent->next_connect > now + 5)
		agent->next_connect = now + 5;
}

/* Begin to connect, unless that was tried a moment ago, or take what has come of it. */
static void
connect_again(Agent *agent)
{
	if (agent->catalogue.pg != NULL)
		return;
	if (agent->catalogue.connecting == NULL)
	{
		if (monotonic_seconds() < agent->next_connect)
			return;
		agent->attempted = true;
		if (!catalogue_connect_begin(&agent->catalogue))
			back_off(agent);
		return;
	}
	if (!catalogue_connect_is_over(&agent->catalogue))
		return;
	agent->told = !catalogue_connect_end(&agent->catalogue, agent->told);
	if (agent->catalogue.connecting != NULL)
	{
		agent->told = false;
		return;
	}
	agent->next_advance = 0;
	back_off(agent);
}

/* Say once what keeps the queue from moving. */
static void
note_state(Agent *agent, char *state, const char *detail)
{
	if (agent->state == NULL || strcmp(agent->state, state) != 0)
	{
		if (strcmp(state, "running") == 0)
			log_info("the scheduler is running");
		else
			log_warning("the scheduler is \"%s\"%s%s", state, detail != NULL ? ": " : "",
						detail != NULL ? detail : "");
	}
	free(agent->state);
	agent->state = state;
}

/* Take notifications; they bring the next look at the queue forward. */
static void
take_hints(Agent *agent)
{
	double soon = monotonic_seconds();

	if (soon < agent->next_hint)
		soon = agent->next_hint;
	if (!catalogue_notified(&agent->catalogue))
		return;
	agent->hinted = true;
	if (agent->next_advance > soon)
		agent->next_advance = soon;
}

/* The queue was looked at: when may the next notification have that done again? */
static void
settle_hint(Agent *agent, bool worth)
{
	double now = monotonic_seconds();

	if (worth || !agent->hinted)
		agent->hint_pause = FIRST_HINT_PAUSE;
	else if (agent->hint_pause * 2 < LONGEST_HINT_PAUSE)
		agent->hint_pause *= 2;
	else
		agent->hint_pause = LONGEST_HINT_PAUSE;
	agent->next_hint = now + agent->hint_pause;
	agent->hinted = false;
}

static void
look_at_queue(Agent *agent)
{
	double now = monotonic_seconds();
	char *detail = NULL;
	double wait = LONGEST_WAIT;
	char *state;

	take_hints(agent);
	if (agent->catalogue.pg == NULL || now < agent->next_advance || agent->stop_seen > 0)
		return;
	state = catalogue_advance(&agent->catalogue, &agent->startable, &wait, &detail);
	if (state == NULL)
		return;
	agent->backoff = FIRST_BACKOFF;
	if (wait < SHORTEST_TURN)
		wait = SHORTEST_TURN;
	agent->next_advance = now + (wait < LONGEST_WAIT ? wait : LONGEST_WAIT);
	note_state(agent, state, detail);
	free(detail);
	settle_hint(agent, agent->startable > 0);
	if (agent->startable > 0)
		claim_runs(agent);
	/* What came with the answers is not seen by poll() any more. */
	take_hints(agent);
}

/* Until when may we sleep? */
static double
next_event(const Agent *agent)
{
	double now = monotonic_seconds();
	double next = now + LONGEST_WAIT;

	if (agent->catalogue.connecting != NULL)
		next = now + LONGEST_WAIT;
	else if (agent->catalogue.pg == NULL)
		next = agent->next_connect;
	else if (agent->next_advance < next)
		next = agent->next_advance;
	/* Then the socket is to be looked at again. */
	if (agent->catalogue.pg != NULL && now < agent->next_hint && agent->next_hint < next)
		next = agent->next_hint;
	if (notify_configured(agent->settings) && agent->next_notify < next)
		next = agent->next_notify;
	return next;
}

/* Sleep until something happens. */
static void
wait_for_event(Agent *agent)
{
	int socket = -1;

	/* Between two looks, notifications wait in the socket. */
	if (agent->catalogue.connecting != NULL)
		socket = connect_hosts_descriptor(agent->catalogue.connecting);
	else if (agent->catalogue.pg != NULL && monotonic_seconds() >= agent->next_hint)
		socket = PQsocket(agent->catalogue.pg);
	agent_wait(agent, socket, POLLIN, next_event(agent));
}

/* With --once: has all been done? */
static bool
is_done(const Agent *agent)
{
	return agent->settings->agent->once && agent->catalogue.pg != NULL && agent->startable == 0 &&
		   busy_slots(agent) == 0 && monotonic_seconds() < agent->next_advance;
}

/* With --once: was the session refused, or lost? */
static bool
has_failed(const Agent *agent)
{
	return agent->settings->agent->once && agent->attempted && agent->catalogue.pg == NULL &&
		   agent->catalogue.connecting == NULL && busy_slots(agent) == 0;
}

/* Work until it is time to leave; false if there is no use in it. */
static bool
loop(Agent *agent)
{
	for (;;)
	{
		connect_again(agent);
		if (agent->catalogue.refused)
			return false;
		look_at_queue(agent);
		work_on_slots(agent);
		work_on_notifications(agent);
		if (agent_should_leave(agent) || (agent->stop_seen == 0 && is_done(agent)))
			return true;
		if (has_failed(agent))
			return report_error(EXIT_FAILED, NULL, NULL, "could not work on the queue");
		wait_for_event(agent);
	}
}

/* ---- begin and end ---- */

/* Our own program, as a path that is still right when PATH is not. */
static char *
own_program(void)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length <= 0)
	{
		report_error(EXIT_FAILED, strerror(errno), NULL,
					 "could not find out where this program is");
		return NULL;
	}
	path[length] = '\0';
	return xstrdup(path);
}

static char *
own_host(void)
{
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	return printable_name(host);
}

static bool
begin(Agent *agent, const Settings *settings)
{
	memset(agent, 0, sizeof(*agent));
	agent_child_limit_memory();
	agent->settings = settings;
	agent->wake[0] = agent->wake[1] = -1;
	agent->backoff = FIRST_BACKOFF;
	agent->hint_pause = FIRST_HINT_PAUSE;
	agent->nslots = settings->agent->max_runs;
	agent->slots = xcalloc((size_t) agent->nslots, sizeof(Slot));
	agent->catalogue.wait = agent_wait;
	agent->catalogue.argument = agent;
	agent->catalogue.host = own_host();
	agent->catalogue.base_name = xstrdup(
		settings->agent->agent_name != NULL ? settings->agent->agent_name : agent->catalogue.host);
	agent->catalogue.target = target_from_conninfo(settings->general->catalogue);
	if (agent->catalogue.target == NULL)
		return false;
	agent->program = own_program();
	agent->directory = temporary_directory_create();
	if (agent->program == NULL || agent->directory == NULL)
		return false;
	/* Programs do not see what is in a service, and would not pin their sessions. */
	if (target_get(agent->catalogue.target, "options") != NULL)
		session_pin_child(agent->catalogue.target, NULL, "");
	agent->conninfo = target_conninfo_for_child(agent->catalogue.target, agent->directory);
	if (agent->conninfo == NULL)
		return false;
	if (pipe2(agent->wake, O_CLOEXEC | O_NONBLOCK) != 0)
		return report_error(EXIT_FAILED, strerror(errno), NULL, "could not create a pipe");
	return true;
}

/* Whatever still runs now has been asked to end, and gets no more time. */
static void
end(Agent *agent)
{
	int i;

	for (i = 0; i < agent->nslots; i++)
	{
		if (agent->slots[i].busy && agent->slots[i].has_child && !agent->slots[i].child.child.ended)
			child_signal(&agent->slots[i].child.child, SIGKILL);
		if (agent->slots[i].busy)
			clear_slot(&agent->slots[i]);
	}
	while (agent->notifying && !agent->notifier.child.ended)
	{
		struct timespec pause = {0, 50000000};

		agent_child_read(&agent->notifier);
		agent_child_tick(&agent->notifier);
		if (stop_requested())
			agent_child_stop(&agent->notifier, STOP_SHUTDOWN);
		nanosleep(&pause, NULL);
	}
	if (agent->notifying)
		agent_child_free(&agent->notifier);
	catalogue_disconnect(&agent->catalogue);
	target_free(agent->catalogue.target);
	temporary_directory_remove(agent->directory);
	free(agent->catalogue.base_name);
	free(agent->catalogue.name);
	free(agent->catalogue.host);
	free(agent->program);
	free(agent->conninfo);
	free(agent->slots);
	free(agent->state);
}

bool
agent_run(const Settings *settings)
{
	Agent agent;
	bool good = begin(&agent, settings);

	if (good)
	{
		int handle = cancellation_add(wake_up, NULL, &agent);

		good = loop(&agent);
		cancellation_remove(handle);
		log_info("the agent ends: %d %s, %d of which did not succeed", agent.nended,
				 agent.nended == 1 ? "run" : "runs", agent.nfailed);
		if (good && settings->agent->once && agent.nfailed > 0)
			good = report_error(EXIT_FAILED, NULL,
								"\"SELECT * FROM nex_backup.runs ORDER BY id DESC\" shows why.",
								"%d of %d runs did not succeed", agent.nfailed, agent.nended);
	}
	end(&agent);
	return good;
}
