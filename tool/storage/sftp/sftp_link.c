/*-------------------------------------------------------------------------
 *
 * sftp_link.c
 *	  The way to an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_link.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_once.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"

#define CONNECT_SECONDS 60
#define SILENT_SECONDS 120
#define LANES 4
#define ENOUGH_WORK 2 /* of a lane, before another one is opened */

/* A session, and how many use it. */
typedef struct Shared
{
	SftpSession *session;
	int users; /* and one while it is the present one */
} Shared;

/* One connection at a time. */
typedef struct Lane
{
	pthread_mutex_t connecting; /* held while a session is begun */
	Shared *present;            /* NULL: none */
	unsigned attempts;          /* to begin one */
	StoreResult failure;        /* of the last one */
	int work;                   /* what is being done by it */
} Lane;

struct SftpLink
{
	SftpLink *next; /* of all; under links_lock, as the next one */
	int users;
	int patience_seconds;
	char **argv;
	char *host;
	int connect_seconds;
	int silent_seconds;
	Patience *patience;
	pthread_mutex_t lock; /* of all below, but for `connecting` */
	Lane lanes[LANES];
	int usable; /* of them: fewer, once the server has refused one of the others */
	pthread_t widening;
	bool widens; /* the thread is to be joined */
};

static pthread_mutex_t links_lock = PTHREAD_MUTEX_INITIALIZER;
static SftpLink *links;

/* ---- how ssh is called ---- */

typedef struct Words
{
	char **items;
	size_t count;
} Words;

static void
add_word(Words *words, const char *word)
{
	words->items = xrealloc(words->items, (words->count + 2) * sizeof(char *));
	words->items[words->count++] = xstrdup(word);
	words->items[words->count] = NULL;
}

static void
add_setting(Words *words, const char *setting)
{
	add_word(words, "-o");
	add_word(words, setting);
}

/* A file's name in quotes, for ssh's own reader of settings. */
static void
add_known_hosts(Words *words, const char *file)
{
	Buffer setting;

	buffer_init(&setting);
	buffer_append_string(&setting, "UserKnownHostsFile=\"");
	for (; *file != '\0'; file++)
	{
		if (*file == '%')
			buffer_append_char(&setting, '%');
		buffer_append_char(&setting, *file);
	}
	buffer_append_char(&setting, '"');
	add_setting(words, setting.data);
	add_setting(words, "GlobalKnownHostsFile=/dev/null");
	buffer_free(&setting);
}

/*
 * A host that ssh does not know is refused, whatever its files say, and nobody
 * is asked: by night there is nobody.  The connection is one of our own, and
 * leads nowhere else.
 */
static char **
command_line(const SftpAddress *address, const SftpOptions *options)
{
	static const char *const settings[] = {
		"BatchMode=yes",         "StrictHostKeyChecking=yes", "ServerAliveInterval=15",
		"ServerAliveCountMax=3", "ConnectTimeout=20",         "ControlMaster=no",
		"ControlPath=none",      "ClearAllForwardings=yes",   "ForwardAgent=no",
		"ForwardX11=no",         "PermitLocalCommand=no"};
	static const char *const plain[] = {"ssh", NULL};
	const char *const *word = options->command != NULL ? options->command : plain;
	Words words = {NULL, 0};
	char port[16];
	size_t i;

	for (; *word != NULL; word++)
		add_word(&words, *word);
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		add_setting(&words, settings[i]);
	if (options->known_hosts != NULL)
		add_known_hosts(&words, options->known_hosts);
	if (address->user != NULL)
	{
		add_word(&words, "-l");
		add_word(&words, address->user);
	}
	if (address->port != 0)
	{
		snprintf(port, sizeof(port), "%d", address->port);
		add_word(&words, "-p");
		add_word(&words, port);
	}
	add_word(&words, "-s");
	add_word(&words, address->host);
	add_word(&words, "sftp");
	return words.items;
}

static void
free_words(char **words)
{
	char **word;

	for (word = words; *word != NULL; word++)
		free(*word);
	free(words);
}

static bool
same_words(char *const *a, char *const *b)
{
	for (; *a != NULL && *b != NULL && strcmp(*a, *b) == 0; a++, b++)
		;
	return *a == NULL && *b == NULL;
}

static SftpLink *
create_link(const SftpAddress *address, const SftpOptions *options, char **argv)
{
	SftpLink *link = xcalloc(1, sizeof(*link));
	int i;

	link->argv = argv;
	link->host = xstrdup(address->host);
	link->connect_seconds = options->connect_seconds;
	link->silent_seconds = options->silent_seconds;
	link->patience = patience_create(options->patience, stop_requested);
	link->patience_seconds = options->patience;
	for (i = 0; i < LANES; i++)
		pthread_mutex_init(&link->lanes[i].connecting, NULL);
	pthread_mutex_init(&link->lock, NULL);
	link->usable = LANES;
	return link;
}

SftpLink *
sftp_link_open(const SftpAddress *address, const SftpOptions *options)
{
	SftpOptions whole = *options;
	char **argv = command_line(address, options);
	SftpLink *link;

	if (whole.connect_seconds == 0)
		whole.connect_seconds = CONNECT_SECONDS;
	if (whole.silent_seconds == 0)
		whole.silent_seconds = SILENT_SECONDS;
	if (whole.patience == 0)
		whole.patience = REQUEST_PATIENCE;
	pthread_mutex_lock(&links_lock);
	for (link = links; link != NULL; link = link->next)
	{
		if (same_words(link->argv, argv) && link->connect_seconds == whole.connect_seconds &&
			link->silent_seconds == whole.silent_seconds &&
			link->patience_seconds == whole.patience)
			break;
	}
	if (link != NULL)
		free_words(argv);
	else
	{
		link = create_link(address, &whole, argv);
		link->next = links;
		links = link;
	}
	link->users++;
	pthread_mutex_unlock(&links_lock);
	return link;
}

/* ---- sessions ---- */

/* Under the lock; what is to be closed, or NULL. */
static SftpSession *
drop_user(Shared *shared)
{
	SftpSession *session = NULL;

	if (--shared->users == 0)
	{
		session = shared->session;
		free(shared);
	}
	return session;
}

static void
give_back(SftpLink *link, Shared *shared)
{
	SftpSession *session;

	pthread_mutex_lock(&link->lock);
	session = drop_user(shared);
	pthread_mutex_unlock(&link->lock);
	sftp_session_close(session);
}

/* The present session of a lane, if it is alive; an end of it is noticed here. */
static Shared *
take_present(SftpLink *link, Lane *lane)
{
	SftpSession *ended = NULL;
	Shared *shared;

	pthread_mutex_lock(&link->lock);
	if (lane->present != NULL && !sftp_session_alive(lane->present->session))
	{
		ended = drop_user(lane->present);
		lane->present = NULL;
	}
	shared = lane->present;
	if (shared != NULL)
		shared->users++;
	pthread_mutex_unlock(&link->lock);
	sftp_session_close(ended);
	return shared;
}

/*
 * What ssh says of why it cannot connect is for people, and the exit code is
 * always 255.  So its words are looked at, but they decide only whether another
 * try in some seconds is of use, and which advice is given.
 */
static StoreResult
judge_words(const SftpLink *link, const StoreResult *failure)
{
	static const struct
	{
		const char *words;
		StoreCode code;
		const char *hint;
	} known[] = {
		{"Permission denied", STORE_DENIED,
		 "The user who runs nex_backup must be able to log in there without a password: \"ssh -o "
		 "BatchMode=yes HOST true\" as that user says more.  Keys and names are set in "
		 "~/.ssh/config."},
		{"Too many authentication failures", STORE_DENIED,
		 "Name the key in ~/.ssh/config, with \"IdentitiesOnly yes\"."},
		{"IDENTIFICATION HAS CHANGED", STORE_DENIED,
		 "The server shows another key than the one that is known.  Find out why before anything "
		 "else: it may be another machine."},
		{"Host key verification failed", STORE_DENIED,
		 "The key of the server must be known: add it to ~/.ssh/known_hosts of the user who runs "
		 "nex_backup (\"ssh-keyscan HOST\" shows it; compare it with that on the server), or name "
		 "a file with repo-sftp-known-hosts."},
		{"subsystem request failed", STORE_UNSUPPORTED,
		 "The server must offer SFTP: \"Subsystem sftp internal-sftp\" in its sshd_config."},
		{"Bad configuration option", STORE_UNSUPPORTED, NULL},
		{"Could not resolve", STORE_UNREACHABLE, "Check the name of the host."},
	};
	StoreResult result = *failure;
	size_t i;

	snprintf(result.text, sizeof(result.text), "host \"%.60s\": %.130s", link->host, failure->text);
	for (i = 0; failure->code == STORE_UNREACHABLE && i < sizeof(known) / sizeof(known[0]); i++)
	{
		if (strstr(failure->text, known[i].words) == NULL)
			continue;
		result.code = known[i].code;
		result.hint = known[i].hint;
		break;
	}
	return result;
}

/* Begin another session, unless somebody else has tried since `seen`; under `connecting`. */
static void
connect_again(SftpLink *link, Lane *lane, unsigned seen)
{
	StoreResult result;
	SftpSession *session;
	bool tried;

	pthread_mutex_lock(&link->lock);
	tried = lane->attempts != seen;
	pthread_mutex_unlock(&link->lock);
	if (tried)
		return;
	session = sftp_session_open(link->argv, link->connect_seconds, link->silent_seconds, &result);
	if (session == NULL)
		result = judge_words(link, &result);
	pthread_mutex_lock(&link->lock);
	lane->attempts++;
	lane->failure = result;
	if (session != NULL)
	{
		lane->present = xcalloc(1, sizeof(Shared));
		*lane->present = (Shared){session, 1};
	}
	pthread_mutex_unlock(&link->lock);
}

/* A session that is alive; NULL if there is none, and why. */
static Shared *
take_session(SftpLink *link, Lane *lane, StoreResult *result)
{
	Shared *shared = take_present(link, lane);
	unsigned seen;

	if (shared != NULL)
		return shared;
	pthread_mutex_lock(&link->lock);
	seen = lane->attempts;
	pthread_mutex_unlock(&link->lock);
	pthread_mutex_lock(&lane->connecting);
	shared = take_present(link, lane);
	if (shared == NULL)
	{
		connect_again(link, lane, seen);
		shared = take_present(link, lane);
	}
	pthread_mutex_unlock(&lane->connecting);
	pthread_mutex_lock(&link->lock);
	*result = lane->failure;
	pthread_mutex_unlock(&link->lock);
	if (shared == NULL && result->code == STORE_OK)
		*result = store_failure(STORE_UNREACHABLE, NULL, "host \"%.60s\": the connection has ended",
								link->host);
	return shared;
}

/* The lane with the least to do, of those that are open and one more. */
static Lane *
choose_lane(SftpLink *link, bool content)
{
	Lane *best = &link->lanes[0];
	int i;

	pthread_mutex_lock(&link->lock);
	for (i = 1; content && i < link->usable && best->work > 0; i++)
	{
		Lane *lane = &link->lanes[i];

		if (lane->work < best->work && (lane->attempts > 0 || best->work >= ENOUGH_WORK))
			best = lane;
	}
	best->work++;
	pthread_mutex_unlock(&link->lock);
	return best;
}

static void
leave_lane(SftpLink *link, Lane *lane)
{
	pthread_mutex_lock(&link->lock);
	lane->work--;
	pthread_mutex_unlock(&link->lock);
}

/* The server has refused another connection than the first one. */
static void
narrow(SftpLink *link, const StoreResult *result)
{
	log_debug("%s; so there are fewer connections", result->text);
	pthread_mutex_lock(&link->lock);
	link->usable = 1;
	pthread_mutex_unlock(&link->lock);
}

/* A session for this work.  If it is not the first lane that fails, the first one does. */
static Shared *
begin_work(SftpLink *link, bool content, Lane **lane, StoreResult *result)
{
	Shared *shared;

	*lane = choose_lane(link, content);
	shared = take_session(link, *lane, result);
	if (shared != NULL || *lane == &link->lanes[0])
		return shared;
	narrow(link, result);
	leave_lane(link, *lane);
	*lane = choose_lane(link, false);
	return take_session(link, *lane, result);
}

/* What a session says of its own end, with the name of the host. */
static void
name_host(const SftpLink *link, SftpSession *session, StoreResult *result)
{
	const StoreResult why = sftp_session_failure(session);

	snprintf(result->text, sizeof(result->text), "host \"%.60s\": %.130s", link->host, why.text);
	if (why.code != STORE_UNREACHABLE)
	{
		result->code = why.code;
		result->hint = why.hint;
	}
	log_debug("%s", result->text);
}

StoreResult
sftp_do(SftpLink *link, SftpWork *work)
{
	StoreResult result;
	Tries tries;

	work->maybe_done = false;
	if (work->leases != NULL && !leases_all_fresh(work->leases))
		return store_failure(STORE_FAILED, "Run the same command again.",
							 "a lock on the repository was lost");
	tries_begin(&tries, link->patience);
	do
	{
		Lane *lane;
		Shared *shared = begin_work(link, work->content, &lane, &result);

		if (shared != NULL)
		{
			tries_heard(&tries);
			result = work->once(shared->session, work->argument);
			if (!sftp_session_alive(shared->session) &&
				(result.code == STORE_UNREACHABLE || result.code == STORE_UNKNOWN_OUTCOME))
				name_host(link, shared->session, &result);
			give_back(link, shared);
		}
		leave_lane(link, lane);
		work->maybe_done |= result.code == STORE_UNKNOWN_OUTCOME;
	} while (tries_again(&tries, &result, 0) &&
			 (work->leases == NULL || leases_all_alive(work->leases)));
	result.tries = tries.count;
	return result;
}

static void
connect_lane(size_t item, void *argument)
{
	SftpLink *link = argument;
	StoreResult result;
	Shared *shared = take_session(link, &link->lanes[item + 1], &result);

	if (shared != NULL)
		give_back(link, shared);
	else if (!stop_requested())
		narrow(link, &result);
}

static void *
connect_lanes(void *link)
{
	at_once(LANES - 1, LANES - 1, connect_lane, link);
	return NULL;
}

void
sftp_link_widen(SftpLink *link)
{
	pthread_mutex_lock(&link->lock);
	if (!link->widens && link->usable == LANES)
		link->widens = pthread_create(&link->widening, NULL, connect_lanes, link) == 0;
	pthread_mutex_unlock(&link->lock);
}

static void
free_link(SftpLink *link)
{
	int i;

	for (i = 0; i < LANES; i++)
	{
		if (link->lanes[i].present != NULL)
			give_back(link, link->lanes[i].present);
		pthread_mutex_destroy(&link->lanes[i].connecting);
	}
	free_words(link->argv);
	free(link->host);
	patience_free(link->patience);
	pthread_mutex_destroy(&link->lock);
	free(link);
}

/* Have done what was asked for without waiting: the program may end now. */
static void
settle(SftpLink *link)
{
	bool widens;
	int i;

	pthread_mutex_lock(&link->lock);
	widens = link->widens;
	link->widens = false;
	pthread_mutex_unlock(&link->lock);
	if (widens)
		pthread_join(link->widening, NULL);
	for (i = 0; i < LANES; i++)
	{
		Shared *shared = take_present(link, &link->lanes[i]);

		if (shared == NULL)
			continue;
		sftp_session_settle(shared->session);
		give_back(link, shared);
	}
}

void
sftp_link_close(SftpLink *link)
{
	SftpLink **place = &links;

	if (link == NULL)
		return;
	settle(link);
	pthread_mutex_lock(&links_lock);
	link->users--;
	while (*place != NULL)
	{
		SftpLink *one = *place;

		if (one->users == 0 && one != link)
		{
			*place = one->next;
			free_link(one);
		}
		else
			place = &one->next;
	}
	pthread_mutex_unlock(&links_lock);
}
