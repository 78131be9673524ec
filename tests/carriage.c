/*
 * A proxy before a relay that carries everything faithfully, and otherwise
 * than loopback does.  What a relay may do, or a network between, must not
 * change a verdict.
 *
 * carriage ADDR:PORT RELAY HOW [MS]
 *
 * HOW is one of
 *   bytes     the first bytes each way are a write each, then small pieces
 *   together  what comes within MS is one write
 *   late      everything is MS later
 *   reset     an end of the relay's side reaches the client as RST
 *
 * Prints "listening http ADDRESS" and "ready".
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/url.h"
#include "serve.h"

#define SINGLE_BYTES 700
#define PIECE        1460
#define HELD_MAX     ((size_t)1 << 18)

enum how {
	HOW_BYTES,
	HOW_TOGETHER,
	HOW_LATE,
	HOW_RESET
};
static const char *const hows[] = { "bytes", "together", "late", "reset" };

/* What has come and is to go on at its time; |len| 0: the end. */
struct held {
	struct held *next;
	int64_t due;
	size_t len;
	uint8_t bytes[];
};

/* One of the two sides: its stream, and what came from it. */
struct side {
	struct stream *stream;
	struct side *other;
	struct timer *timer;
	struct held *first, **last;
	size_t held, passed;
	bool is_client, ended;
};

static struct loop *loop;
static struct relay_url relay;
static enum how how;
static int64_t wait_ns;

static void
side_free(struct side *s)
{
	struct held *h;

	while ((h = s->first) != NULL) {
		s->first = h->next;
		free(h);
	}
	timer_free(s->timer);
	stream_free(s->stream);
	free(s);
}

static void
end_both(struct side *s)
{
	struct side *other = s->other;

	side_free(s);
	side_free(other);
}

/* |s| said its last; false if both are gone for it. */
static bool
pass_end(struct side *s)
{
	struct side *to = s->other;
	bool is_reset = stream_ending(s->stream) != ENDING_EOF ||
	    (how == HOW_RESET && !s->is_client);

	s->ended = true;
	if (is_reset && stream_queued(to->stream) == 0)
		stream_abort(to->stream);
	else
		stream_shut(to->stream);
	if (!is_reset && s->is_client && !to->ended)
		return true;
	if (stream_queued(to->stream) > 0)
		return true; /* until it is out */
	end_both(s);
	return false;
}

static void
pass_bytes(struct side *s, const uint8_t *p, size_t len)
{
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = len;
		if (how == HOW_BYTES && s->passed < SINGLE_BYTES)
			n = 1;
		else if (how == HOW_BYTES && n > PIECE)
			n = PIECE;
		stream_write(s->other->stream, p, n);
		s->passed += n;
	}
}

/* ---- what waits ---- */

static void
hold(struct side *s, const void *p, size_t len, int64_t due)
{
	struct held *h = xmalloc(sizeof(*h) + len);

	h->next = NULL;
	h->due = due;
	h->len = len;
	if (len > 0)
		memcpy(h->bytes, p, len);
	if (s->first == NULL)
		s->last = &s->first;
	*s->last = h;
	s->last = &h->next;
	s->held += len;
	if (!timer_is_set(s->timer))
		timer_set_at(s->timer, s->first->due);
}

static bool
is_full(const struct side *s)
{
	return s->held > HELD_MAX || stream_queued(s->other->stream) > HELD_MAX;
}

/* All that is due, in one write; true behind the end. */
static bool
pass_due(struct side *s)
{
	uint8_t *all = xmalloc(s->held + 1);
	struct held *h;
	size_t n = 0;
	bool is_end = false;

	while ((h = s->first) != NULL && h->due <= loop_now(loop) && !is_end) {
		s->first = h->next;
		s->held -= h->len;
		is_end = h->len == 0;
		memcpy(all + n, h->bytes, h->len);
		n += h->len;
		free(h);
	}
	if (n > 0)
		stream_write(s->other->stream, all, n);
	free(all);
	return is_end;
}

static void
on_time(void *arg)
{
	struct side *s = arg;

	if (stream_queued(s->other->stream) > HELD_MAX) {
		timer_set(s->timer, NS_PER_MS);
		return;
	}
	if (pass_due(s)) {
		pass_end(s);
		return;
	}
	if (s->first != NULL)
		timer_set_at(s->timer, s->first->due);
	if (!is_full(s) && !s->ended)
		stream_resume(s->stream);
}

/* ---- events of either side ---- */

static int64_t
due(const struct side *s)
{
	if (how == HOW_TOGETHER && s->first != NULL)
		return s->first->due;
	return loop_now(loop) + wait_ns;
}

static void
take(struct side *s)
{
	size_t len;
	uint8_t *in = stream_input(s->stream, &len);

	if (len == 0 || s->other->stream == NULL)
		return;
	if (wait_ns > 0)
		hold(s, in, len, due(s));
	else
		pass_bytes(s, in, len);
	stream_consume(s->stream, len);
	if (is_full(s))
		stream_pause(s->stream);
}

static void
on_end(struct side *s)
{
	if (s->ended)
		end_both(s); /* it has been reset since */
	else if (s->other->stream == NULL)
		return; /* on_reached sees to it */
	else if (wait_ns > 0 && stream_ending(s->stream) == ENDING_EOF)
		hold(s, NULL, 0, due(s));
	else
		pass_end(s);
}

static void
on_event(void *arg, struct stream *stream, enum stream_event e)
{
	struct side *s = arg;

	if (e == STREAM_INPUT)
		take(s);
	else if (e == STREAM_ENDED)
		on_end(s);
	else if (e == STREAM_DRAINED && s->other->ended && !s->other->is_client)
		end_both(s);
	else if (e == STREAM_DRAINED && !is_full(s->other) && !s->other->ended)
		stream_resume(s->other->stream);
}

static struct side *
side_new(void)
{
	struct side *s = xcalloc(1, sizeof(*s));

	s->timer = timer_new(loop, on_time, s);
	return s;
}

static void
on_reached(void *arg, const struct dial_result *r)
{
	struct side *s = arg;

	if (r->status != DIAL_OK) {
		end_both(s);
		return;
	}
	s->stream = stream_new(loop, r->fd, on_event, s);
	take(s->other);
	stream_resume(s->other->stream);
}

static void
on_accept(void *arg, int fd)
{
	struct dial_config c = { .host = relay.host, .port = relay.port };
	struct side *client = side_new(), *to = side_new();

	client->is_client = true;
	client->other = to;
	to->other = client;
	client->stream = stream_new(loop, fd, on_event, client);
	stream_pause(client->stream);
	dial_start(loop, &c, on_reached, to);
}

static bool
read_arguments(int argc, char **argv)
{
	char url[300], err[400];

	if (argc < 4)
		return false;
	snprintf(url, sizeof(url), "http://%s", argv[2]);
	while (how <= HOW_RESET && strcmp(argv[3], hows[how]) != 0)
		how++;
	if (argc == 5)
		wait_ns = strtol(argv[4], NULL, 10) * NS_PER_MS;
	return how <= HOW_RESET &&
	    relay_url_parse(url, &relay, err, sizeof(err)) == 0;
}

int
main(int argc, char **argv)
{
	if (!read_arguments(argc, argv))
		return 2;
	loop = loop_new();
	return serve(loop, argv[1], on_accept, NULL);
}
