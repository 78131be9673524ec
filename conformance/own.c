/* See own.h: each instance is a target of its own, with a folder and ports of
 * its own. */
#include "config.h"

#include "conformance/own.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/files.h"
#include "conformance/probe.h"
#include "conformance/target.h"

/* Somebody else may have taken a port that was free a moment ago. */
#define TRIES       3
#define PROBE_EVERY (30 * NS_PER_MS)
#define STOP_WITHIN NS_PER_S

struct engine_own {
	struct target *origin;
	struct target *target;
	struct process *client; /* of a client nothing else is set but … */
	char *file;             /* … what it is to send; NULL: nothing */
	struct probe *probe;
	int64_t deadline_ns; /* to be ready */
	int64_t next_ns;     /* of the next probe */
	int tries;
	bool ready;
	size_t log_kept; /* of its log, bytes */
	char why[256];
};

/* What it said since the last time goes behind what the target's first process
 * says, where it can still be read when its folder is gone. */
static void
keep_log(struct engine_own *o)
{
	char err[512], *text;
	size_t len;
	FILE *f;

	if (o->target->log == NULL || o->origin->log == NULL)
		return;
	text = file_read(o->target->log, &len, err, sizeof(err));
	f = text != NULL && len > o->log_kept ? fopen(o->origin->log, "ae")
					      : NULL;
	if (f != NULL) {
		fprintf(f, "-- of an instance of its own, process %ld:\n",
		    o->target->engine.pid);
		fwrite(text + o->log_kept, 1, len - o->log_kept, f);
		fclose(f);
		o->log_kept = len;
	}
	free(text);
}

static void
forget(struct engine_own *o)
{
	probe_free(o->probe);
	o->probe = NULL;
	if (o->target == NULL)
		return;
	if (o->target->process != NULL)
		process_stop(o->target->process, SIGKILL, STOP_WITHIN);
	keep_log(o);
	target_free(o->target);
	o->target = NULL;
	o->log_kept = 0;
}

static bool
spawn(struct engine_own *o, char *err, size_t err_size)
{
	o->ready = o->target->file->ready_path == NULL;
	o->deadline_ns = clock_mono_ns() + o->target->file->ready_ns;
	o->next_ns = 0;
	snprintf(o->why, sizeof(o->why), "no answer");
	return target_spawn(o->target, err, err_size) == 0;
}

static bool
make(struct engine_own *o, char *err, size_t err_size)
{
	struct text errors;
	int status;

	text_init(&errors);
	o->tries++;
	o->target =
	    target_new(o->origin->said, o->origin->options, &errors, &status);
	if (o->target == NULL)
		snprintf(err, err_size, "%.*s",
		    (int)strcspn(text_str(&errors), "\n"), text_str(&errors));
	text_clear(&errors);
	return o->target != NULL && spawn(o, err, err_size);
}

static struct engine_own *
host_start(void *arg, const char *url, char *err, size_t err_size)
{
	struct engine_own *o = xcalloc(1, sizeof(*o));

	o->origin = arg;
	if (make(o, err, err_size))
		return o;
	forget(o);
	free(o);
	return NULL;
}

/* A process that ended at its start is tried again elsewhere. */
static enum own_state
try_again(struct engine_own *o, char *err, size_t err_size)
{
	char how[64];

	snprintf(how, sizeof(how), "%s", process_ending(o->target->process));
	forget(o);
	if (o->tries < TRIES && make(o, err, err_size))
		return OWN_STARTING;
	if (o->tries >= TRIES)
		snprintf(err, err_size, "ended at its start: %s", how);
	return OWN_LOST;
}

static void
look_at_probe(struct engine_own *o)
{
	const struct target_file *f = o->target->file;
	char why[256];
	int status;

	if (!probe_is_done(o->probe, &status, why, sizeof(why)))
		return;
	probe_free(o->probe);
	o->probe = NULL;
	o->next_ns = clock_mono_ns() + PROBE_EVERY;
	o->ready = status == f->ready_status;
	if (status < 0)
		snprintf(o->why, sizeof(o->why), "%s", why);
	else
		snprintf(o->why, sizeof(o->why), "GET gave %d, not %d", status,
		    f->ready_status);
}

static enum own_state
host_state(struct engine_own *o, char *err, size_t err_size)
{
	if (o->target == NULL)
		return OWN_LOST;
	if (o->ready)
		return OWN_READY;
	if (process_has_exited(o->target->process))
		return try_again(o, err, err_size);
	if (clock_mono_ns() > o->deadline_ns) {
		snprintf(err, err_size, "not ready: %s", o->why);
		return OWN_LOST;
	}
	if (o->probe != NULL)
		look_at_probe(o);
	else if (clock_mono_ns() >= o->next_ns)
		o->probe = probe_start(o->origin->loop, &o->target->engine.url,
		    o->target->file->ready_path, 2 * NS_PER_S);
	return o->ready ? OWN_READY : OWN_STARTING;
}

static const struct engine_target *
host_target(struct engine_own *o)
{
	return &o->target->engine;
}

static bool
host_signal(struct engine_own *o, int signo)
{
	return process_signal(o->target->process, signo);
}

static bool
host_restart(struct engine_own *o, char *err, size_t err_size)
{
	process_stop(o->target->process, SIGKILL, STOP_WITHIN);
	process_free(o->target->process);
	o->target->process = NULL;
	o->tries = TRIES; /* the same place, or none */
	return spawn(o, err, err_size);
}

static bool
host_has_exited(struct engine_own *o, struct own_exit *out)
{
	if (o->target == NULL || o->target->process == NULL ||
	    !process_has_exited(o->target->process))
		return false;
	process_exit_status(o->target->process, &out->status, &out->signo);
	return true;
}

static void
host_stop(struct engine_own *o)
{
	forget(o);
	free(o);
}

struct engine_host
own_host(struct target *t)
{
	return (struct engine_host){
		.arg = t,
		.start = host_start,
		.state = host_state,
		.target = host_target,
		.signal = host_signal,
		.restart = host_restart,
		.has_exited = host_has_exited,
		.rest = keep_log,
		.stop = host_stop,
	};
}

/* ---- clients ---- */

/* |command| with |what| put in where |place| stands; it is freed. */
static char *
put_in(char *command, const char *place, const char *what)
{
	const char *rest = command, *at;
	struct text out;

	text_init(&out);
	for (; (at = strstr(rest, place)) != NULL; rest = at + strlen(place)) {
		text_add_n(&out, rest, (size_t)(at - rest));
		text_add(&out, what);
	}
	text_add(&out, rest);
	free(command);
	return text_take(&out);
}

/* |file|, which may be NULL, becomes its own. */
static struct engine_own *
start_command(const struct target *t, const char *command, const char *url,
    char *file, char *err, size_t err_size)
{
	char *filled = put_in(xstrdup(command), "{url}", url), **argv;
	struct engine_own *o = xcalloc(1, sizeof(*o));

	o->file = file;
	if (file != NULL)
		filled = put_in(filled, "{file}", file);
	argv = words_split(filled);
	snprintf(err, err_size, "a quote is not closed");
	if (argv != NULL)
		o->client = process_start(argv, t->log, err, err_size);
	words_free(argv);
	free(filled);
	if (o->client != NULL)
		return o;
	if (file != NULL)
		unlink(file);
	free(file);
	free(o);
	return NULL;
}

static struct engine_own *
client_start(void *arg, const char *url, char *err, size_t err_size)
{
	const struct target *t = arg;

	return start_command(t, t->options->client, url, NULL, err, err_size);
}

static struct engine_own *
client_start_sender(void *arg, const char *url, const void *data, size_t len,
    char *err, size_t err_size)
{
	const struct target *t = arg;
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf("%s/relay-conformance-send.XXXXXX",
	    tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
	int fd = mkstemp(path);

	if (fd >= 0)
		close(fd);
	else
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
	if (fd >= 0 && file_write(path, data, len, err, err_size) == 0)
		return start_command(t, t->options->client_send, url, path, err,
		    err_size);
	if (fd >= 0)
		unlink(path);
	free(path);
	return NULL;
}

static long
client_pid(struct engine_own *o)
{
	return process_pid(o->client);
}

static bool
client_has_exited(struct engine_own *o, struct own_exit *out)
{
	if (!process_has_exited(o->client))
		return false;
	process_exit_status(o->client, &out->status, &out->signo);
	return true;
}

static void
client_stop(struct engine_own *o)
{
	process_stop(o->client, SIGKILL, STOP_WITHIN);
	process_free(o->client);
	if (o->file != NULL)
		unlink(o->file);
	free(o->file);
	free(o);
}

struct engine_host
client_host(struct target *t)
{
	return (struct engine_host){
		.arg = t,
		.start = client_start,
		.start_sender = t->options->client_send != NULL
		    ? client_start_sender
		    : NULL,
		.pid = client_pid,
		.has_exited = client_has_exited,
		.stop = client_stop,
	};
}

bool
client_is_there(const char *command, char *err, size_t err_size)
{
	char **argv = words_split(command);
	bool found;

	snprintf(err, err_size, "a quote is not closed");
	found = argv != NULL && argv[0] != NULL &&
	    process_is_there(argv[0], err, err_size);
	words_free(argv);
	return found;
}
