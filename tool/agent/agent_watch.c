/*-------------------------------------------------------------------------
 *
 * agent_watch.c
 *	  The one place where an agent waits.
 *
 * Whatever the agent waits for, its programs are looked after in the meantime:
 * each wait, also that for an answer of the catalog, is made here, ends soon
 * while programs run, and then looks at all that has a time: timeouts of jobs,
 * the lease, which ends if the catalog is silent, and the end of the agent
 * itself.  Nothing here asks the catalog.
 *
 *-------------------------------------------------------------------------
 */
#include "agent_watch.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent_settings.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "settings.h"

/* A lease lasts for 60 seconds; the rest is for the program to end, or to be killed. */
#define SILENCE_LIMIT 50.0
#define BUSY_POLL 0.2

/* After a signal: to tell the catalog how programs have ended, and for one call of it. */
#define FAREWELL_SECONDS 10.0
#define LAST_CALL_SECONDS 4.0

int
busy_slots(const Agent *agent)
{
	int busy = 0;
	int i;

	for (i = 0; i < agent->nslots; i++)
		busy += agent->slots[i].busy;
	return busy;
}

static bool
is_running(const Slot *slot)
{
	return slot->busy && slot->has_child && !slot->child.child.ended;
}

static int
running_programs(const Agent *agent)
{
	int running = 0;
	int i;

	for (i = 0; i < agent->nslots; i++)
		running += is_running(&agent->slots[i]);
	return running;
}

/* Output, timeout, end; and whose is the run by now? */
static void
watch_run(Slot *slot)
{
	agent_child_read(&slot->child);
	agent_child_tick(&slot->child);
	if (slot->child.child.ended || monotonic_seconds() - slot->last_answer <= SILENCE_LIMIT)
		return;
	agent_child_stop(&slot->child, STOP_LOST);
	if (!slot->silence_told)
		log_warning("run %lld is stopped: the catalog could not be reached for %d seconds",
					(long long) slot->run.run, (int) SILENCE_LIMIT);
	slot->silence_told = true;
}

/* Stop what still runs after --stop-timeout, and find out when to leave. */
static void
watch_end(Agent *agent)
{
	double now = monotonic_seconds();
	double grace = 0;
	int i;

	if (stop_requested() && agent->stop_seen == 0)
	{
		agent->stop_seen = now;
		agent->stop_at = now + agent->settings->agent->stop_timeout;
		if (busy_slots(agent) > 0)
			log_info("asked to stop: waiting for %d running programs, for %d seconds at most",
					 busy_slots(agent), agent->settings->agent->stop_timeout);
	}
	if (agent->stop_seen == 0)
		return;
	if (now >= agent->stop_at && !agent->stopped)
	{
		for (i = 0; i < agent->nslots; i++)
		{
			if (!is_running(&agent->slots[i]))
				continue;
			agent_child_stop(&agent->slots[i].child, STOP_SHUTDOWN);
			if (agent->slots[i].run.kill_grace > grace)
				grace = agent->slots[i].run.kill_grace;
		}
		agent->stopped = true;
		agent->leave_at = now + grace + FAREWELL_SECONDS;
	}
	if (running_programs(agent) == 0 &&
		(agent->leave_at == 0 || agent->leave_at > now + FAREWELL_SECONDS))
		agent->leave_at = now + FAREWELL_SECONDS;
}

static void
watch(Agent *agent)
{
	int i;

	for (i = 0; i < agent->nslots; i++)
	{
		if (is_running(&agent->slots[i]))
			watch_run(&agent->slots[i]);
	}
	if (agent->notifying)
	{
		agent_child_read(&agent->notifier);
		agent_child_tick(&agent->notifier);
	}
	watch_end(agent);
}

bool
agent_should_leave(const Agent *agent)
{
	return agent->stop_seen > 0 &&
		   (busy_slots(agent) == 0 ||
			(agent->leave_at > 0 && monotonic_seconds() >= agent->leave_at));
}

/*
 * Has a call any time left?  After a signal it has little, for another session
 * may have an answer.
 */
static bool
may_wait(const Agent *agent)
{
	double now = monotonic_seconds();
	double since =
		agent->catalogue.asked > agent->stop_seen ? agent->catalogue.asked : agent->stop_seen;

	if (agent->stop_seen == 0)
		return true;
	return now < since + LAST_CALL_SECONDS && (agent->leave_at == 0 || now < agent->leave_at);
}

WaitOutcome
agent_wait(void *argument, int socket, short events, double until)
{
	Agent *agent = argument;
	struct pollfd *files = xcalloc((size_t) agent->nslots + 2, sizeof(struct pollfd));
	double soon = monotonic_seconds() + BUSY_POLL;
	WaitOutcome outcome;
	char bytes[16];
	nfds_t count = 2;
	int i;

	files[0].fd = socket;
	files[0].events = events;
	files[1].fd = agent->wake[0];
	files[1].events = POLLIN;
	for (i = 0; i < agent->nslots; i++)
	{
		if (!is_running(&agent->slots[i]) || agent->slots[i].child.child.output < 0)
			continue;
		files[count].fd = agent->slots[i].child.child.output;
		files[count++].events = POLLIN;
	}
	if (until > soon && (busy_slots(agent) > 0 || agent->notifying || agent->stop_seen > 0))
		until = soon;
	if (poll(files, count, milliseconds_until(until)) <= 0)
		files[0].revents = 0;
	while (read(agent->wake[0], bytes, sizeof(bytes)) > 0)
		;
	outcome = files[0].revents != 0 ? WAIT_READY : WAIT_NOTHING;
	free(files);
	watch(agent);
	return may_wait(agent) ? outcome : WAIT_GIVE_UP;
}
