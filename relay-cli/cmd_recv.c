/* relay-cli recv: log in and print the packets that arrive. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cli.h"
#include "relay-cli/backoff.h"
#include "relay-cli/commands.h"
#include "relay-cli/print.h"

struct receiving {
	struct loop *loop;
	struct options options;
	struct printer printer;
	struct session *session;
	struct timer *limit;
	struct timer *retry;
	struct backoff backoff;
	int64_t opened_at;
	int64_t count;
	bool was_open;
	int failure; /* why it never was */
	bool is_over;
	int status;
};

static const struct session_events events;

/* What is due in the same turn finds that it is over. */
static void
finish(struct receiving *r, int status)
{
	if (r->is_over)
		return;
	r->is_over = true;
	r->status = status;
	session_free(r->session);
	r->session = NULL;
	timer_cancel(r->limit);
	timer_cancel(r->retry);
	loop_stop(r->loop);
}

static void
on_open(void *arg, struct session *s)
{
	struct receiving *r = arg;

	r->opened_at = clock_mono_ns();
	if (!r->was_open && !r->options.reconnect && r->options.timeout_ns > 0)
		timer_set(r->limit, r->options.timeout_ns);
	r->was_open = true;
}

static void
on_frame(void *arg, struct session *s, const struct rk_frame *f)
{
	struct receiving *r = arg;

	if (f->kind == RK_FRAME_KEEP_ALIVE || f->kind == RK_FRAME_PONG)
		return;
	if (!print_frame(&r->printer, f)) {
		finish(r, errno == EPIPE ? EXIT_OK : EXIT_USAGE);
		return;
	}
	if (f->kind == RK_FRAME_RECV && ++r->count == r->options.count)
		finish(r, EXIT_OK);
}

static void
on_end(void *arg, struct session *s, const struct session_end *e)
{
	struct receiving *r = arg;
	int64_t pause;

	session_free(r->session);
	r->session = NULL;
	if (!r->options.reconnect || e->status == EXIT_USAGE) {
		cli_error("%s", e->message);
		finish(r, e->status);
		return;
	}
	r->failure = e->status;
	pause = backoff_pause(&r->backoff,
	    e->was_open ? clock_mono_ns() - r->opened_at : -1);
	cli_error("%s; next try in %.1f s", e->message, (double)pause / 1e9);
	timer_set(r->retry, pause);
}

static void
on_retry(void *arg)
{
	struct receiving *r = arg;

	r->session = session_start(r->loop, &r->options.session, &events, r);
}

static void
on_limit(void *arg)
{
	struct receiving *r = arg;

	if (!r->was_open) {
		cli_error("timeout: there was no login");
		finish(r, r->failure);
		return;
	}
	if (r->options.count > 0)
		cli_error("timeout: %lld of %lld packets came",
		    (long long)r->count, (long long)r->options.count);
	finish(r, r->options.count > 0 ? EXIT_MISSED : EXIT_OK);
}

static void
on_signal(void *arg, int signo)
{
	finish(arg, 128 + signo);
}

static const struct session_events events = { .on_open = on_open,
	.on_frame = on_frame,
	.on_end = on_end };

int
cmd_recv(int argc, char **argv)
{
	struct receiving r = { .failure = EXIT_CONNECT };
	int first;
	int status = options_parse(&r.options, FOR_RECV, "[options] URL", argc,
	    argv, &first);

	if (status == EXIT_OK && !r.options.help && first < argc)
		status =
		    cli_usage_error("'%s' is one word too many", argv[first]);
	if (status != EXIT_OK || r.options.help)
		goto out;
	r.loop = loop_new();
	printer_init(&r.printer, &r.options);
	loop_on_signal(r.loop, SIGINT, on_signal, &r);
	loop_on_signal(r.loop, SIGTERM, on_signal, &r);
	r.retry = timer_new(r.loop, on_retry, &r);
	r.limit = timer_new(r.loop, on_limit, &r);
	/* One connection has this time to come to be, and once more from then
	 * on; with several all of it counts. */
	if (r.options.reconnect && r.options.timeout_ns > 0)
		timer_set(r.limit, r.options.timeout_ns);
	on_retry(&r);
	loop_run(r.loop);
	status = r.status;
	timer_free(r.retry);
	timer_free(r.limit);
	loop_free(r.loop);
out:
	options_clear(&r.options);
	return status;
}
