/* Who is who in a capture: how each connection began, and whose it is. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/errors.h"
#include "codec/login.h"
#include "codec/upgrade.h"
#include "conformance/lift_impl.h"

/* Sends of a connection without a login that are looked for elsewhere. */
#define INFER_SENDS    64
#define INFER_COMPARED 1000000

static const char *const client_names[] = { "alice", "bob", "carol", "dave",
	"erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "niaj",
	"olivia", "peggy", "rupert", "sybil", "trent", "victor", "walter" };
#define NCLIENT_NAMES (sizeof(client_names) / sizeof(client_names[0]))

/* ---- keys ---- */

static int
find_key(const struct lifter *l, struct rk_span key)
{
	for (size_t i = 0; i < l->nkeys; i++)
		if (memcmp(l->keys[i].key.b, key.p, RK_KEY_LEN) == 0)
			return (int)i;
	return -1;
}

static void
name_key(struct lifter *l, struct lift_key *k)
{
	size_t n;

	k->literal =
	    !rk_key_is_point(&k->key) || rk_key_is_small_order(&k->key);
	if (k->literal)
		return;
	if (!k->client) {
		n = ++l->nothers;
		if (n == 1)
			snprintf(k->name, sizeof(k->name), "nobody");
		else
			snprintf(k->name, sizeof(k->name), "nobody%zu", n);
		return;
	}
	n = l->nclients++;
	if (n < NCLIENT_NAMES)
		snprintf(k->name, sizeof(k->name), "%s", client_names[n]);
	else
		snprintf(k->name, sizeof(k->name), "client%zu", n + 1);
}

static int
add_key(struct lifter *l, struct rk_span key, bool client)
{
	int known;

	if (key.len != RK_KEY_LEN)
		return -1;
	known = find_key(l, key);
	if (known >= 0)
		return known;
	l->keys = xreallocarray(l->keys, l->nkeys + 1, sizeof(*l->keys));
	l->keys[l->nkeys] = (struct lift_key){ .client = client };
	memcpy(l->keys[l->nkeys].key.b, key.p, RK_KEY_LEN);
	name_key(l, &l->keys[l->nkeys]);
	return (int)l->nkeys++;
}

int
lift_key_index(struct lifter *l, struct rk_span key)
{
	return add_key(l, key, false);
}

/* ---- logins ---- */

/* What our own client would sign: the same for every key. */
static bool
is_usual_message(const struct lifter *l, struct rk_span message)
{
	uint8_t out[RK_LOGIN_OUTPUT_MAX];
	static const uint8_t seed[RK_SEED_LEN] = { 1 };
	struct rk_login_params params = { .carrier = RK_CARRIER_RAW };
	struct rk_secret_key secret;
	struct rk_login login;
	struct rk_raw_frame raw;
	struct rk_writer w;
	struct rk_frame f;
	struct rk_span own;

	rk_secret_key_from_seed(&secret, seed);
	params.secret = &secret;
	rk_writer_init(&w, out, sizeof(out));
	rk_login_init(&login, l->dialect, RK_CLIENT, &params);
	if (rk_login_start(&login, &w) != RK_OK ||
	    rk_split(l->dialect->header[RK_CARRIER_RAW], l->dialect->max_frame,
		out, w.len, &raw) != RK_OK ||
	    rk_frame_decode(l->dialect, &raw, false, &f) != RK_OK)
		return false;
	own = rk_frame_field(&f, "message");
	return own.len == message.len && memcmp(own.p, message.p, own.len) == 0;
}

/* Does the ClientInfo of |e| say what an honest client says? */
static bool
is_honest(struct lifter *l, const struct event *e)
{
	struct rk_raw_frame raw = {
		.type = e->type,
		.payload = { e->bytes, e->len },
	};
	struct rk_login_params params = { .carrier = RK_CARRIER_RAW };
	struct rk_login login;
	struct rk_writer w;
	struct rk_frame f;
	uint8_t out[RK_LOGIN_OUTPUT_MAX];

	rk_writer_init(&w, out, sizeof(out));
	rk_login_init(&login, l->dialect, RK_SERVER, &params);
	rk_login_start(&login, &w);
	if (rk_login_input(&login, &raw, &w) != RK_OK ||
	    login.state != RK_LOGIN_DONE)
		return false;
	event_frame(e, &f);
	return is_usual_message(l, rk_frame_field(&f, "message"));
}

/* ---- a first look at every event ---- */

static bool
is_client_info(const struct event *e)
{
	struct rk_frame f;

	if (e->kind != EVENT_FRAME || e->dir != DIR_C2S)
		return false;
	event_frame(e, &f);
	return f.kind == RK_FRAME_CLIENT_INFO;
}

static void
look_at_client(struct lifter *l, struct lift_conn *c, size_t i)
{
	const struct event *e = &l->t->events[i];
	struct rk_frame f;

	switch (e->kind) {
	case EVENT_HTTP:
		if (!c->content)
			c->request = i;
		c->content = true;
		break;
	case EVENT_FRAME:
	case EVENT_WS:
	case EVENT_REST:
	case EVENT_BYTES:
		if (c->first == NO_INDEX)
			c->first = i;
		c->content = true;
		break;
	default:
		break;
	}
	if (is_client_info(e)) {
		event_frame(e, &f);
		add_key(l, rk_frame_field(&f, "key"), true);
	}
}

static void
look_at_relay(struct lifter *l, struct lift_conn *c, size_t i)
{
	const struct event *e = &l->t->events[i];
	struct rk_http_limits limits;
	struct rk_http_head h;
	struct rk_frame f;

	if (e->kind == EVENT_FRAME) {
		event_frame(e, &f);
		c->answered = c->answered || f.kind != RK_FRAME_HEALTH;
		c->relay_pings = c->relay_pings || f.kind == RK_FRAME_PING;
	}
	if (e->kind != EVENT_HTTP || c->accepted != NO_INDEX)
		return;
	rk_http_limits_default(&limits);
	limits.flags = RK_HTTP_TOLERANT;
	if (rk_http_parse_response(e->bytes, e->len, &limits, &h) == RK_OK &&
	    h.status == 101) {
		c->accepted = i;
		c->carrier = rk_http_has_token(&h, "upgrade", "websocket")
		    ? RK_CARRIER_WS
		    : RK_CARRIER_RAW;
	}
}

static void
look(struct lifter *l, size_t i)
{
	const struct event *e = &l->t->events[i];
	struct lift_conn *c;

	if (e->conn < 0 || (size_t)e->conn >= l->t->nconns)
		return;
	c = &l->conns[e->conn];
	if (e->kind == EVENT_OPAQUE && e->opcode != 0)
		c->foreign = true;
	else if (e->kind == EVENT_OPAQUE)
		c->opaque = true;
	else if (e->kind == EVENT_GAP && !c->content)
		c->late = true;
	else if (e->kind == EVENT_ENDED && e->ending != ENDING_NONE)
		c->ended[e->dir] = true;
	if (e->dir == DIR_C2S)
		look_at_client(l, c, i);
	else
		look_at_relay(l, c, i);
}

/* ---- whose a connection is whose login nobody saw ---- */

static bool
same_data(const struct event *a, const struct event *b, struct rk_span *a_key,
    struct rk_span *b_key)
{
	struct rk_frame x, y;
	struct rk_span p, q;

	event_frame(a, &x);
	event_frame(b, &y);
	if ((x.kind != RK_FRAME_SEND || y.kind != RK_FRAME_RECV) &&
	    (x.kind != RK_FRAME_RECV || y.kind != RK_FRAME_SEND))
		return false;
	p = rk_frame_field(&x, "data");
	q = rk_frame_field(&y, "data");
	*a_key = rk_frame_field(&x, "key");
	*b_key = rk_frame_field(&y, "key");
	return p.len >= 1 && p.len == q.len && memcmp(p.p, q.p, p.len) == 0;
}

/* The other end of a packet names it: as the sender of what was received
 * elsewhere, or the addressee of what was sent elsewhere. */
static int
infer_from(struct lifter *l, const struct event *mine, size_t *compared)
{
	struct rk_span own, other;

	for (size_t i = 0; i < l->t->nevents; i++) {
		const struct event *e = &l->t->events[i];

		if (e->kind != EVENT_FRAME || e->conn == mine->conn ||
		    e->dir == mine->dir)
			continue;
		if (++*compared > INFER_COMPARED)
			return -1;
		if (e->len == mine->len && same_data(mine, e, &own, &other)) {
			int key = add_key(l, other, true);

			/* One that is none was damaged. */
			return key >= 0 && !l->keys[key].literal ? key : -1;
		}
	}
	return -1;
}

static void
infer_keys(struct lifter *l)
{
	size_t compared = 0;
	unsigned *tried = xcalloc(l->t->nconns + 1, sizeof(*tried));

	for (size_t i = 0; i < l->t->nevents; i++) {
		const struct event *e = &l->t->events[i];
		struct lift_conn *c;

		if (e->kind != EVENT_FRAME || e->conn < 0)
			continue;
		c = &l->conns[e->conn];
		if (c->form == LIFT_LOGIN && c->late && c->key < 0 &&
		    tried[e->conn]++ < INFER_SENDS)
			c->key = infer_from(l, e, &compared);
	}
	free(tried);
}

/* One that nobody else speaks of can have any key. */
static void
invent_key(struct lifter *l, struct lift_conn *c, size_t n)
{
	uint8_t seed[RK_SEED_LEN] = { 0 };
	struct rk_secret_key secret;
	struct rk_key key;

	memcpy(seed, &n, sizeof(n));
	seed[RK_SEED_LEN - 1] = 0x11;
	rk_secret_key_from_seed(&secret, seed);
	rk_secret_key_public(&secret, &key);
	c->key = add_key(l, (struct rk_span){ key.b, sizeof(key.b) }, true);
}

/* ---- forms ---- */

/* A request that our own client could have made, but for what says nothing:
 * Host, User-Agent, the WebSocket key. */
static bool
is_usual_request(struct lifter *l, const struct event *e,
    enum rk_carrier *carrier)
{
	struct rk_upgrade_request u;
	struct rk_http_limits limits;
	struct rk_http_head h;

	rk_http_limits_default(&limits);
	if (rk_http_parse_request(e->bytes, e->len, &limits, &h) != RK_OK)
		return false;
	rk_upgrade_judge(l->dialect, &h, &u);
	if (u.status != 101 || h.minor != 1 ||
	    !rk_http_span_is(h.method, "GET") ||
	    !rk_http_span_is(h.target, l->dialect->http.paths[0]) ||
	    rk_http_count(&h, "host") != 1)
		return false;
	*carrier = u.carrier;
	return true;
}

static bool
is_login(struct lifter *l, const struct lift_conn *c)
{
	const struct event *e;

	if (c->first == NO_INDEX)
		return false;
	e = &l->t->events[c->first];
	/* One that was turned away is written out: nothing confirms it. */
	return is_client_info(e) && is_honest(l, e) &&
	    (c->answered || !c->ended[DIR_S2C]);
}

static void
set_upgraded(struct lifter *l, struct lift_conn *c)
{
	struct rk_frame f;

	c->opens = c->accepted;
	if (c->first == NO_INDEX || !is_login(l, c)) {
		c->form = LIFT_UPGRADE;
		return;
	}
	event_frame(&l->t->events[c->first], &f);
	c->form = LIFT_LOGIN;
	c->opens = c->first;
	c->key = lift_key_index(l, rk_frame_field(&f, "key"));
}

/* The first event that a step stands for. */
static size_t
first_content(const struct lift_conn *c)
{
	return c->request != NO_INDEX ? c->request : c->first;
}

static void
set_form(struct lifter *l, struct lift_conn *c)
{
	c->opens = first_content(c);
	if (c->foreign) {
		c->form = LIFT_OUT;
		c->why = "its frames are another dialect's";
	} else if (!c->content && !c->answered) {
		c->form = LIFT_OUT;
		c->why = c->opaque ? "it is TLS that could not be decrypted"
				   : "nothing was sent on it";
	} else if (c->request != NO_INDEX && c->accepted != NO_INDEX &&
	    is_usual_request(l, &l->t->events[c->request], &c->carrier)) {
		set_upgraded(l, c);
	} else if (c->request != NO_INDEX) {
		c->form = LIFT_HTTP;
	} else if (c->late || !c->content ||
	    l->t->events[c->first].kind == EVENT_FRAME) {
		c->form = LIFT_LOGIN;
		c->late = true;
	} else {
		c->form = LIFT_TCP;
	}
}

static void
name_conn(struct lifter *l, size_t conn, size_t n)
{
	struct lift_conn *c = &l->conns[conn];

	if (n < 25) /* Z is the witness */
		snprintf(c->name, sizeof(c->name), "%c", (char)('A' + n));
	else
		snprintf(c->name, sizeof(c->name), "C%zu", n + 1);
}

static void
conclude(struct lifter *l, size_t conn, size_t *n)
{
	struct lift_conn *c = &l->conns[conn];

	if (l->o->flow >= 0 && (size_t)l->o->flow != conn) {
		c->form = LIFT_OUT;
		return;
	}
	if (c->form == LIFT_OUT) {
		lift_note(l, "connection #%zu is left out: %s", conn, c->why);
		return;
	}
	name_conn(l, conn, (*n)++);
	if (c->late) {
		if (c->key < 0)
			invent_key(l, c, conn);
		c->opens = l->order[0];
		lift_note(l,
		    "connection #%zu: its beginning was not captured; %s logs "
		    "in as %s instead",
		    conn, c->name, l->keys[c->key].name);
	}
}

/* So many connections of one capture are a load test, not a case. */
#define CONNS_MAX 2000

void
lift_study(struct lifter *l)
{
	size_t n = 0;

	l->conns = xcalloc(l->t->nconns + 1, sizeof(*l->conns));
	for (size_t i = 0; i < l->t->nconns; i++) {
		struct lift_conn *c = &l->conns[i];

		c->request = c->accepted = c->first = c->opens = NO_INDEX;
		c->key = -1;
		if ((unsigned)l->t->conns[i].carrier < RK_NCARRIERS)
			c->carrier = l->t->conns[i].carrier;
	}
	for (size_t i = 0; i < l->t->nevents; i++)
		look(l, l->order[i]);
	for (size_t i = 0; i < l->t->nconns; i++)
		set_form(l, &l->conns[i]);
	infer_keys(l);
	for (size_t i = 0; i < l->t->nconns; i++) {
		if (n == CONNS_MAX) {
			l->conns[i].form = LIFT_OUT;
			continue;
		}
		conclude(l, i, &n);
	}
	if (n == CONNS_MAX)
		lift_note(l, "connections behind the first %d are left out",
		    CONNS_MAX);
}
