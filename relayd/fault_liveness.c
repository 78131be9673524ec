/* Faults of Ping, KeepAlive, and of what clients send that is passed over. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/worker.h"

/* ---- Pong ---- */

static bool
pong_changed(const struct fault *f, struct fault_event *e)
{
	e->payload[f->n] ^= (uint8_t)f->m;
	return false;
}

static bool
pong_zero(const struct fault *f, struct fault_event *e)
{
	memset(e->payload, 0, e->len);
	return false;
}

static bool
pong_reversed(const struct fault *f, struct fault_event *e)
{
	for (size_t i = 0; i < e->len / 2; i++) {
		uint8_t b = e->payload[i];

		e->payload[i] = e->payload[e->len - 1 - i];
		e->payload[e->len - 1 - i] = b;
	}
	return false;
}

static bool
pong_nth_lost(const struct fault *f, struct fault_event *e)
{
	return fault_turn(f, f->n);
}

static bool
pong_twice(const struct fault *f, struct fault_event *e)
{
	fault_write(e->c, RK_FRAME_PONG, e->payload, e->len);
	return false;
}

static bool
pong_as(const struct fault *f, struct fault_event *e)
{
	fault_write(e->c, (enum rk_frame_kind)f->n, e->payload, e->len);
	return true;
}

static void
write_pong(struct conn *c, const uint8_t *p, size_t len)
{
	fault_write(c, RK_FRAME_PONG, p, len);
}

static bool
pong_late(const struct fault *f, struct fault_event *e)
{
	fault_later(e->c, f->n * NS_PER_MS, write_pong, e->payload, e->len);
	return true;
}

/* A Ping like the one before is not answered. */
static bool
pong_new_only(const struct fault *f, struct fault_event *e)
{
	static uint64_t id;
	static uint8_t last[8];
	bool same = id == e->c->id && memcmp(last, e->payload, 8) == 0;

	id = e->c->id;
	memcpy(last, e->payload, 8);
	return same;
}

/* Of two Pings in one turn the second is answered first. */
static bool
pong_order(const struct fault *f, struct fault_event *e)
{
	static uint64_t id;
	static int64_t turn;
	static uint8_t held[8];
	int64_t now = loop_now(e->c->worker->loop);

	if (id == e->c->id && turn == now && e->c->out.len >= 8) {
		fault_write(e->c, RK_FRAME_PONG, e->payload, e->len);
		/* the one before stands in front of it: exchange the data */
		memcpy(e->c->out.p + e->c->out.len - 8, held, 8);
		memcpy(e->c->out.p + e->c->out.len - 16 -
			(e->c->carrier == RK_CARRIER_RAW ? 5 : 3),
		    e->payload, 8);
		id = 0;
		return true;
	}
	id = e->c->id;
	turn = now;
	memcpy(held, e->payload, 8);
	return false;
}

/* ---- KeepAlive ---- */

static bool
keepalive_never(const struct fault *f, struct fault_event *e)
{
	return true;
}

static bool
keepalive_as(const struct fault *f, struct fault_event *e)
{
	fault_write(e->c, (enum rk_frame_kind)f->n, "\1\2\3\4\5\6\7",
	    (size_t)f->m);
	return true;
}

static bool
keepalive_period(const struct fault *f, struct fault_event *e)
{
	e->conf->keepalive = f->n * NS_PER_S;
	return false;
}

/* ---- what is passed over ---- */

/* A frame of type n ends the connection. */
static bool
closes(const struct fault *f, struct fault_event *e)
{
	if (e->type != f->n)
		return false;
	conn_close(e->c, ENDING_PROTOCOL, "not expected");
	return true;
}

/* A frame of type n is answered by one of kind m. */
static bool
answers(const struct fault *f, struct fault_event *e)
{
	if (e->type == f->n)
		fault_write(e->c, (enum rk_frame_kind)f->m, f->s, strlen(f->s));
	return false;
}

/* Who says it is not preferred gets nothing more. */
static bool
preferred_no(const struct fault *f, struct fault_event *e)
{
	static struct fault_keys away;

	if (e->hook == HOOK_DELIVER)
		return fault_keys_has(&away, &e->c->login.peer);
	if (e->type == f->n && e->len == 1 && e->payload[0] == 0)
		fault_keys_add(&away, &e->c->login.peer);
	return false;
}

/* A RecvPacket from a client goes to the key in it. */
static bool
recv_forwarded(const struct fault *f, struct fault_event *e)
{
	struct lent_packet p = { .body = e->payload,
		.len = e->len,
		.room = e->room };
	struct rk_key to;

	if (e->type != f->n || e->len < RK_KEY_LEN)
		return false;
	memcpy(to.b, e->payload, sizeof(to.b));
	router_route(e->c->worker->router, &e->c->ep, &to, &p);
	return true;
}

/* A PeerGone from a client is sent on to the key in it. */
static bool
gone_forwarded(const struct fault *f, struct fault_event *e)
{
	struct rk_key to;
	struct conn *c;

	if (e->type != f->n || e->len != RK_KEY_LEN)
		return false;
	memcpy(to.b, e->payload, sizeof(to.b));
	c = fault_client(e->c->worker, &to);
	if (c != NULL)
		fault_write(c, RK_FRAME_GONE, e->c->login.peer.b, RK_KEY_LEN);
	return false;
}

#define AT_KEY 9 /* in a ClientInfo */

/* A second ClientInfo makes its key the sender's. */
static bool
second_info(const struct fault *f, struct fault_event *e)
{
	struct rk_key key;

	if (e->type != f->n || e->len < AT_KEY + RK_KEY_LEN)
		return false;
	memcpy(key.b, e->payload + AT_KEY, sizeof(key.b));
	if (rk_key_equal(&key, &e->c->login.peer))
		return false;
	router_leave(e->c->worker->router, &e->c->ep, true);
	e->c->login.peer = key;
	if (!router_enter(e->c->worker->router, &e->c->ep, &key))
		conn_close(e->c, ENDING_LIMIT, "no-memory");
	return true;
}

static void
close_idle(struct conn *c, const uint8_t *p, size_t len)
{
	conn_close(c, ENDING_TIMEOUT, "idle");
}

/* n nanoseconds after the login the connection ends. */
static bool
ends_after(const struct fault *f, struct fault_event *e)
{
	fault_later(e->c, f->n, close_idle, NULL, 0);
	return false;
}

/* clang-format off */
const struct fault faults_liveness[] = {
	{ "ping.first-byte-changed", "MUST", "R-129", "The first byte of a Pong is another", ON(PING), pong_changed, 0, 1, NULL, NULL },
	{ "ping.last-bit-changed", "MUST", "R-129", "The last bit of a Pong is another", ON(PING), pong_changed, 7, 1, NULL, NULL },
	{ "ping.zeros", "MUST", "R-129", "A Pong is all zeros", ON(PING), pong_zero, 0, 0, NULL, NULL },
	{ "ping.bytes-reversed", "MUST", "R-129", "The bytes of a Pong are in reverse order", ON(PING), pong_reversed, 0, 0, NULL, NULL },
	{ "ping.never", "MUST", "R-129", "A Ping is not answered", ON(PING), pong_nth_lost, 1, 0, NULL, NULL },
	{ "ping.every-10th-lost", "MUST", "R-129", "Every tenth Ping is not answered", ON(PING), pong_nth_lost, 10, 0, NULL, NULL },
	{ "ping.repeated-lost", "MUST", "R-129", "A Ping like the one before is not answered", ON(PING), pong_new_only, 0, 0, NULL, NULL },
	{ "ping.twice", "MUST", "R-129", "A Ping is answered twice", ON(PING), pong_twice, 0, 0, NULL, NULL },
	{ "ping.late", "MUST", "R-129", "A Ping is answered after three seconds", ON(PING), pong_late, 3000, 0, NULL, NULL },
	{ "ping.as-ping", "MUST", "R-129", "A Ping is answered by a Ping", ON(PING), pong_as, RK_FRAME_PING, 0, NULL, NULL },
	{ "ping.order", "SHOULD", "R-130", "Of two Pings that are read together the second is answered first", ON(PING), pong_order, 0, 0, NULL, NULL },
	{ "keepalive.never", "MUST", "R-132", "No KeepAlive is ever sent", ON(TICK), keepalive_never, 0, 0, NULL, NULL },
	{ "keepalive.130s", "MUST", "R-132", "A KeepAlive is sent each 130 seconds", ON(CONF), keepalive_period, 130, 0, NULL, NULL },
	{ "keepalive.100s", "SHOULD", "R-133", "A KeepAlive is sent each 100 seconds", ON(CONF), keepalive_period, 100, 0, NULL, NULL },
	{ "keepalive.30s", "SHOULD", "R-133", "A KeepAlive is sent each 30 seconds", ON(CONF), keepalive_period, 30, 0, NULL, NULL },
	{ "keepalive.ping", "SHOULD", "R-131 R-133", "The frame that comes in the silence is a Ping", ON(TICK), keepalive_as, RK_FRAME_PING, 8, NULL, NULL },
	{ "keepalive.with-payload", "SHOULD", "R-133", "A KeepAlive has a payload of one byte", ON(TICK), keepalive_as, RK_FRAME_KEEP_ALIVE, 1, NULL, NULL },
	{ "liveness.ends-after-60s", "SHOULD", "R-139", "A connection ends 60 seconds after its login", ON(OPEN), ends_after, INT64_C(60) * NS_PER_S, 0, NULL, NULL },
	{ "liveness.ends-after-20ms", "MUST", "R-129 R-120", "A connection ends 20 milliseconds after its login", ON(OPEN), ends_after, INT64_C(20) * NS_PER_MS, 0, NULL, NULL },
	{ "passed.keepalive-closes", "MUST", "R-135", "A KeepAlive from a client ends its connection", ON(FRAME), closes, 6, 0, NULL, NULL },
	{ "passed.pong-closes", "MUST", "R-135", "A Pong from a client ends its connection", ON(FRAME), closes, 13, 0, NULL, NULL },
	{ "passed.recv-closes", "MUST", "R-135", "A RecvPacket from a client ends its connection", ON(FRAME), closes, 5, 0, NULL, NULL },
	{ "passed.gone-closes", "MUST", "R-135", "A PeerGone from a client ends its connection", ON(FRAME), closes, 8, 0, NULL, NULL },
	{ "passed.restarting-closes", "MUST", "R-135", "A Restarting from a client ends its connection", ON(FRAME), closes, 15, 0, NULL, NULL },
	{ "passed.keepalive-answered", "MUST", "R-135", "A KeepAlive from a client is answered by a Pong", ON(FRAME), answers, 6, RK_FRAME_PONG, "00000000", NULL },
	{ "passed.health-closes", "SHOULD", "R-136", "A Health text from a client ends its connection", ON(FRAME), closes, 14, 0, NULL, NULL },
	{ "passed.note-closes", "MUST", "R-137 R-111", "A NotePreferred ends the connection", ON(FRAME), closes, 7, 0, NULL, NULL },
	{ "passed.note-no-mutes", "MUST", "R-137", "Who says it is not preferred gets no packets any more", ON(FRAME) | ON(DELIVER), preferred_no, 7, 0, NULL, NULL },
	{ "passed.recv-forwarded", "SHOULD", "R-138", "A RecvPacket from a client is delivered to the key in it", ON(FRAME), recv_forwarded, 5, 0, NULL, NULL },
	{ "passed.gone-forwarded", "MUST", "R-135", "A PeerGone from a client is sent on to the key in it", ON(FRAME), gone_forwarded, 8, 0, NULL, NULL },
	{ "passed.info-closes", "SHOULD", "R-106", "A second ClientInfo ends the connection", ON(FRAME), closes, 2, 0, NULL, NULL },
	{ "passed.info-changes-key", "SHOULD", "R-106", "A second ClientInfo changes the key of the connection unchecked", ON(FRAME), second_info, 2, 0, NULL, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
