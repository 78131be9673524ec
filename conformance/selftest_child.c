/* Starting children, waiting for them, reading what they report. */
#include "config.h"

#include "conformance/selftest_child.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/files.h"
#include "conformance/member.h"
#include "conformance/process.h"
#include "conformance/suite.h"

#define LOOK_NS (10 * NS_PER_MS)
#define SHOW_NS (200 * NS_PER_MS)

struct child {
	struct child_order order; /* its strings are not kept */
	char *base;               /* path of its files, without endings */
	struct process *process;  /* NULL: the place is free */
};

/* The signal that ends all this before its time; 0: none. */
static volatile sig_atomic_t interrupted;

static void
on_signal(int signo)
{
	interrupted = signo;
}

bool
children_interrupted(void)
{
	return interrupted != 0;
}

struct children *
children_new(const char *dir, const struct selftest_options *o)
{
	struct children *c = xcalloc(1, sizeof(*c));

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	c->dir = dir;
	c->o = o;
	c->child = xcalloc((size_t)o->jobs, sizeof(*c->child));
	c->started_ns = clock_mono_ns();
	return c;
}

void
children_free(struct children *c)
{
	if (c == NULL)
		return;
	free(c->child);
	free(c);
}

static char *
path_of(const struct child *c, const char *ending)
{
	return xasprintf("%s.%s", c->base, ending);
}

/* ---- progress ---- */

static bool
shows(const struct children *c)
{
	const char *term = getenv("TERM");

	return !c->o->quiet && isatty(STDERR_FILENO) && term != NULL &&
	    strcmp(term, "dumb") != 0;
}

static void
show(struct children *c)
{
	int64_t now = clock_mono_ns();

	if (!shows(c) || now < c->shown_ns + SHOW_NS)
		return;
	c->shown_ns = now;
	fprintf(stderr, "\r\033[K%zu of %zu %s   %.0f s", c->ndone, c->ntotal,
	    c->what, (double)(now - c->started_ns) / (double)NS_PER_S);
	fflush(stderr);
}

static void
unshow(struct children *c)
{
	if (shows(c) && c->shown_ns != 0)
		fputs("\r\033[K", stderr);
	c->shown_ns = 0;
}

/* ---- starting ---- */

/* The target of relayd that is inside the program, with another program and
 * its fault. */
static char *
target_text(const struct children *all, const struct child_order *order)
{
	static const char spawn[] = "spawn   \"relayd ";
	const struct embedded_file *f =
	    embedded_find(order->tls ? "conformance/targets/relayd-tls.target"
				     : "conformance/targets/relayd.target");
	const char *at = strstr(f->text, spawn);
	bool fault = order->fault != NULL;

	return xasprintf("%.*sspawn \"'%s' %s%s %s", (int)(at - f->text),
	    f->text, all->o->relayd, fault ? "--fault " : "",
	    fault ? order->fault : "", at + sizeof(spawn) - 1);
}

static int
write_target(const struct children *all, const struct child *c, char *err,
    size_t err_size)
{
	char *path = path_of(c, "target"), *text = target_text(all, &c->order);
	int rc = file_write(path, text, strlen(text), err, err_size);

	free(text);
	free(path);
	return rc;
}

static int
write_selection(const struct child *c, char *err, size_t err_size)
{
	char *path = path_of(c, "select");
	int rc = file_write(path, c->order.selection,
	    strlen(c->order.selection), err, err_size);

	free(path);
	return rc;
}

/* The client with its fault, as --client and --client-send want it. */
static char *
client_command(const struct children *all, const char *fault, const char *words)
{
	return xasprintf("\"%s\"%s%s %s", all->o->client,
	    fault != NULL ? " --fault " : "", fault != NULL ? fault : "",
	    words);
}

static struct process *
start_process(const struct children *all, const struct child *c, char *err,
    size_t err_size)
{
	char self[] = "/proc/self/exe", run[] = "run", quiet[] = "-q",
	     keep[] = "--keep-going", timeout[] = "--timeout", limit[] = "120s",
	     slow_limit[] = "600s", from[] = "--select-from",
	     report[] = "--report", client[] = "--client",
	     client_send[] = "--client-send";
	const char *fault = c->order.fault;
	char *select = path_of(c, "select"), *log = path_of(c, "log"),
	     *target = all->o->client == NULL
	    ? path_of(c, "target")
	    : client_command(all, fault, "{url}"),
	     *send = all->o->client == NULL
	    ? NULL
	    : client_command(all, fault, "--send {file} {url}"),
	     *to = xasprintf("verdicts=%s.verdicts", c->base);
	char *argv[] = { self, run, quiet, keep, timeout,
		all->o->slow ? slow_limit : limit, from, select, report, to,
		all->o->client != NULL ? client : target,
		all->o->client != NULL ? target : NULL,
		all->o->client != NULL ? client_send : NULL, send, NULL };
	struct process *p = process_start(argv, log, err, err_size);

	free(select);
	free(target);
	free(send);
	free(log);
	free(to);
	return p;
}

/* ---- what it reports ---- */

/* A line of the report; true for the last. */
static bool
read_line(const struct child_order *order, const char *line)
{
	json_t *o = json_loads(line, 0, NULL);
	const char *type = member_string(o, "type");
	bool last = type != NULL && strcmp(type, "end") == 0;

	if (type != NULL && strcmp(type, "verdict") == 0)
		order->on_verdict(order->arg, o);
	json_decref(o);
	return last;
}

/* Its verdicts; false if the report is not whole. */
static bool
read_verdicts(const struct child *c)
{
	char *path = path_of(c, "verdicts"), *line = NULL;
	FILE *f = fopen(path, "r");
	size_t size = 0;
	bool whole = false;

	while (f != NULL && getline(&line, &size, f) > 0)
		whole = read_line(&c->order, line);
	free(line);
	if (f != NULL)
		fclose(f);
	unlink(path);
	free(path);
	return whole;
}

static char *
last_line(const struct child *c)
{
	char *path = path_of(c, "log"), err[256], *out;
	size_t len;
	char *text = file_read(path, &len, err, sizeof(err)), *p;

	while (text != NULL && len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	p = text != NULL ? strrchr(text, '\n') : NULL;
	out = xstrdup(p != NULL ? p + 1 : text != NULL ? text : err);
	free(text);
	free(path);
	return out;
}

static void
end_child(struct children *all, struct child *c)
{
	bool whole = read_verdicts(c);

	process_stop(c->process, SIGTERM, 5 * NS_PER_S);
	process_free(c->process);
	c->order.on_end(c->order.arg, whole, last_line(c));
	free(c->base);
	*c = (struct child){ .base = NULL };
	all->ndone++;
}

/* ---- waiting ---- */

/* Take the next free place, or wait for one; with |all| for all of them. */
static struct child *
wait_child(struct children *c, bool all)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };

	for (;;) {
		struct child *free_one = NULL;
		bool busy = false;

		for (int64_t i = 0; i < c->o->jobs; i++) {
			struct child *one = &c->child[i];

			if (one->process != NULL &&
			    (interrupted || process_has_exited(one->process)))
				end_child(c, one);
			busy = busy || one->process != NULL;
			if (one->process == NULL)
				free_one = one;
		}
		if (all ? !busy : free_one != NULL)
			return free_one;
		show(c);
		nanosleep(&pause, NULL);
	}
}

void
children_wait(struct children *c)
{
	wait_child(c, true);
	unshow(c);
}

int
children_start(struct children *all, const struct child_order *order)
{
	struct child *c = wait_child(all, false);
	char err[256];

	c->order = *order;
	c->base = xasprintf("%s/%s", all->dir, order->name);
	if (write_selection(c, err, sizeof(err)) == 0 &&
	    (all->o->client != NULL ||
		write_target(all, c, err, sizeof(err)) == 0))
		c->process = start_process(all, c, err, sizeof(err));
	c->order.name = c->order.fault = NULL;
	c->order.selection = NULL;
	if (c->process != NULL)
		return 0;
	free(c->base);
	c->base = NULL;
	order->on_end(order->arg, false, xstrdup(err));
	cli_error("%s", err);
	return EXIT_INFRASTRUCTURE;
}
