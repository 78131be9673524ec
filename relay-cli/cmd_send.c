/*
 * relay-cli send: packets from the command line or stdin.  Success is
 * claimed only after a Pong behind the last packet.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cli.h"
#include "base/text.h"
#include "relay-cli/commands.h"
#include "relay-cli/print.h"

#define READ_SIZE  65536
#define QUEUE_HIGH 262144 /* bytes: stop reading stdin */
/* With --force: what WebSocket relays take at most. */
#define FORCED_MAX ((size_t)16 << 20)
/* Where --expect has no --timeout. */
#define EXPECT_NS  (10 * NS_PER_S)

struct sending {
	struct loop *loop;
	struct options options;
	struct printer printer;
	struct session *session;
	struct watch *input; /* stdin that can be waited for */
	struct timer *timer; /* of the Pong, the expectation, lingering */
	struct rk_key dest;
	struct text pending; /* packet or lines read and not sent */
	bool at_eof;
	bool whole; /* pending is one packet, all of it */
	bool confirming;
	bool confirmed;
	uint8_t barrier[8];
	int64_t sent;
	int64_t came;
	int status;
};

static size_t
limit(const struct sending *s)
{
	return s->options.force ? FORCED_MAX
				: s->options.session.dialect->max_packet;
}

static int
too_long(const struct sending *s, size_t len, bool more)
{
	return cli_usage_error("a packet of %zu bytes%s is over the limit of "
			       "%zu; nothing of it was sent",
	    len, more ? " and more" : "", limit(s));
}

/* What is due in the same turn finds that it is over. */
static void
finish(struct sending *s, int status)
{
	if (s->session == NULL)
		return;
	if (status != EXIT_OK && s->sent > 0 && !s->confirmed)
		cli_error("%lld packet%s sent, not confirmed",
		    (long long)s->sent, s->sent == 1 ? "" : "s");
	s->status = status;
	session_free(s->session);
	s->session = NULL;
	timer_cancel(s->timer);
	if (s->input != NULL)
		watch_set(s->input, 0);
	loop_stop(s->loop);
}

static void
confirm(struct sending *s)
{
	s->confirming = true;
	rk_random(s->barrier, sizeof(s->barrier));
	session_send_ping(s->session, s->barrier);
	timer_set(s->timer, s->options.session.timeout_ns);
}

/* Send the whole lines of what is pending; false if one is too long. */
static bool
send_lines(struct sending *s)
{
	const char *p = text_str(&s->pending);
	size_t left = s->pending.len;
	const char *end;

	while (
	    (end = memchr(p, '\n', left)) != NULL || (s->at_eof && left > 0)) {
		size_t len = end != NULL ? (size_t)(end - p) : left;

		if (len > limit(s))
			break;
		session_send_packet(s->session, &s->dest, p, len);
		s->sent++;
		if (end != NULL)
			len++;
		p += len;
		left -= len;
	}
	memmove(s->pending.s, p, left);
	s->pending.len = left;
	return left <= limit(s);
}

/* One read of stdin; whole lines go out at once. */
static void
feed(struct sending *s)
{
	char buf[READ_SIZE];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		finish(s,
		    cli_usage_error("cannot read stdin: %s", strerror(errno)));
		return;
	}
	s->at_eof = n == 0;
	text_add_n(&s->pending, buf, (size_t)n);
	if (!send_lines(s)) {
		finish(s, too_long(s, s->pending.len, !s->at_eof));
		return;
	}
	if (s->input != NULL)
		watch_set(s->input,
		    s->at_eof || session_queued(s->session) > QUEUE_HIGH
			? 0
			: WATCH_READ);
	if (s->at_eof)
		confirm(s);
}

static void
on_input(void *arg, int what)
{
	feed(arg);
}

static void
on_open(void *arg, struct session *session)
{
	struct sending *s = arg;
	struct stat st;

	if (s->whole) {
		session_send_packet(session, &s->dest, text_str(&s->pending),
		    s->pending.len);
		s->sent++;
		confirm(s);
		return;
	}
	/* A regular file cannot be waited for, and need not be. */
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode)) {
		while (s->session != NULL && !s->at_eof &&
		    session_queued(s->session) <= QUEUE_HIGH)
			feed(s);
		return;
	}
	s->input = watch_new(s->loop, STDIN_FILENO, on_input, s);
	watch_set(s->input, WATCH_READ);
}

static void
on_drained(void *arg, struct session *session)
{
	struct sending *s = arg;

	if (s->whole || s->at_eof)
		return;
	if (s->input != NULL)
		watch_set(s->input, WATCH_READ);
	else
		on_open(s, session);
}

static void
print_sent(const struct sending *s)
{
	if (s->options.json)
		printf("{\"what\":\"sent\",\"packets\":%lld,\"confirmed\":"
		       "true}\n",
		    (long long)s->sent);
	else if (s->options.session.to.verbose)
		fprintf(stderr, "* %lld sent and confirmed\n",
		    (long long)s->sent);
}

static void
on_confirmed(struct sending *s)
{
	s->confirming = false;
	s->confirmed = true;
	print_sent(s);
	if (s->options.expect > 0 && s->came >= s->options.expect)
		finish(s, EXIT_OK);
	else if (s->options.expect > 0)
		timer_set(s->timer,
		    s->options.timeout_ns > 0 ? s->options.timeout_ns
					      : EXPECT_NS);
	else if (s->options.linger_ns > 0)
		timer_set(s->timer, s->options.linger_ns);
	else
		finish(s, EXIT_OK);
}

static void
on_frame(void *arg, struct session *session, const struct rk_frame *f)
{
	struct sending *s = arg;
	struct rk_span data = rk_frame_field(f, "data");

	if (f->kind == RK_FRAME_KEEP_ALIVE)
		return;
	if (f->kind == RK_FRAME_PONG) {
		if (s->confirming &&
		    memcmp(data.p, s->barrier, sizeof(s->barrier)) == 0)
			on_confirmed(s);
		return;
	}
	if (f->kind == RK_FRAME_RECV && s->options.expect < 0 &&
	    s->options.linger_ns == 0)
		return;
	if (!print_frame(&s->printer, f)) {
		finish(s, errno == EPIPE ? EXIT_OK : EXIT_USAGE);
		return;
	}
	if (f->kind == RK_FRAME_RECV && ++s->came == s->options.expect &&
	    s->confirmed)
		finish(s, EXIT_OK);
}

static void
on_end(void *arg, struct session *session, const struct session_end *e)
{
	struct sending *s = arg;

	cli_error("%s", e->message);
	finish(s, e->status);
}

static void
on_timer(void *arg)
{
	struct sending *s = arg;

	if (s->confirmed && s->options.expect < 0) { /* lingered */
		finish(s, EXIT_OK);
		return;
	}
	if (s->confirmed)
		cli_error("timeout: %lld of %lld packets came",
		    (long long)s->came, (long long)s->options.expect);
	else
		cli_error("timeout: no Pong behind the packets");
	finish(s, EXIT_MISSED);
}

static void
on_signal(void *arg, int signo)
{
	finish(arg, 128 + signo);
}

/* stdin to its end, or one byte more than may be sent. */
static int
read_packet(struct sending *s)
{
	char buf[READ_SIZE];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cli_usage_error("cannot read stdin: %s",
			    strerror(errno));
		text_add_n(&s->pending, buf, (size_t)n);
		if (s->pending.len > limit(s))
			return too_long(s, s->pending.len, true);
	}
	return EXIT_OK;
}

/* DEST and what is to be sent; before anything is dialled. */
static int
take_words(struct sending *s, int argc, char **argv, int first)
{
	int err;

	if (first >= argc)
		return cli_usage_error("no DEST; it is the receiver's public "
				       "key, hex or base32");
	err = rk_key_parse(argv[first], strlen(argv[first]), &s->dest);
	if (err != RK_OK && !(err == RK_ERR_KEY && s->options.force))
		return cli_usage_error("DEST '%s' is no public key: %s",
		    argv[first], rk_strerror(err));
	if (argc - first > 2)
		return cli_usage_error("'%s' is one word too many; quote a "
				       "TEXT with blanks",
		    argv[first + 2]);
	if (argc - first == 2 && strcmp(argv[first + 1], "-") != 0) {
		if (s->options.lines)
			return cli_usage_error("--lines reads stdin; leave "
					       "out the TEXT");
		s->whole = true;
		text_add(&s->pending, argv[first + 1]);
		return s->pending.len <= limit(s)
		    ? EXIT_OK
		    : too_long(s, s->pending.len, false);
	}
	s->whole = !s->options.lines;
	return s->whole ? read_packet(s) : EXIT_OK;
}

static void
run(struct sending *s)
{
	static const struct session_events events = { .on_open = on_open,
		.on_frame = on_frame,
		.on_drained = on_drained,
		.on_end = on_end };

	s->loop = loop_new();
	printer_init(&s->printer, &s->options);
	loop_on_signal(s->loop, SIGINT, on_signal, s);
	loop_on_signal(s->loop, SIGTERM, on_signal, s);
	s->timer = timer_new(s->loop, on_timer, s);
	s->session = session_start(s->loop, &s->options.session, &events, s);
	loop_run(s->loop);
	watch_free(s->input);
	timer_free(s->timer);
	loop_free(s->loop);
}

int
cmd_send(int argc, char **argv)
{
	struct sending s = { .status = EXIT_OK };
	int first = 0;
	int status = options_parse(&s.options, FOR_SEND,
	    "[options] URL DEST [TEXT | -]", argc, argv, &first);

	text_init(&s.pending);
	if (status == EXIT_OK && !s.options.help)
		status = take_words(&s, argc, argv, first);
	if (status == EXIT_OK && !s.options.help) {
		run(&s);
		status = s.status;
	}
	text_clear(&s.pending);
	options_clear(&s.options);
	return status;
}
