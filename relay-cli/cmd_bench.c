/*
 * relay-cli bench: options, the frame of a run, its end.  The kinds of run
 * are in bench_packets.c, bench_logins.c and bench_idle.c.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/text.h"
#include "base/clock.h"
#include "base/cli.h"
#include "net/tls.h"
#include "relay-cli/bench.h"
#include "relay-cli/bench_packets.h"
#include "relay-cli/commands.h"

#define DEFAULT_TIME_NS (5 * NS_PER_S)
#define SHORTEST_NS     NS_PER_MS
#define LONGEST_NS      (7 * 86400 * NS_PER_S)
#define PAIRS_MAX       10000
#define IDLE_MAX        200000
#define WINDOW_MAX      65536
#define RATE_MAX        50000000
/* Descriptors beside the connections. */
#define OTHER_FDS       32

/* ---- the frame of a run ---- */

static void
read_usage(const struct bench *b, struct proc_usage *u)
{
	if (b->options.bench.pid > 0 &&
	    !proc_usage_read(b->options.bench.pid, u))
		cli_error("the process %" PRId64 " is gone",
		    b->options.bench.pid);
}

void
bench_start_clock(struct bench *b)
{
	read_usage(b, &b->result.before);
	b->started_at = clock_mono_ns();
	timer_set_at(b->limit, b->started_at + b->options.bench.time_ns);
}

/* CPU time and memory of the relay are read. */
static void
stop_clock(struct bench *b)
{
	if (b->started_at == 0 || b->result.elapsed_ns > 0)
		return;
	b->result.elapsed_ns = clock_mono_ns() - b->started_at;
	read_usage(b, &b->result.after);
	b->result.has_usage = b->options.bench.pid > 0;
}

void
bench_finish(struct bench *b, int status)
{
	if (b->finished)
		return;
	b->finished = true;
	b->status = status;
	stop_clock(b);
	loop_stop(b->loop);
}

void
bench_fail(struct bench *b, int status, const char *fmt, ...)
{
	char line[1024];

	if (b->finished)
		return;
	FORMAT_ARGS(line, sizeof(line), fmt);
	cli_error("%s", line);
	bench_finish(b, status);
}

void
bench_miss(struct bench *b, const char *fmt, ...)
{
	char line[256];

	FORMAT_ARGS(line, sizeof(line), fmt);
	cli_error("%s", line);
	if (b->status == EXIT_OK)
		b->status = EXIT_MISSED;
}

struct session_config
bench_session_config(const struct bench *b, const struct rk_secret_key *secret)
{
	struct session_config c = b->options.session;

	c.secret = secret;
	return c;
}

static void
on_limit(void *arg)
{
	struct bench *b = arg;

	stop_clock(b);
	b->kind->on_time(b);
}

static void
on_signal(void *arg, int signo)
{
	bench_finish(arg, 128 + signo);
}

/* ---- options ---- */

static const struct bench_kind *
kind_of(const struct bench_options *o)
{
	if (o->logins)
		return &bench_logins;
	return o->idle > 0 ? &bench_idle : &bench_packets;
}

/* Options that the kind of run has no use for. */
static const char *
idle_option(const struct bench_options *o)
{
	bool packets = !o->logins && o->idle == 0;

	if (o->logins && o->idle > 0)
		return "idle";
	if (o->pairs > 0 && !packets)
		return "pairs";
	if (o->size > 0 && !packets)
		return "size";
	if (o->rate > 0 && !packets)
		return "rate";
	if (o->ping_ns >= 0 && !packets)
		return "ping";
	if (o->verify && !packets)
		return "verify";
	if (o->stall && !packets)
		return "stall";
	return o->window > 0 && o->idle > 0 ? "window" : NULL;
}

static void
set_defaults(struct bench_options *o)
{
	if (o->pairs == 0)
		o->pairs = 1;
	if (o->size == 0)
		o->size = 1200;
	if (o->window == 0)
		o->window = 32;
	if (o->time_ns < 0)
		o->time_ns = DEFAULT_TIME_NS;
}

static int
check_ranges(const struct bench_options *o, const struct rk_dialect *d)
{
	const struct {
		const char *name;
		int64_t value, min, max;
	} ranges[] = {
		{ "pairs", o->pairs, 1, PAIRS_MAX },
		{ "size", o->size, BENCH_SIZE_MIN, (int64_t)d->max_packet },
		{ "window", o->window, 1, WINDOW_MAX },
		{ "rate", o->rate, 0, RATE_MAX },
		{ "idle", o->idle, 0, IDLE_MAX },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (ranges[i].value < ranges[i].min ||
		    ranges[i].value > ranges[i].max)
			return cli_usage_error("--%s: %" PRId64
					       " is not within %" PRId64
					       " to %" PRId64,
			    ranges[i].name, ranges[i].value, ranges[i].min,
			    ranges[i].max);
	if (o->time_ns < SHORTEST_NS || o->time_ns > LONGEST_NS)
		return cli_usage_error("--time: from 1ms to seven days");
	if (o->ping_ns >= 0 && o->ping_ns < SHORTEST_NS)
		return cli_usage_error("--ping: from 1ms on");
	return EXIT_OK;
}

/* Each connection is a descriptor. */
static int
raise_fds(const struct bench_options *o)
{
	int64_t need = o->logins ? o->window : o->idle;
	struct rlimit limit;

	if (!o->logins && o->idle == 0)
		need = 2 * (o->pairs + o->stall);
	need += OTHER_FDS;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur >= (rlim_t)need)
		return EXIT_OK;
	limit.rlim_cur =
	    limit.rlim_max > (rlim_t)need ? (rlim_t)need : limit.rlim_max;
	if (limit.rlim_max < (rlim_t)need ||
	    setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return cli_usage_error("%" PRId64
				       " descriptors are needed; the limit "
				       "(ulimit -Hn) is %llu",
		    need, (unsigned long long)limit.rlim_max);
	return EXIT_OK;
}

static int
check_options(struct options *o)
{
	struct bench_options *b = &o->bench;
	struct proc_usage u;
	const char *idle = idle_option(b);
	int status;

	if (idle != NULL)
		return cli_usage_error("--%s does not go with --%s", idle,
		    b->logins ? "logins" : "idle");
	if (b->window > 0 && b->rate > 0)
		return cli_usage_error("--window does not go with --rate: "
				       "what is under way then is the relay's "
				       "doing");
	set_defaults(b);
	status = check_ranges(b, o->session.dialect);
	if (status == EXIT_OK && b->pid > 0 && !proc_usage_read(b->pid, &u))
		status = cli_usage_error("--pid: there is no process %" PRId64,
		    b->pid);
	return status != EXIT_OK ? status : raise_fds(b);
}

static int
parse(struct options *o, int argc, char **argv)
{
	int first;
	int status =
	    options_parse(o, FOR_BENCH, "[options] URL", argc, argv, &first);

	if (status != EXIT_OK || o->help)
		return status;
	if (first < argc)
		return cli_usage_error("'%s' is one word too many",
		    argv[first]);
	return check_options(o);
}

/* ---- the command ---- */

static void
run(struct bench *b)
{
	/* Input buffers come and go by the turn; the pages shall stay. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 512 << 20);
	b->loop = loop_new();
	b->limit = timer_new(b->loop, on_limit, b);
	loop_on_signal(b->loop, SIGINT, on_signal, b);
	loop_on_signal(b->loop, SIGTERM, on_signal, b);
	b->kind = kind_of(&b->options.bench);
	histogram_init(&b->result.latency);
	histogram_init(&b->result.lag);
	histogram_init(&b->result.ping);
	b->kind->begin(b);
	loop_run(b->loop);
	b->kind->end(b);
	if (b->started_at != 0)
		bench_report(b);
	timer_free(b->limit);
	loop_free(b->loop);
}

int
cmd_bench(int argc, char **argv)
{
	static struct bench b; /* histograms are no load for the stack */
	struct connect_config *to = &b.options.session.to;

	b.status = parse(&b.options, argc, argv);
	if (b.status == EXIT_OK && !b.options.help)
		b.status = connect_make_tls(to);
	if (b.status == EXIT_OK && !b.options.help)
		run(&b);
	tls_ctx_free(to->tls_ctx);
	options_clear(&b.options);
	return b.status;
}
