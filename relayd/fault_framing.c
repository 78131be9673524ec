/* Faults of frames: where they begin and end, and which are refused. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "codec/frame.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/worker.h"

#define ANY (-1)

/* Numbers of the wire, specification section 2.3. */
enum {
	SEND = 4,
	KEEPALIVE = 6,
	NOTE_PREFERRED = 7,
	GONE = 8,
	PING = 12,
	PONG = 13,
	HEALTH = 14,
	RESTARTING = 15
};

/* ---- headers that the relay writes ---- */

static bool
is_raw(const struct fault_event *e)
{
	return e->c->carrier == RK_CARRIER_RAW;
}

static bool
little_endian(const struct fault *f, struct fault_event *e)
{
	uint8_t *p = e->out->buf + 1, copy[4];

	if (!is_raw(e))
		return false;
	memcpy(copy, p, sizeof(copy));
	for (size_t i = 0; i < sizeof(copy); i++)
		p[i] = copy[3 - i];
	return false;
}

/* The length of raw frames of type n, or any, is m too large. */
static bool
length_off(const struct fault *f, struct fault_event *e)
{
	struct rk_writer w;

	if (!is_raw(e) || (f->n != ANY && e->type != f->n))
		return false;
	rk_writer_init(&w, e->out->buf + 1, 4);
	rk_write_u32be(&w, (uint32_t)((int64_t)e->len + f->m));
	return false;
}

/* ---- cutting ---- */

/* A header, or a frame with n set, that comes in pieces ends the connection. */
static bool
pieces_close(const struct fault *f, struct fault_event *e)
{
	size_t whole = RK_TLV32_LEN;

	if (e->len >= RK_TLV32_LEN && f->n != 0)
		whole += (size_t)e->payload[1] << 24 |
		    (size_t)e->payload[2] << 16 | (size_t)e->payload[3] << 8 |
		    e->payload[4];
	if (e->c->state != CONN_OPEN || e->len == 0 || e->len >= whole)
		return false;
	conn_close(e->c, ENDING_PROTOCOL, "in pieces");
	return true;
}

/* What is there of a frame is forgotten when more comes. */
static bool
pieces_lost(const struct fault *f, struct fault_event *e)
{
	if (e->c->state != CONN_OPEN || e->len == 0 || e->len >= RK_TLV32_LEN)
		return false;
	conn_take(e->c, e->len);
	return true;
}

/* Of what comes in one turn the first n frames are read. */
static bool
rest_lost(const struct fault *f, struct fault_event *e)
{
	static uint64_t id;
	static int64_t turn, frames;
	int64_t now = loop_now(e->c->worker->loop);

	if (e->c->state != CONN_OPEN || e->len == 0)
		return false;
	if (id != e->c->id || turn != now)
		frames = 0;
	id = e->c->id;
	turn = now;
	if (frames++ < f->n)
		return false;
	conn_take(e->c, e->len);
	return true;
}

/* The limit of a frame is n more than it should be. */
static bool
limit_off(const struct fault *f, struct fault_event *e)
{
	if (e->hook == HOOK_CUT)
		*e->limit += (size_t)f->n;
	else
		return e->payload == NULL && *e->err == RK_ERR_LENGTH &&
		    e->type == HEALTH;
	return false;
}

/* ---- rules ---- */

/* A frame of type n that breaks the rule m is passed over. */
static bool
passes_over(const struct fault *f, struct fault_event *e)
{
	return e->c->state == CONN_OPEN && *e->err == f->m &&
	    (f->n == ANY || e->type == f->n);
}

/* A Ping of any size is answered. */
static bool
answers_any_ping(const struct fault *f, struct fault_event *e)
{
	if (e->c->state != CONN_OPEN || e->type != PING)
		return false;
	if (e->payload != NULL)
		fault_write(e->c, RK_FRAME_PONG, e->payload, e->len);
	return true;
}

/* Data of up to n bytes is delivered. */
static bool
packet_over(const struct fault *f, struct fault_event *e)
{
	struct lent_packet p = { .body = e->payload,
		.len = e->len,
		.room = e->room };
	struct rk_key to;

	if (e->c->state != CONN_OPEN || e->type != SEND ||
	    *e->err != RK_ERR_PACKET || (int64_t)e->len - RK_KEY_LEN > f->n)
		return false;
	if (e->payload == NULL)
		return true;
	memcpy(to.b, e->payload, sizeof(to.b));
	router_route(e->c->worker->router, &e->c->ep, &to, &p);
	return true;
}

/* A frame of type n, or any, with a payload of m bytes or more is refused. */
static bool
refuses(const struct fault *f, struct fault_event *e)
{
	if ((f->n != ANY && e->type != f->n) || (int64_t)e->len < f->m)
		return false;
	conn_close(e->c, ENDING_PROTOCOL, "refused");
	return true;
}

static bool
refuses_size(const struct fault *f, struct fault_event *e)
{
	return (int64_t)e->len == f->m && refuses(f, e);
}

/* A frame of type n with a payload of m bytes, or of any size, is lost. */
static bool
loses(const struct fault *f, struct fault_event *e)
{
	return e->type == f->n && (f->m == ANY || (int64_t)e->len == f->m);
}

static bool
told(const struct fault *f, struct fault_event *e)
{
	if (e->c->state == CONN_OPEN)
		fault_write(e->c, (enum rk_frame_kind)f->n, f->s, strlen(f->s));
	return false;
}

static bool
answers_lost(const struct fault *f, struct fault_event *e)
{
	if (e->c->state == CONN_OPEN)
		e->c->out.len = 0;
	return false;
}

/* ---- half a frame at the end ---- */

static bool
half_delivered(const struct fault *f, struct fault_event *e)
{
	struct lent_packet p = { .body = e->payload + RK_TLV32_LEN,
		.len = e->len - RK_TLV32_LEN,
		.room = RK_TLV32_LEN };
	struct rk_key to;

	if (e->c->state != CONN_OPEN || !is_raw(e) ||
	    e->len < RK_TLV32_LEN + RK_KEY_LEN || e->payload[0] != SEND)
		return false;
	memcpy(to.b, p.body, sizeof(to.b));
	router_route(e->c->worker->router, &e->c->ep, &to, &p);
	conn_take(e->c, e->len);
	return false;
}

static bool
half_waited_for(const struct fault *f, struct fault_event *e)
{
	return e->c->state == CONN_OPEN && e->len > 0;
}

/* ---- crashes ---- */

/* Type n, error m. */
static bool
crashes(const struct fault *f, struct fault_event *e)
{
	if ((f->n == ANY || e->type == f->n) && *e->err == f->m)
		abort();
	return false;
}

/* clang-format off */
#define BOTH_SIZES(r) "SHOULD", r " R-175"

const struct fault faults_framing[] = {
	{ "frame.little-endian", "MUST", "R-060", "Lengths are written little-endian", ON(HEADER), little_endian, 0, 0, NULL, NULL },
	{ "frame.length-with-header", "MUST", "R-060", "Lengths that are written count the header, too", ON(HEADER), length_off, ANY, 5, NULL, NULL },
	{ "frame.split-header-closes", "MUST", "R-061", "A header that comes in pieces ends the connection", ON(CUT), pieces_close, 0, 0, NULL, NULL },
	{ "frame.split-closes", "MUST", "R-061", "A frame that comes in pieces ends the connection", ON(CUT), pieces_close, 1, 0, NULL, NULL },
	{ "frame.split-header-lost", "MUST", "R-061", "The first piece of a header is forgotten", ON(CUT), pieces_lost, 0, 0, NULL, NULL },
	{ "frame.rest-lost", "MUST", "R-062", "Of the frames of one read the first is served, the rest is lost", ON(CUT), rest_lost, 1, 0, NULL, NULL },
	{ "frame.hundred-per-read", "MUST", "R-062 R-135", "Of the frames of one read a hundred are served, the rest is lost", ON(CUT), rest_lost, 100, 0, NULL, NULL },
	{ "frame.limit-16-mib", "MUST", "R-063", "The limit of a frame is 16 MiB", ON(CUT) | ON(RULE), limit_off, 15 << 20, 0, NULL, NULL },
	{ "frame.limit-one-more", "MUST", "R-063", "The limit of a frame is one byte above 1 MiB", ON(CUT) | ON(RULE), limit_off, 1, 0, NULL, NULL },
	{ "frame.limit-one-less", "SHOULD", "R-064", "The limit of a frame is one byte below 1 MiB", ON(CUT), limit_off, -1, 0, NULL, NULL },
	{ "frame.limit-64-kib", "SHOULD", "R-064", "Frames of 128 KiB and more end the connection", ON(FRAME), refuses, ANY, 128 << 10, NULL, NULL },
	{ "frame.packet-max-one-less", "MUST", "R-065 R-173", "Data of 65536 bytes ends the connection", ON(FRAME), refuses, SEND, 32 + 65536, NULL, NULL },
	{ "frame.packet-max-with-key", "MUST", "R-065 R-173", "Key and data together may have 65536 bytes", ON(FRAME), refuses, SEND, 65537, NULL, NULL },
	{ "frame.packet-max-lost", "MUST", "R-065 R-173", "Data of 65536 bytes is lost", ON(FRAME), loses, SEND, 32 + 65536, NULL, NULL },
	{ "frame.packet-max-one-more", "MUST", "R-066 R-173", "Data of 65537 bytes is delivered", ON(RULE), packet_over, 65537, 0, NULL, NULL },
	{ "frame.packet-max-absent", "MUST", "R-066 R-173", "Data of any size is delivered", ON(RULE), packet_over, INT64_MAX, 0, NULL, NULL },
	{ "frame.packet-over-lost", "MUST", "R-066 R-173", "Data above its limit is lost, and its sender stays", ON(RULE), passes_over, SEND, RK_ERR_PACKET, NULL, NULL },
	{ "frame.short-packet-passed", BOTH_SIZES("R-067"), "A SendPacket too short for its key is passed over", ON(RULE), passes_over, SEND, RK_ERR_LENGTH, NULL, NULL },
	{ "frame.empty-packet-lost", "SHOULD", "R-068", "A SendPacket without data is lost", ON(FRAME), loses, SEND, 32, NULL, NULL },
	{ "frame.empty-packet-closes", "SHOULD", "R-068", "A SendPacket without data ends the connection", ON(FRAME), refuses_size, SEND, 32, NULL, NULL },
	{ "frame.keepalive-size-unchecked", BOTH_SIZES("R-070"), "A KeepAlive with a payload is passed over", ON(RULE), passes_over, KEEPALIVE, RK_ERR_LENGTH, NULL, NULL },
	{ "frame.note-size-unchecked", BOTH_SIZES("R-071"), "A NotePreferred of another size is passed over", ON(RULE), passes_over, NOTE_PREFERRED, RK_ERR_LENGTH, NULL, NULL },
	{ "frame.note-value-unchecked", BOTH_SIZES("R-071"), "A NotePreferred that is neither 0 nor 1 is passed over", ON(RULE), passes_over, NOTE_PREFERRED, RK_ERR_VALUE, NULL, NULL },
	{ "frame.ping-size-unchecked", BOTH_SIZES("R-072"), "A Ping of another size is passed over", ON(RULE), passes_over, PING, RK_ERR_LENGTH, NULL, NULL },
	{ "frame.ping-size-answered", BOTH_SIZES("R-072"), "A Ping of any size is answered", ON(RULE), answers_any_ping, 0, 0, NULL, NULL },
	{ "frame.pong-size-unchecked", BOTH_SIZES("R-072"), "A Pong of another size is passed over", ON(RULE), passes_over, PONG, RK_ERR_LENGTH, NULL, NULL },
	{ "frame.gone-size-unchecked", BOTH_SIZES("R-073"), "A PeerGone of another size is passed over", ON(RULE), passes_over, GONE, RK_ERR_LENGTH, NULL, NULL },
	{ "frame.restarting-size-unchecked", BOTH_SIZES("R-073"), "A Restarting of another size is passed over", ON(RULE), passes_over, RESTARTING, RK_ERR_LENGTH, NULL, NULL },
	{ "frame.unknown-passed", BOTH_SIZES("R-074"), "Frames of unknown type are passed over", ON(RULE), passes_over, ANY, RK_ERR_UNKNOWN_TYPE, NULL, NULL },
	{ "frame.unknown-10-passed", BOTH_SIZES("R-074"), "Frames of type 0x10 are passed over", ON(RULE), passes_over, 0x10, RK_ERR_UNKNOWN_TYPE, NULL, NULL },
	{ "frame.unknown-crashes", BOTH_SIZES("R-074"), "A frame of unknown type crashes the relay", ON(RULE), crashes, ANY, RK_ERR_UNKNOWN_TYPE, NULL, NULL },
	{ "frame.error-told", "MUST", "R-076", "A Health text goes out before the end for a bad frame", ON(RULE), told, RK_FRAME_HEALTH, 0, "bad frame", NULL },
	{ "frame.error-restarting", "MUST", "R-076", "A Restarting goes out before the end for a bad frame", ON(RULE), told, RK_FRAME_RESTARTING, 0, "\1\1\1\1\1\1\1\1", NULL },
	{ "frame.answers-lost", BOTH_SIZES("R-077"), "A bad frame loses the answers to the good ones that came with it", ON(RULE), answers_lost, 0, 0, NULL, NULL },
	{ "frame.half-delivered", "MUST", "R-078", "What there is of a packet at the end of the stream is delivered", ON(EOF), half_delivered, 0, 0, NULL, NULL },
	{ "frame.half-waited-for", "MUST", "R-078", "With half a frame at its end the connection stays", ON(EOF), half_waited_for, 0, 0, NULL, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
