/* Faults of presence, of takeovers and of how connections end. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "codec/ws.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/worker.h"

/* ---- PeerGone ---- */

static bool
gone_never(const struct fault *f, struct fault_event *e)
{
	return true;
}

static bool
gone_twice(const struct fault *f, struct fault_event *e)
{
	fault_write(e->c, RK_FRAME_GONE, (*e->source)->b, RK_KEY_LEN);
	return false;
}

static bool
gone_names_receiver(const struct fault *f, struct fault_event *e)
{
	*e->source = &e->c->login.peer;
	return false;
}

static void
tell_gone(struct conn *c, const uint8_t *p, size_t len)
{
	fault_write(c, RK_FRAME_GONE, p, len);
}

static bool
gone_late(const struct fault *f, struct fault_event *e)
{
	fault_later(e->c, f->n * NS_PER_MS, tell_gone, (*e->source)->b,
	    RK_KEY_LEN);
	return true;
}

/* Of those that are to be told the first n are. */
static bool
gone_first_only(const struct fault *f, struct fault_event *e)
{
	static struct rk_key last;
	static int64_t told;

	if (!rk_key_equal(&last, *e->source))
		told = 0;
	last = **e->source;
	return ++told > f->n;
}

/* An end of kind n is not told of. */
static bool
not_told(const struct fault *f, struct fault_event *e)
{
	if (e->ending == (enum ending)f->n)
		*e->tell = false;
	return false;
}

static bool
gone_everybody(const struct fault *f, struct fault_event *e)
{
	if (e->c->stage != STAGE_OPEN || !*e->tell)
		return false;
	for (struct conn *c = e->c->worker->conns; c != NULL; c = c->next)
		if (c != e->c && c->state == CONN_OPEN)
			fault_write(c, RK_FRAME_GONE, e->c->login.peer.b,
			    RK_KEY_LEN);
	*e->tell = false;
	return false;
}

static bool
replacement_told(const struct fault *f, struct fault_event *e)
{
	if (e->c->ep.peer != NULL || e->c->stage != STAGE_OPEN)
		return false;
	for (struct conn *c = e->c->worker->conns; c != NULL; c = c->next)
		if (c->state == CONN_OPEN &&
		    !rk_key_equal(&c->login.peer, &e->c->login.peer))
			fault_write(c, RK_FRAME_GONE, e->c->login.peer.b,
			    RK_KEY_LEN);
	return false;
}

/* Who sent to whom, as some faults remember it; each pair once. */
struct pair {
	struct rk_key from, to;
};
static struct pair *pairs;
static size_t npairs;

static size_t
find_pair(const struct rk_key *from, const struct rk_key *to)
{
	size_t i = 0;

	while (i < npairs &&
	    !(rk_key_equal(&pairs[i].from, from) &&
		rk_key_equal(&pairs[i].to, to)))
		i++;
	return i;
}

static void
remember(const struct rk_key *from, const struct rk_key *to)
{
	if (find_pair(from, to) < npairs)
		return;
	pairs = xreallocarray(pairs, npairs + 1, sizeof(*pairs));
	pairs[npairs++] = (struct pair){ .from = *from, .to = *to };
}

static void
forget(size_t i)
{
	if (i < npairs)
		pairs[i] = pairs[--npairs];
}

static void
tell_key(const struct worker *w, const struct rk_key *to,
    const struct rk_key *who)
{
	struct conn *c = fault_client(w, to);

	if (c != NULL)
		fault_write(c, RK_FRAME_GONE, who->b, RK_KEY_LEN);
}

static bool
leaves(const struct fault_event *e)
{
	return e->hook == HOOK_LEAVE && e->c->stage == STAGE_OPEN && *e->tell;
}

/* Those that sent to the one that leaves; its addressees are told anyway. */
static bool
gone_to_senders(const struct fault *f, struct fault_event *e)
{
	const struct rk_key *own = &e->c->login.peer;

	if (e->hook == HOOK_ROUTED && e->result == ROUTE_QUEUED)
		remember(own, e->key);
	if (!leaves(e))
		return false;
	for (size_t i = 0; i < npairs; i++)
		if (rk_key_equal(&pairs[i].to, own) &&
		    find_pair(own, &pairs[i].from) == npairs)
			tell_key(e->c->worker, &pairs[i].from, own);
	for (size_t i = npairs; i-- > 0;)
		if (rk_key_equal(&pairs[i].from, own))
			forget(i);
	return false;
}

/* Addressees that were not there when the packet came, nor for a later one. */
static bool
gone_to_absent(const struct fault *f, struct fault_event *e)
{
	const struct rk_key *own = &e->c->login.peer;

	if (e->hook == HOOK_ROUTED && e->result == ROUTE_UNKNOWN)
		remember(own, e->key);
	else if (e->hook == HOOK_ROUTED && e->result == ROUTE_QUEUED)
		forget(find_pair(own, e->key));
	if (!leaves(e))
		return false;
	for (size_t i = npairs; i-- > 0;) {
		if (!rk_key_equal(&pairs[i].from, own))
			continue;
		tell_key(e->c->worker, &pairs[i].to, own);
		forget(i);
	}
	return false;
}

/* Who sent to itself is told of its own end when it comes again. */
static bool
gone_to_itself(const struct fault *f, struct fault_event *e)
{
	static struct fault_keys selfish;

	if (e->hook == HOOK_ROUTED && rk_key_equal(e->key, &e->c->login.peer))
		fault_keys_add(&selfish, e->key);
	else if (e->hook == HOOK_OPEN &&
	    fault_keys_has(&selfish, &e->c->login.peer))
		fault_write(e->c, RK_FRAME_GONE, e->c->login.peer.b,
		    RK_KEY_LEN);
	return false;
}

/* Keys that were taken over are not told. */
static bool
gone_not_to_new(const struct fault *f, struct fault_event *e)
{
	static struct fault_keys replaced;

	if (e->hook == HOOK_GONE)
		return fault_keys_has(&replaced, &e->c->login.peer);
	fault_keys_add(&replaced, &e->c->login.peer);
	return false;
}

/* Packets to a key that has left are answered by PeerGone. */
static bool
gone_answers(const struct fault *f, struct fault_event *e)
{
	static struct fault_keys left;

	if (e->hook == HOOK_LEAVE) {
		if (e->c->stage == STAGE_OPEN && *e->tell)
			fault_keys_add(&left, &e->c->login.peer);
	} else if (e->result == ROUTE_UNKNOWN && fault_keys_has(&left, e->key))
		fault_write(e->c, RK_FRAME_GONE, e->key->b, RK_KEY_LEN);
	return false;
}

/* ---- takeovers ---- */

static bool
first_wins(const struct fault *f, struct fault_event *e)
{
	if (*e->err == RK_OK && e->c->login.state == RK_LOGIN_DONE &&
	    fault_client(e->c->worker, &e->c->login.peer) != NULL)
		*e->err = RK_ERR_DENIED;
	return false;
}

/* A takeover of a client on another carrier is refused. */
static bool
carrier_kept(const struct fault *f, struct fault_event *e)
{
	const struct conn *old;

	if (*e->err != RK_OK || e->c->login.state != RK_LOGIN_DONE)
		return false;
	old = fault_client(e->c->worker, &e->c->login.peer);
	if (old != NULL && old->carrier != e->c->carrier)
		*e->err = RK_ERR_DENIED;
	return false;
}

/* The replaced connection stays; what it sends is lost. */
static bool
replaced_kept(const struct fault *f, struct fault_event *e)
{
	return e->hook == HOOK_REPLACED || e->c->ep.peer == NULL;
}

static bool
replaced_told(const struct fault *f, struct fault_event *e)
{
	fault_write(e->c, (enum rk_frame_kind)f->n, f->s, strlen(f->s));
	return false;
}

/* The end of the replaced one takes the key out of the table. */
static bool
replaced_unregisters(const struct fault *f, struct fault_event *e)
{
	static struct fault_keys lost;

	if (e->hook == HOOK_REPLACED)
		fault_keys_add(&lost, &e->c->login.peer);
	else
		return fault_keys_has(&lost, e->key);
	return false;
}

static void
close_late(struct conn *c, const uint8_t *p, size_t len)
{
	conn_close(c, ENDING_REPLACED, NULL);
}

static bool
new_closed_too(const struct fault *f, struct fault_event *e)
{
	for (struct conn *c = e->c->worker->conns; c != NULL; c = c->next)
		if (c != e->c && c->ep.peer != NULL &&
		    rk_key_equal(&c->login.peer, &e->c->login.peer))
			fault_later(c, 0, close_late, NULL, 0);
	return false;
}

/* The n-th takeover of one key. */
static bool
takeovers_crash(const struct fault *f, struct fault_event *e)
{
	static struct fault_keys taken;
	int64_t n = 0;

	fault_keys_add(&taken, &e->c->login.peer);
	for (size_t i = 0; i < taken.n; i++)
		n += rk_key_equal(&taken.key[i], &e->c->login.peer);
	if (n == f->n)
		abort();
	return false;
}

/* ---- ends ---- */

static bool
half_close_ignored(const struct fault *f, struct fault_event *e)
{
	return e->c->state == CONN_OPEN;
}

/* The last packet of who leaves is delivered once more. */
static bool
last_doubled(const struct fault *f, struct fault_event *e)
{
	static struct rk_key from, to;
	static uint8_t copy[RK_KEY_LEN + 4096];
	static size_t len;
	struct conn *c;

	if (e->hook == HOOK_ROUTED) {
		if (e->result != ROUTE_QUEUED || e->packet->len > sizeof(copy))
			return false;
		from = e->c->login.peer;
		to = *e->key;
		len = e->packet->len;
		memcpy(copy, e->packet->body, len);
	} else if (len > 0 && e->c->stage == STAGE_OPEN &&
	    rk_key_equal(&from, &e->c->login.peer) &&
	    (c = fault_client(e->c->worker, &to)) != NULL) {
		memcpy(copy, from.b, RK_KEY_LEN);
		fault_write(c, RK_FRAME_RECV, copy, len);
		len = 0;
	}
	return false;
}

static bool
stop_told(const struct fault *f, struct fault_event *e)
{
	if (e->c->state == CONN_OPEN)
		fault_write(e->c, (enum rk_frame_kind)f->n, f->s, strlen(f->s));
	return false;
}

/* On WebSocket, which has a word for it. */
static bool
close_said(const struct fault *f, struct fault_event *e)
{
	if (e->c->state == CONN_OPEN && e->c->carrier == RK_CARRIER_WS)
		conn_write_ws(e->c, RK_WS_CLOSE, f->s, strlen(f->s));
	return false;
}

static bool
crashes_at_end(const struct fault *f, struct fault_event *e)
{
	if (e->c->stage == STAGE_OPEN && e->ending == (enum ending)f->n)
		abort();
	return false;
}

/* clang-format off */
const struct fault faults_presence[] = {
	{ "gone.never", "MUST", "R-150", "No PeerGone is ever sent", ON(GONE), gone_never, 0, 0, NULL, NULL },
	{ "gone.names-receiver", "MUST", "R-150", "A PeerGone names who receives it", ON(GONE), gone_names_receiver, 0, 0, NULL, NULL },
	{ "gone.late", "MUST", "R-150", "A PeerGone comes four seconds late", ON(GONE), gone_late, 4000, 0, NULL, NULL },
	{ "gone.twice", "MUST", "R-151", "A PeerGone comes twice", ON(GONE), gone_twice, 0, 0, NULL, NULL },
	{ "gone.first-only", "SHOULD", "R-152", "Of several addressees one is told", ON(GONE), gone_first_only, 1, 0, NULL, NULL },
	{ "gone.first-two-only", "SHOULD", "R-152", "Of many addressees two are told", ON(GONE), gone_first_only, 2, 0, NULL, NULL },
	{ "gone.to-senders", "MUST", "R-153", "Who only sent to the one that leaves is told", ON(LEAVE) | ON(ROUTED), gone_to_senders, 0, 0, NULL, NULL },
	{ "gone.to-everybody", "MUST", "R-153", "Every client is told when one leaves", ON(LEAVE), gone_everybody, 0, 0, NULL, NULL },
	{ "gone.to-absent", "SHOULD", "R-154", "An addressee that was not here when the packet came is told", ON(LEAVE) | ON(ROUTED), gone_to_absent, 0, 0, NULL, NULL },
	{ "gone.not-to-new", "SHOULD", "R-155", "An addressee that has come anew is not told", ON(GONE) | ON(REPLACED), gone_not_to_new, 0, 0, NULL, NULL },
	{ "gone.to-itself", "SHOULD", "R-156", "Who sent to itself hears of its own end when it comes again", ON(ROUTED) | ON(OPEN), gone_to_itself, 0, 0, NULL, NULL },
	{ "gone.not-after-reset", "MUST", "R-157", "Nobody is told of an end by reset", ON(LEAVE), not_told, ENDING_RESET, 0, NULL, NULL },
	{ "gone.not-after-eof", "MUST", "R-150 R-157", "Nobody is told of an end in good order", ON(LEAVE), not_told, ENDING_EOF, 0, NULL, NULL },
	{ "gone.not-after-protocol", "MUST", "R-157", "Nobody is told of an end for a broken rule", ON(LEAVE), not_told, ENDING_PROTOCOL, 0, NULL, NULL },
	{ "gone.not-after-truncated", "MUST", "R-157", "Nobody is told of an end within a frame", ON(LEAVE), not_told, ENDING_TRUNCATED, 0, NULL, NULL },
	{ "gone.not-after-timeout", "SHOULD", "R-143", "Nobody is told of the end of who takes nothing", ON(LEAVE), not_told, ENDING_TIMEOUT, 0, NULL, NULL },
	{ "gone.answers", "SHOULD", "R-164", "A packet to a key that has left is answered by PeerGone", ON(LEAVE) | ON(ROUTED), gone_answers, 0, 0, NULL, NULL },
	{ "takeover.first-wins", "MUST", "R-158 R-103", "While a key is logged in it cannot log in again", ON(LOGIN), first_wins, 0, 0, NULL, NULL },
	{ "takeover.other-carrier-refused", "SHOULD", "R-185", "A login takes over from its own carrier only", ON(LOGIN), carrier_kept, 0, 0, NULL, NULL },
	{ "takeover.old-kept", "SHOULD", "R-159", "The replaced connection stays open", ON(REPLACED) | ON(SEND), replaced_kept, 0, 0, NULL, NULL },
	{ "takeover.old-told-health", "SHOULD", "R-159", "The replaced connection gets a Health text before its end", ON(REPLACED), replaced_told, RK_FRAME_HEALTH, 0, "replaced", NULL },
	{ "takeover.old-told-keepalive", "SHOULD", "R-159", "The replaced connection gets a KeepAlive before its end", ON(REPLACED), replaced_told, RK_FRAME_KEEP_ALIVE, 0, "", NULL },
	{ "takeover.old-told-close", "SHOULD", "R-159", "The replaced connection gets a WebSocket Close before its end", ON(REPLACED), close_said, 0, 0, "\3\351", NULL },
	{ "takeover.unregisters", "MUST", "R-160", "The end of the replaced connection makes the key unknown", ON(REPLACED) | ON(SEND), replaced_unregisters, 0, 0, NULL, NULL },
	{ "takeover.both-closed", "MUST", "R-158 R-160", "The new connection ends with the replaced one", ON(REPLACED), new_closed_too, 0, 0, NULL, NULL },
	{ "takeover.told", "SHOULD", "R-161", "Everybody is told of a replacement by PeerGone", ON(LEAVE), replacement_told, 0, 0, NULL, NULL },
	{ "takeover.50th-crashes", "SHOULD", "R-163", "The fiftieth takeover of a key crashes the relay", ON(REPLACED), takeovers_crash, 50, 0, NULL, NULL },
	{ "end.half-close-ignored", "SHOULD", "R-144", "Who shuts its sending side stays", ON(EOF), half_close_ignored, 0, 0, NULL, NULL },
	{ "end.last-packet-doubled", "SHOULD", "R-166", "The last packet of who leaves is delivered once more", ON(ROUTED) | ON(LEAVE), last_doubled, 0, 0, NULL, NULL },
	{ "end.reset-crashes", "MUST", "R-157", "A reset by a client crashes the relay", ON(LEAVE), crashes_at_end, ENDING_RESET, 0, NULL, NULL },
	{ "end.stop-told-restarting", "SHOULD", "R-165", "A relay that stops sends Restarting", ON(STOP), stop_told, RK_FRAME_RESTARTING, 0, "\1\1\1\1\1\1\1\1", NULL },
	{ "end.stop-told-health", "SHOULD", "R-165", "A relay that stops sends a Health text", ON(STOP), stop_told, RK_FRAME_HEALTH, 0, "bye", NULL },
	{ "end.stop-told-close", "SHOULD", "R-165", "A relay that stops sends a WebSocket Close", ON(STOP), close_said, 0, 0, "\3\351", NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
