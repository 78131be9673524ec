/* Faults of relaying: packets lost, doubled, changed, held up. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/worker.h"

enum {
	ALL,
	PLAIN,
	DISCO
};

static size_t
data_len(const struct fault_event *e)
{
	return e->packet->len - RK_KEY_LEN;
}

static uint8_t *
data(const struct fault_event *e)
{
	return e->packet->body + RK_KEY_LEN;
}

static bool
is_class(const struct fault_event *e, int64_t which)
{
	return which == ALL || (which == DISCO) == e->packet->disco;
}

/* ---- on the way in ---- */

/* Every n-th packet of class m. */
static bool
nth_lost(const struct fault *f, struct fault_event *e)
{
	return is_class(e, f->m) && fault_turn(f, f->n);
}

/* In every n-th packet one bit of the last byte. */
static bool
bit_flipped(const struct fault *f, struct fault_event *e)
{
	if (data_len(e) > 0 && is_class(e, f->m) && fault_turn(f, f->n))
		data(e)[data_len(e) - 1] ^= 1;
	return false;
}

/* Data beyond n bytes. */
static bool
cut_at(const struct fault *f, struct fault_event *e)
{
	if ((int64_t)data_len(e) > f->n)
		e->packet->len = (size_t)f->n + RK_KEY_LEN;
	return false;
}

static bool
text_until_nul(const struct fault *f, struct fault_event *e)
{
	const uint8_t *nul = memchr(data(e), 0, data_len(e));

	if (nul != NULL)
		e->packet->len = (size_t)(nul - e->packet->body);
	return false;
}

static bool
to_itself_lost(const struct fault *f, struct fault_event *e)
{
	return rk_key_equal(e->key, &e->c->login.peer);
}

#define AT_DISCO_KEY 6

static bool
disco_key_changed(const struct fault *f, struct fault_event *e)
{
	if (e->packet->disco)
		memcpy(data(e) + AT_DISCO_KEY, e->c->login.peer.b, RK_KEY_LEN);
	return false;
}

static bool
disco_key_checked(const struct fault *f, struct fault_event *e)
{
	return e->packet->disco &&
	    memcmp(data(e) + AT_DISCO_KEY, e->c->login.peer.b, RK_KEY_LEN) != 0;
}

/* What looks like disco and has between n and m bytes. */
static bool
disco_sizes_lost(const struct fault *f, struct fault_event *e)
{
	return data_len(e) >= AT_DISCO_KEY &&
	    memcmp(data(e), e->c->worker->conf->dialect->disco_magic,
		AT_DISCO_KEY) == 0 &&
	    (int64_t)data_len(e) >= f->n && (int64_t)data_len(e) <= f->m;
}

/* What begins like disco is so from n bytes on. */
static bool
disco_from(const struct fault *f, struct fault_event *e)
{
	e->packet->disco = data_len(e) >= AT_DISCO_KEY &&
	    memcmp(data(e), e->c->worker->conf->dialect->disco_magic,
		AT_DISCO_KEY) == 0 &&
	    (int64_t)data_len(e) >= f->n;
	return false;
}

/* ---- routed ---- */

static bool
nth_doubled(const struct fault *f, struct fault_event *e)
{
	if (e->result == ROUTE_QUEUED && fault_turn(f, f->n))
		router_route(e->c->worker->router, &e->c->ep, e->key,
		    e->packet);
	return false;
}

/* Every other client gets a copy. */
static bool
everybody(const struct fault *f, struct fault_event *e)
{
	const struct rk_key from = e->c->login.peer;

	for (struct conn *c = e->c->worker->conns; c != NULL; c = c->next)
		if (c->state == CONN_OPEN && c->ep.peer != NULL && c != e->c &&
		    !rk_key_equal(&c->login.peer, e->key))
			c->ep.ops->on_packet(&c->ep, &from, e->packet);
	return false;
}

static bool
echoed(const struct fault *f, struct fault_event *e)
{
	const struct rk_key from = e->c->login.peer;

	if (e->result == ROUTE_QUEUED && !rk_key_equal(e->key, &from))
		e->c->ep.ops->on_packet(&e->c->ep, &from, e->packet);
	return false;
}

/* n: the kind of frame that tells. */
static bool
unknown_told(const struct fault *f, struct fault_event *e)
{
	static const char text[] = "no such peer";

	if (e->result != ROUTE_UNKNOWN)
		return false;
	if (f->n == RK_FRAME_GONE)
		fault_write(e->c, RK_FRAME_GONE, e->key->b, RK_KEY_LEN);
	else
		fault_write(e->c, RK_FRAME_HEALTH, text, sizeof(text) - 1);
	return false;
}

/* A packet with result n ends its sender's connection. */
static bool
closes_sender(const struct fault *f, struct fault_event *e)
{
	if (e->result != f->n)
		return false;
	conn_close(e->c, ENDING_PROTOCOL, "undeliverable");
	return true;
}

static bool
odd_key_closes(const struct fault *f, struct fault_event *e)
{
	if (!rk_key_is_small_order(e->key))
		return false;
	conn_close(e->c, ENDING_PROTOCOL, "key");
	return true;
}

/* ---- on the way out ---- */

static struct rk_key latest; /* who logged in last, of source_latest */

static bool
source_latest(const struct fault *f, struct fault_event *e)
{
	if (e->hook == HOOK_OPEN)
		latest = e->c->login.peer;
	else
		*e->source = &latest;
	return false;
}

static bool
source_is_receiver(const struct fault *f, struct fault_event *e)
{
	*e->source = &e->c->login.peer;
	return false;
}

static bool
source_bit(const struct fault *f, struct fault_event *e)
{
	static struct rk_key key;

	key = **e->source;
	key.b[31] ^= 0x80;
	*e->source = &key;
	return false;
}

static bool
source_zero(const struct fault *f, struct fault_event *e)
{
	static const struct rk_key zero;

	*e->source = &zero;
	return false;
}

/* A sender on one carrier, from the receiver on the other. */
static bool
carriers_apart(const struct fault *f, struct fault_event *e)
{
	const struct conn *from = fault_client(e->c->worker, *e->source);

	return from != NULL && from->carrier == f->n && e->c->carrier == f->m;
}

/* The two newest of a lane change places, if both are lent or both owned. */
static bool
newest_swapped(const struct fault *f, struct fault_event *e)
{
	struct sendq_frame *a, *b, copy;

	if (e->lane != f->n || e->queue->count < 2)
		return false;
	a = (struct sendq_frame *)(uintptr_t)sendq_at(e->queue,
	    e->queue->count - 1);
	b = (struct sendq_frame *)(uintptr_t)sendq_at(e->queue,
	    e->queue->count - 2);
	if ((a->own == NULL) != (b->own == NULL))
		return false;
	copy = *a;
	*a = *b;
	*b = copy;
	return false;
}

/* ---- slow receivers ---- */

static bool
full_blocks(const struct fault *f, struct fault_event *e)
{
	const struct timespec pause = { .tv_nsec = 200 * NS_PER_MS };

	nanosleep(&pause, NULL);
	return false;
}

static bool
full_drops_oldest(const struct fault *f, struct fault_event *e)
{
	if (e->queue->count > e->queue->nlent)
		sendq_pop(e->queue, 1);
	return true;
}

static void
close_full(struct conn *c, const uint8_t *p, size_t len)
{
	conn_close(c, ENDING_LIMIT, "queue");
}

static bool
full_closes(const struct fault *f, struct fault_event *e)
{
	fault_later(e->c, 0, close_full, NULL, 0);
	return false;
}

/* ---- configuration: the number at offset n is m ---- */

static bool
sets(const struct fault *f, struct fault_event *e)
{
	*(int64_t *)(void *)((char *)e->conf + f->n) = f->m;
	return false;
}

/* clang-format off */
#define AT(member) offsetof(struct conf, member)
#define EVER (INT64_C(1000) * 3600 * NS_PER_S)

const struct fault faults_relay[] = {
	{ "relay.last-byte-changed", "MUST", "R-120", "One bit of the last byte of data is another", ON(SEND), bit_flipped, 1, ALL, NULL, NULL },
	{ "relay.every-10th-changed", "MUST", "R-120", "In every tenth packet one bit of the last byte is another", ON(SEND), bit_flipped, 10, ALL, NULL, NULL },
	{ "relay.cut-at-1500", "MUST", "R-120", "Data is cut off at 1500 bytes", ON(SEND), cut_at, 1500, 0, NULL, NULL },
	{ "relay.cut-at-65535", "MUST", "R-065 R-173", "Data is cut off at 65535 bytes", ON(SEND), cut_at, 65535, 0, NULL, NULL },
	{ "relay.cut-at-nul", "MUST", "R-120", "Data ends at its first zero byte", ON(SEND), text_until_nul, 0, 0, NULL, NULL },
	{ "relay.every-10th-lost", "MUST", "R-120", "Every tenth packet is lost", ON(SEND), nth_lost, 10, ALL, NULL, NULL },
	{ "relay.every-50th-lost", "MUST", "R-120 R-124", "Every fiftieth packet is lost", ON(SEND), nth_lost, 50, ALL, NULL, NULL },
	{ "relay.doubled", "MUST", "R-120", "Each packet is delivered twice", ON(ROUTED), nth_doubled, 1, 0, NULL, NULL },
	{ "relay.every-10th-doubled", "MUST", "R-120", "Every tenth packet is delivered twice", ON(ROUTED), nth_doubled, 10, 0, NULL, NULL },
	{ "relay.to-everybody", "MUST", "R-120", "Each packet goes to all other clients as well", ON(ROUTED), everybody, 0, 0, NULL, NULL },
	{ "relay.echoed", "MUST", "R-120", "The sender gets a copy of what it sends", ON(ROUTED), echoed, 0, 0, NULL, NULL },
	{ "relay.source-is-receiver", "MUST", "R-121", "A packet names its receiver as the sender", ON(DELIVER), source_is_receiver, 0, 0, NULL, NULL },
	{ "relay.source-latest", "MUST", "R-121", "A packet names the key that logged in last", ON(DELIVER) | ON(OPEN), source_latest, 0, 0, NULL, NULL },
	{ "relay.source-bit", "MUST", "R-121", "The highest bit of the sender's key is another", ON(DELIVER), source_bit, 0, 0, NULL, NULL },
	{ "relay.source-zero", "MUST", "R-121", "The sender's key is all zeros", ON(DELIVER), source_zero, 0, 0, NULL, NULL },
	{ "relay.unknown-gone", "MUST", "R-122", "A packet to an unknown key is answered by PeerGone", ON(ROUTED), unknown_told, RK_FRAME_GONE, 0, NULL, NULL },
	{ "relay.unknown-health", "MUST", "R-122", "A packet to an unknown key is answered by a Health text", ON(ROUTED), unknown_told, RK_FRAME_HEALTH, 0, NULL, NULL },
	{ "relay.unknown-closes", "MUST", "R-122", "A packet to an unknown key ends its sender's connection", ON(ROUTED), closes_sender, ROUTE_UNKNOWN, 0, NULL, NULL },
	{ "relay.odd-key-closes", "MUST", "R-122", "A packet to a key of small order ends its sender's connection", ON(ROUTED), odd_key_closes, 0, 0, NULL, NULL },
	{ "relay.to-itself-lost", "SHOULD", "R-123", "A packet to the sender's own key is lost", ON(SEND), to_itself_lost, 0, 0, NULL, NULL },
	{ "relay.order-plain", "MUST", "R-124", "Of packets that wait for one receiver the newest two change places", ON(QUEUED), newest_swapped, LANE_PACKETS, 0, NULL, NULL },
	{ "relay.order-disco", "MUST", "R-125", "Of disco packets that wait for one receiver the newest two change places", ON(QUEUED), newest_swapped, LANE_DISCO, 0, NULL, NULL },
	{ "relay.disco-lost", "MUST", "R-127", "Packets that look like disco are lost", ON(SEND), nth_lost, 1, DISCO, NULL, NULL },
	{ "relay.disco-key-changed", "MUST", "R-127", "The key inside a disco packet is replaced by the sender's", ON(SEND), disco_key_changed, 0, 0, NULL, NULL },
	{ "relay.disco-key-checked", "MUST", "R-127", "A disco packet with another key inside than its sender's is lost", ON(SEND), disco_key_checked, 0, 0, NULL, NULL },
	{ "relay.disco-38-lost", "MUST", "R-127", "What begins like disco and ends with the key is lost", ON(SEND), disco_sizes_lost, 38, 38, NULL, NULL },
	{ "relay.disco-short-lost", "MUST", "R-120", "What begins like disco and is too short for the key is lost", ON(SEND), disco_sizes_lost, 6, 37, NULL, NULL },
	{ "relay.disco-min-37", "SHOULD", "R-128", "What begins like disco and has 37 bytes is taken for it", ON(SEND), disco_from, 37, 0, NULL, NULL },
	{ "relay.disco-min-39", "SHOULD", "R-128", "What begins like disco and has 38 bytes is not taken for it", ON(SEND), disco_from, 39, 0, NULL, NULL },
	{ "relay.slow-holds-up-all", "MUST", "R-140", "Each packet that a full queue refuses holds up the relay for 200 ms", ON(FULL), full_blocks, 0, 0, NULL, NULL },
	{ "relay.full-drops-oldest", "SHOULD", "R-141", "A full queue loses the oldest packets", ON(FULL), full_drops_oldest, 0, 0, NULL, NULL },
	{ "relay.full-closes-receiver", "SHOULD", "R-141", "A full queue ends its receiver's connection", ON(FULL), full_closes, 0, 0, NULL, NULL },
	{ "relay.full-closes-sender", "SHOULD", "R-141", "A full queue ends the sender's connection", ON(ROUTED), closes_sender, ROUTE_FULL, 0, NULL, NULL },
	{ "relay.queue-64", "SHOULD", "R-142", "A queue has room for 64 packets", ON(CONF), sets, AT(queue_packets), 64, NULL, NULL },
	{ "relay.queue-16-kib", "SHOULD", "R-142", "A queue has room for 16 KiB", ON(CONF), sets, AT(queue_bytes), 16 << 10, NULL, NULL },
	{ "relay.write-timeout-never", "SHOULD", "R-143", "Who takes nothing is never put out", ON(CONF), sets, AT(write_timeout), EVER, NULL, NULL },
	{ "relay.write-timeout-200-ms", "SHOULD", "R-141", "Who takes nothing for 200 ms is put out", ON(CONF), sets, AT(write_timeout), 200 * NS_PER_MS, NULL, NULL },
	{ "relay.raw-to-websocket-lost", "MUST", "R-171", "Packets from raw clients to WebSocket clients are lost", ON(DELIVER), carriers_apart, RK_CARRIER_RAW, RK_CARRIER_WS, NULL, NULL },
	{ "relay.websocket-to-raw-lost", "MUST", "R-171", "Packets from WebSocket clients to raw clients are lost", ON(DELIVER), carriers_apart, RK_CARRIER_WS, RK_CARRIER_RAW, NULL, NULL },
	{ "relay.login-timeout-never", "SHOULD", "R-104", "Who does not log in is never put out", ON(CONF), sets, AT(login_timeout), EVER, NULL, NULL },
	{ "relay.login-timeout-5s", "SHOULD", "R-104", "Who does not log in is put out after five seconds", ON(CONF), sets, AT(login_timeout), 5 * NS_PER_S, NULL, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
