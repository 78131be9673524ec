/* relay-cli ping: round trips through the relay's own Ping and Pong. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cli.h"
#include "relay-cli/commands.h"
#include "relay-cli/options.h"

#define DEFAULT_COUNT    4
#define DEFAULT_REPLY_NS (5 * NS_PER_S) /* as real clients have it */

struct pinging {
	struct loop *loop;
	struct options options;
	struct session *session;
	struct timer *timer; /* of the reply, then of the next Ping */
	int64_t reply_ns;
	bool waiting;
	uint8_t data[8];
	int64_t sent_at;
	int64_t sent;
	int64_t received;
	int64_t min_ns;
	int64_t max_ns;
	int64_t sum_ns;
	int status;
};

static void
print_statistics(const struct pinging *p)
{
	double mean =
	    p->received > 0 ? (double)p->sum_ns / (double)p->received : 0;

	if (p->options.json)
		printf("{\"what\":\"statistics\",\"sent\":%" PRId64
		       ",\"received\":%" PRId64 ",\"min_ms\":%.3f,"
		       "\"avg_ms\":%.3f,\"max_ms\":%.3f}\n",
		    p->sent, p->received, (double)p->min_ns / 1e6, mean / 1e6,
		    (double)p->max_ns / 1e6);
	else if (p->received > 0)
		printf("%" PRId64 " sent, %" PRId64
		       " answered, min/avg/max %.3f/%.3f/%.3f ms\n",
		    p->sent, p->received, (double)p->min_ns / 1e6, mean / 1e6,
		    (double)p->max_ns / 1e6);
	else
		printf("%" PRId64 " sent, none answered\n", p->sent);
}

/* What is due in the same turn finds that it is over. */
static void
finish(struct pinging *p, int status)
{
	if (p->session == NULL)
		return;
	p->status = status;
	session_free(p->session);
	p->session = NULL;
	timer_cancel(p->timer);
	if (p->sent > 0)
		print_statistics(p);
	loop_stop(p->loop);
}

static void
send_ping(struct pinging *p)
{
	rk_random(p->data, sizeof(p->data));
	p->sent_at = clock_mono_ns();
	p->sent++;
	p->waiting = true;
	timer_set(p->timer, p->reply_ns);
	session_send_ping(p->session, p->data);
}

static bool
last(const struct pinging *p)
{
	return p->sent >=
	    (p->options.count > 0 ? p->options.count : DEFAULT_COUNT);
}

static void
on_open(void *arg, struct session *s)
{
	send_ping(arg);
}

static void
print_pong(const struct pinging *p, int64_t rtt)
{
	if (p->options.json)
		printf("{\"what\":\"pong\",\"seq\":%" PRId64
		       ",\"rtt_ms\":%.3f}\n",
		    p->sent, (double)rtt / 1e6);
	else
		printf("pong from %s: seq=%" PRId64 " time=%.3f ms\n",
		    p->options.session.to.url.text, p->sent, (double)rtt / 1e6);
}

static void
on_frame(void *arg, struct session *s, const struct rk_frame *f)
{
	struct pinging *p = arg;
	struct rk_span data = rk_frame_field(f, "data");
	int64_t rtt = clock_mono_ns() - p->sent_at;

	if (f->kind != RK_FRAME_PONG || !p->waiting ||
	    memcmp(data.p, p->data, sizeof(p->data)) != 0)
		return;
	p->waiting = false;
	p->min_ns = p->received == 0 || rtt < p->min_ns ? rtt : p->min_ns;
	p->max_ns = rtt > p->max_ns ? rtt : p->max_ns;
	p->sum_ns += rtt;
	p->received++;
	print_pong(p, rtt);
	if (fflush(stdout) != 0)
		finish(p, errno == EPIPE ? EXIT_OK : EXIT_USAGE);
	else if (last(p))
		finish(p, p->received == p->sent ? EXIT_OK : EXIT_MISSED);
	else
		timer_set(p->timer, p->options.interval_ns);
}

static void
on_end(void *arg, struct session *s, const struct session_end *e)
{
	struct pinging *p = arg;

	cli_error("%s", e->message);
	finish(p, e->status);
}

static void
on_timer(void *arg)
{
	struct pinging *p = arg;

	if (p->waiting)
		cli_error("no Pong within %.1f s (seq=%" PRId64 ")",
		    (double)p->reply_ns / 1e9, p->sent);
	if (last(p))
		finish(p, EXIT_MISSED);
	else
		send_ping(p);
}

static void
on_signal(void *arg, int signo)
{
	finish(arg, 128 + signo);
}

int
cmd_ping(int argc, char **argv)
{
	static const struct session_events events = { .on_open = on_open,
		.on_frame = on_frame,
		.on_end = on_end };
	struct pinging p = { .status = EXIT_OK };
	int first;
	int status = options_parse(&p.options, FOR_PING, "[options] URL", argc,
	    argv, &first);

	if (status == EXIT_OK && !p.options.help && first < argc)
		status =
		    cli_usage_error("'%s' is one word too many", argv[first]);
	if (status != EXIT_OK || p.options.help)
		goto out;
	p.reply_ns =
	    p.options.timeout_ns > 0 ? p.options.timeout_ns : DEFAULT_REPLY_NS;
	p.loop = loop_new();
	loop_on_signal(p.loop, SIGINT, on_signal, &p);
	loop_on_signal(p.loop, SIGTERM, on_signal, &p);
	p.timer = timer_new(p.loop, on_timer, &p);
	p.session = session_start(p.loop, &p.options.session, &events, &p);
	loop_run(p.loop);
	status = p.status;
	timer_free(p.timer);
	loop_free(p.loop);
out:
	options_clear(&p.options);
	return status;
}
