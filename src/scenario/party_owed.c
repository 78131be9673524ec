/* Answers to Pings: at once where a frame can begin, else as soon as one can.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "scenario/engine_play.h"

struct owed {
	struct owed *next;
	bool of_ws;
	size_t len;
	uint8_t data[]; /* to give back */
};

static void
send_pong(struct party *s, const struct owed *o)
{
	struct rk_frame f;

	rk_frame_init(&f,
	    rk_frame_spec_by_kind(s->play->dialect, RK_FRAME_PONG));
	rk_frame_set(&f, "data", o->data, o->len);
	party_send_frame(s, &f, 0);
}

static void
send_ws_pong(struct party *s, const struct owed *o)
{
	struct wire_ws pong = { .opcode = RK_WS_PONG,
		.fin = true,
		.masked = !s->listening };
	struct rk_span payload = { o->data, o->len };
	struct value bytes;

	if (!wire_encode_ws(&pong, payload, &s->play->values.random, &bytes))
		return;
	party_record_ws(s, DIR_C2S, RK_WS_PONG, payload, NULL, 0);
	party_write(s, bytes.bytes, bytes.len);
	value_clear(&bytes);
}

static bool
has_its_place(const struct party *s, const struct owed *o)
{
	return !s->sending &&
	    (o->of_ws ? wire_place_is_between(&s->sent)
		      : wire_place_is_whole(&s->sent));
}

void
party_settle(struct party *s)
{
	struct owed *o;

	while ((o = s->owed) != NULL && has_its_place(s, o)) {
		if (o->of_ws)
			send_ws_pong(s, o);
		else
			send_pong(s, o);
		s->owed = o->next;
		s->nowed--;
		free(o);
	}
}

void
party_forgive(struct party *s)
{
	struct owed *o;

	while ((o = s->owed) != NULL) {
		s->owed = o->next;
		free(o);
	}
	s->nowed = 0;
}

/* They go out in the order of what they answer. */
static void
owe(struct party *s, bool of_ws, struct rk_span data)
{
	struct owed *o;

	if (s->nowed == PARTY_MAX_ITEMS)
		return;
	o = xmalloc(sizeof(*o) + data.len);
	o->next = NULL;
	o->of_ws = of_ws;
	o->len = data.len;
	if (data.len > 0)
		memcpy(o->data, data.p, data.len);
	if (s->owed == NULL)
		s->owed_tail = &s->owed;
	*s->owed_tail = o;
	s->owed_tail = &o->next;
	s->nowed++;
	party_settle(s);
}

void
party_owe_pong(struct party *s, struct rk_span data)
{
	owe(s, false, data);
}

void
party_owe_ws_pong(struct party *s, struct rk_span payload)
{
	owe(s, true, payload);
}
