/* What is sent and what is watched for, by the dialect's frame table. */
#include "config.h"

#include <string.h>

#include "scenario/checker.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static const char *const aliases[] = { "Send", "Recv", "Gone", "Ping", "Pong",
	NULL };

/* ---- frames and their fields ---- */

static const char *const sendable[] = { "raw", "http", "ws", NULL };
static const char *const awaitable[] = { "any", "bytes", "http", "ws", "closed",
	"eof", "reset", "truncated", "tls", "stun", NULL };

/* Of frames, and what else can stand in that place. */
static const char *
nearest_frame(struct checker *k, const char *name, const char *const *others)
{
	const char *words[RK_NFRAMES * 2 + NITEMS(awaitable)] = { 0 };
	size_t n = 0;

	for (const struct rk_frame_spec *f = k->dialect->frames;
	     f->name != NULL && n < RK_NFRAMES; f++)
		words[n++] = f->name;
	for (size_t i = 0; aliases[i] != NULL; i++)
		words[n++] = aliases[i];
	for (size_t i = 0; others[i] != NULL; i++)
		words[n++] = others[i];
	return meant(k, name, words);
}

/* In a script of dialect any: the frame in the first dialect that has it. */
static const struct rk_frame_spec *
find_alias(struct checker *k, const char *name, const struct place *at)
{
	for (size_t i = 0; aliases[i] != NULL; i++)
		if (strcmp(aliases[i], name) == 0)
			return rk_frame_spec_by_name(rk_dialects()[0], name);
	complain(k->c, at,
	    "in a script of dialect any a frame is Send, Recv, Gone, Ping or "
	    "Pong, not \"%s\"",
	    name);
	return NULL;
}

static const struct rk_frame_spec *
find_frame(struct checker *k, const char *name, const struct place *at,
    const char *const *others)
{
	const struct rk_frame_spec *f;

	for (size_t i = 0; i < k->script->nframes; i++)
		if (strcmp(k->script->frames[i]->name, name) == 0)
			return k->script->frames[i];
	if (k->dialect == NULL)
		return find_alias(k, name, at);
	f = rk_frame_spec_by_name(k->dialect, name);
	if (f == NULL)
		complain(k->c, at, "%s has no frame \"%s\"%s", k->dialect->id,
		    name, nearest_frame(k, name, others));
	return f;
}

static bool
is_local(const struct checker *k, const struct rk_frame_spec *f)
{
	for (size_t i = 0; i < k->script->nframes; i++)
		if (k->script->frames[i] == f)
			return true;
	return false;
}

static const char *const modifiers[] = { "chop", "every", "cut", "len", "patch",
	NULL };
static const char *const none[] = { NULL };

static const struct rk_field_spec *
find_field(struct checker *k, const struct rk_frame_spec *f, const char *name,
    const struct place *at, const char *const *others)
{
	const char *words[RK_FRAME_MAX_FIELDS + NITEMS(modifiers)] = { 0 };
	int i = rk_frame_spec_field(f, name);
	size_t n = rk_frame_spec_nfields(f);

	if (i >= 0)
		return &f->field[i];
	for (size_t j = 0; j < n; j++)
		words[j] = f->field[j].name;
	for (size_t j = 0; others[j] != NULL; j++)
		words[n++] = others[j];
	complain(k->c, at, "%s has no field \"%s\"%s", f->name, name,
	    meant(k, name, words));
	return NULL;
}

/* ---- settings ---- */

struct setting_rule {
	const char *name;
	enum expr_use use;
	unsigned kinds; /* of connections: 1 << CONN_… */
};

#define FRAMED (1U << CONN_UPGRADE | 1U << CONN_LOGIN)
#define TCP    (FRAMED | 1U << CONN_TCP | 1U << CONN_HTTP)

static const struct setting_rule conn_rules[] = {
	{ "key", USE_KEY, 1U << CONN_LOGIN },
	{ "carrier", USE_WORD, FRAMED },
	{ "to", USE_WORD, TCP | 1U << CONN_UDP },
	{ "confirm", USE_WORD, 1U << CONN_LOGIN },
	{ "autopong", USE_WORD, TCP | 1U << CONN_LISTEN },
	{ "rcvbuf", USE_COUNT, TCP },
	{ "within", USE_TIME, 1U << CONN_LISTEN },
	{ "host", USE_VALUE, 1U << CONN_LISTEN },
	{ "path", USE_VALUE, 1U << CONN_LISTEN },
	{ "send", USE_DATA, 1U << CONN_LISTEN },
	{ "tls", USE_WORD, 1U << CONN_LISTEN },
	{ "tls.alpn", USE_WORD, TCP },
	{ "tls.sni", USE_WORD, TCP },
	{ "tls.min", USE_WORD, TCP },
	{ "tls.max", USE_WORD, TCP },
	{ "tls.verify", USE_WORD, TCP },
};

static const struct setting_rule ws_rules[] = {
	{ "opcode", USE_NUMBER, 0 },
	{ "fin", USE_NUMBER, 0 },
	{ "rsv", USE_NUMBER, 0 },
	{ "mask", USE_WORD, 0 },
	{ "payload", USE_DATA, 0 },
};

static const struct setting_rule *
find_rule(struct checker *k, const struct setting_rule *rules, size_t n,
    const struct setting *s, const char *where)
{
	const char *words[NITEMS(conn_rules) + 1] = { 0 };

	_Static_assert(NITEMS(conn_rules) >= NITEMS(ws_rules),
	    "there is room for all and for the end");
	for (size_t i = 0; i < n; i++) {
		words[i] = rules[i].name;
		if (strcmp(rules[i].name, s->name) == 0)
			return &rules[i];
	}
	complain(k->c, &s->at, "%s has no \"%s\"%s", where, s->name,
	    meant(k, s->name, words));
	return NULL;
}

static void
check_twice(struct checker *k, const struct step *s)
{
	for (size_t i = 0; i < s->nsettings; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(s->settings[i].name, s->settings[j].name) ==
			    0) {
				complain(k->c, &s->settings[i].at,
				    "\"%s\" is given twice",
				    s->settings[i].name);
				return;
			}
}

/* The bare words a setting may have. */
static void
check_setting_word(struct checker *k, const struct setting *s)
{
	static const struct {
		const char *name;
		const char *words[6];
	} table[] = { { "carrier", { "raw", "ws", NULL } },
		{ "confirm", { "yes", "no", NULL } },
		{ "tls", { "stranger", NULL } },
		{ "autopong", { "yes", "no", NULL } },
		{ "mask", { "yes", "no", NULL } },
		{ "tls.min", { "1.0", "1.1", "1.2", "1.3", NULL } },
		{ "tls.max", { "1.0", "1.1", "1.2", "1.3", NULL } },
		{ "tls.verify", { "yes", "no", NULL } } };

	if (s->value->kind == EXPR_INT || s->value->kind == EXPR_DURATION ||
	    s->value->kind == EXPR_ABSENT) {
		complain(k->c, &s->value->at, "\"%s\" cannot be %s", s->name,
		    s->value->source);
		return;
	}
	for (size_t i = 0; i < NITEMS(table); i++) {
		const char *const *w = table[i].words;

		if (strcmp(table[i].name, s->name) != 0 ||
		    s->value->kind != EXPR_WORD)
			continue;
		while (*w != NULL && strcmp(*w, s->value->word) != 0)
			w++;
		if (*w == NULL)
			complain(k->c, &s->value->at,
			    "\"%s\" cannot be \"%s\"%s", s->name,
			    s->value->word,
			    meant(k, s->value->word, table[i].words));
	}
}

/* HOST:PORT, with an IPv6 address in brackets */
static bool
has_port(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon != NULL && colon > text && colon[1] != '\0' &&
	    colon[1 + strspn(colon + 1, "0123456789")] == '\0';
}

/* A listener of the target by its name, or where else. */
static void
check_to(struct checker *k, const struct step *s, const struct setting *set)
{
	static const char *const listeners[] = { "main", "plain", "metrics",
		NULL };
	static const char *const stun[] = { "stun", NULL };
	bool udp = s->conn_kind == CONN_UDP;
	const char *const *words = udp ? stun : listeners;
	const struct expr *e = set->value;

	if (e->kind == EXPR_BYTES) {
		const char *text =
		    arena_strndup(k->arena, (const char *)e->bytes, e->len);

		if (udp ? !has_port(text) : strstr(text, "://") == NULL)
			complain(k->c, &e->at, "expected %s, found %s",
			    udp ? "HOST:PORT" : "a URL", e->source);
	} else if (e->kind == EXPR_WORD) {
		while (*words != NULL && strcmp(*words, e->word) != 0)
			words++;
		if (*words == NULL)
			complain(k->c, &e->at, "\"to\" cannot be \"%s\"%s",
			    e->word, meant(k, e->word, udp ? stun : listeners));
	}
}

void
check_conn_settings(struct checker *k, const struct step *s)
{
	static const char *const kinds[] = { "tcp", "http", "upgrade", "login",
		"udp", "listen" };
	bool key = false;

	check_twice(k, s);
	for (size_t i = 0; i < s->nsettings; i++) {
		const struct setting *set = &s->settings[i];
		const struct setting_rule *rule = find_rule(k, conn_rules,
		    NITEMS(conn_rules), set, "a connection");

		if (rule == NULL)
			continue;
		if ((rule->kinds & 1U << s->conn_kind) == 0)
			complain(k->c, &set->at, "\"%s\" has no \"%s\"",
			    kinds[s->conn_kind], set->name);
		check_expr(k, set->value, rule->use);
		if (rule->use == USE_WORD)
			check_setting_word(k, set);
		if (strcmp(set->name, "to") == 0)
			check_to(k, s, set);
		key = key || strcmp(set->name, "key") == 0;
	}
	if (s->conn_kind == CONN_LOGIN && !key)
		complain(k->c, &s->at, "a login needs a key, as in key=alice");
}

/* ---- sends ---- */

/* The carriers that a connection may have in this scenario. */
static unsigned
carriers_of(const struct checker *k, const struct known_name *conn)
{
	const struct step *s = conn->conn;
	const struct setting *own;

	if (s == NULL || (FRAMED & 1U << s->conn_kind) == 0)
		return ~0U;
	own = step_setting(s, "carrier");
	if (own != NULL && own->value->kind == EXPR_WORD)
		return strcmp(own->value->word, "ws") == 0
		    ? 1U << RK_CARRIER_WS
		    : 1U << RK_CARRIER_RAW;
	if (k->scenario == NULL || k->scenario->carriers == 0)
		return (1U << RK_NCARRIERS) - 1;
	return k->scenario->carriers;
}

/* ws steps need WebSocket below, len= needs a length field. */
static void
check_carrier(struct checker *k, const struct step *s,
    const struct known_name *conn, bool ws, bool length)
{
	unsigned carriers = conn != NULL ? carriers_of(k, conn) : ~0U;

	if (carriers == ~0U || k->scenario == NULL)
		return;
	if (ws && carriers != 1U << RK_CARRIER_WS)
		complain(k->c, &s->at,
		    "a ws step needs \"over ws\" (or carrier=ws on the "
		    "connection)");
	if (length && carriers != 1U << RK_CARRIER_RAW)
		complain(k->c, &s->at,
		    "there is no length field to change without \"over raw\" "
		    "(or carrier=raw on the connection)");
}

static void
check_frame_send(struct checker *k, struct step *s)
{
	const struct rk_frame_spec *f =
	    find_frame(k, s->name, &s->name_at, sendable);

	check_twice(k, s);
	for (size_t i = 0; i < s->nsettings; i++) {
		bool strange = f != NULL &&
		    find_field(k, f, s->settings[i].name, &s->settings[i].at,
			modifiers) == NULL;

		check_expr(k, s->settings[i].value,
		    strange ? USE_VALUE : USE_DATA);
	}
	if (k->dialect != NULL || (f != NULL && is_local(k, f)))
		s->frame = f;
}

static void
check_ws_send(struct checker *k, const struct step *s)
{
	check_twice(k, s);
	for (size_t i = 0; i < s->nsettings; i++) {
		const struct setting_rule *rule = find_rule(k, ws_rules,
		    NITEMS(ws_rules), &s->settings[i], "ws");

		if (rule == NULL)
			continue;
		check_expr(k, s->settings[i].value, rule->use);
		if (rule->use == USE_WORD)
			check_setting_word(k, &s->settings[i]);
	}
}

/* On UDP there is nothing but datagrams, and nowhere else is STUN. */
static void
check_datagrams(struct checker *k, const struct place *at,
    const struct known_name *conn, bool datagrams, bool stun)
{
	bool udp;

	if (conn == NULL || conn->conn == NULL)
		return;
	udp = conn->conn->conn_kind == CONN_UDP;
	if (udp && !datagrams)
		complain(k->c, at,
		    "\"%s\" is UDP: it sends raw bytes, and receives bytes or "
		    "stun",
		    conn->name);
	else if (!udp && stun)
		complain(k->c, at, "\"%s\" is not UDP: STUN never comes there",
		    conn->name);
}

/* A relay answers, a client asks. */
static void
check_http_send(struct checker *k, const struct step *s,
    const struct known_name *conn)
{
	bool listening;

	if (s->send_kind != SEND_HTTP || conn == NULL || conn->conn == NULL)
		return;
	listening = conn->conn->conn_kind == CONN_LISTEN;
	if (listening && s->value != NULL)
		complain(k->c, &s->at,
		    "a relay answers: write http and a status, such as 101");
	else if (listening &&
	    (strlen(s->name) != 3 || s->name[0] < '1' || s->name[0] > '5'))
		complain(k->c, &s->at, "there is no status %s", s->name);
	else if (!listening && s->value == NULL)
		complain(k->c, &s->at,
		    "a client asks: write http, a method and a path");
}

void
check_send(struct checker *k, struct step *s)
{
	const struct known_name *conn = use_conn(k, s->conn, &s->at);

	flow_send(k, conn, s);
	check_datagrams(k, &s->at, conn, s->send_kind == SEND_RAW, false);
	check_http_send(k, s, conn);
	check_carrier(k, s, conn, s->send_kind == SEND_WS,
	    s->len_delta != NULL);
	check_expr(k, s->value, USE_DATA);
	check_expr(k, s->chop, USE_COUNT);
	check_expr(k, s->every, USE_TIME);
	check_expr(k, s->cut, USE_NUMBER);
	check_expr(k, s->len_delta, USE_NUMBER);
	for (size_t i = 0; i < s->npatches; i++) {
		check_expr(k, s->patches[i].offset, USE_NUMBER);
		check_expr(k, s->patches[i].bytes, USE_DATA);
	}
	if (s->every != NULL && s->chop == NULL)
		complain(k->c, &s->every->at,
		    "\"every\" is the pause between the pieces of \"chop\"");
	if (s->send_kind == SEND_FRAME)
		check_frame_send(k, s);
	else if (s->send_kind == SEND_WS)
		check_ws_send(k, s);
	else
		for (size_t i = 0; i < s->nsettings; i++)
			check_expr(k, s->settings[i].value, USE_VALUE);
	if (s->send_kind == SEND_RAW && s->nsettings > 0)
		complain(k->c, &s->settings[0].at, "raw bytes have no \"%s\"",
		    s->settings[0].name);
}

/* ---- predicates ---- */

static bool
orders(enum op op)
{
	return op == OP_LT || op == OP_LE || op == OP_GT || op == OP_GE;
}

/* Can the comparison ever be true? */
static void
check_comparison(struct checker *k, const struct pred *p,
    const struct rk_field_spec *field)
{
	if (p->value == NULL)
		return;
	if (orders(p->op) && field->type != RK_FIELD_UINT)
		complain(k->c, &p->at,
		    "\"%s\" is not a number: ==, != and ~ compare bytes",
		    p->field);
	else if (p->op == OP_EQ && field->len > 0 &&
	    field->type != RK_FIELD_UINT && p->value->kind == EXPR_BYTES &&
	    p->value->len != field->len)
		complain(k->c, &p->value->at,
		    "\"%s\" has %zu bytes, this has %zu: they are never equal",
		    p->field, field->len, p->value->len);
}

/* A field of http, ws, bytes, tls; http takes any header's name. */
static void
check_event_field(struct checker *k, const struct watch_for *w,
    const struct pred *p)
{
	static const struct {
		enum event_match match;
		const char *what;
		const char *words[9];
	} table[] = {
		{ MATCH_WS, "ws", { "opcode", "payload", "code", "reason" } },
		{ MATCH_BYTES, "bytes", { "data", "size" } },
		{ MATCH_STUN, "stun",
		    { "type", "id", "attributes", "family", "address", "port",
			"data", "size" } },
		{ MATCH_TLS, "tls", { "version", "cipher", "alpn", "sni" } },
		{ MATCH_ANY, "any", { NULL } },
		{ MATCH_CLOSED, "closed", { NULL } },
		{ MATCH_EOF, "eof", { NULL } },
		{ MATCH_RESET, "reset", { NULL } },
		{ MATCH_TRUNCATED, "truncated", { NULL } },
	};

	for (size_t i = 0; i < NITEMS(table); i++) {
		const char *const *words = table[i].words;

		if (table[i].match != w->match)
			continue;
		while (*words != NULL && strcmp(*words, p->field) != 0)
			words++;
		if (*words == NULL)
			complain(k->c, &p->at, "%s has no field \"%s\"%s",
			    table[i].what, p->field,
			    meant(k, p->field, table[i].words));
	}
}

/* Who dials says the name itself. */
static void
check_server_name(struct checker *k, const struct pred *p,
    const struct known_name *conn)
{
	if (strcmp(p->field, "sni") == 0 && conn != NULL &&
	    conn->conn != NULL && conn->conn->conn_kind != CONN_LISTEN)
		complain(k->c, &p->at,
		    "\"sni\" is what a client under test asks for: \"%s\" is "
		    "no \"listen\"",
		    conn->name);
}

static void
check_pred(struct checker *k, const struct watch_for *w,
    const struct rk_frame_spec *f, const struct pred *p,
    const struct known_name *conn)
{
	const struct rk_field_spec *field;

	if (w->match == MATCH_TLS)
		check_server_name(k, p, conn);
	check_expr(k, p->value, w->match == MATCH_TLS ? USE_WORD : USE_VALUE);
	if (f != NULL) {
		field = find_field(k, f, p->field, &p->at, none);
		if (field != NULL)
			check_comparison(k, p, field);
	} else if (w->match != MATCH_FRAME) {
		check_event_field(k, w, p);
	}
	if (p->capture != NULL)
		define_var(k, p->capture, &p->at);
}

/* What a relay never sends cannot be waited for. */
static void
check_sender(struct checker *k, const struct place *at,
    const struct rk_frame_spec *f, const struct known_name *conn)
{
	bool listening = conn != NULL && conn->conn != NULL &&
	    conn->conn->conn_kind == CONN_LISTEN;
	enum rk_sender other = listening ? RK_FROM_CLIENT : RK_FROM_SERVER;

	if (is_local(k, f))
		complain(k->c, at,
		    "a frame of this script can be sent, not waited for: not "
		    "supported yet");
	else if ((f->sender & other) == 0)
		complain(k->c, at, "a %s never sends %s",
		    listening ? "client" : "relay", f->name);
}

void
check_watch(struct checker *k, const struct step *s, struct watch_for *w)
{
	const struct known_name *conn = use_conn(k, s->conn, &s->at);
	const struct rk_frame_spec *f = NULL;

	if (w->match == MATCH_FRAME) {
		f = find_frame(k, w->frame_name, &w->at, awaitable);
		/* A procedure by itself does not know whose side it is on. */
		if (f != NULL && (conn != NULL || k->scenario != NULL))
			check_sender(k, &w->at, f, conn);
		if (k->dialect != NULL)
			w->frame = f;
	}
	check_datagrams(k, &w->at, conn,
	    w->match == MATCH_BYTES || w->match == MATCH_STUN ||
		(w->match >= MATCH_CLOSED && w->match <= MATCH_TRUNCATED),
	    w->match == MATCH_STUN);
	flow_watch(k, conn, w);
	check_carrier(k, s, conn, w->match == MATCH_WS, false);
	for (size_t i = 0; i < w->npreds; i++)
		check_pred(k, w, f, &w->preds[i], conn);
}

/* ---- fences ---- */

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Is it behind everything of |lane| that |s| forbids? */
static bool
fence_proves(const struct step *s, enum rk_lane lane)
{
	switch (s->fence.kind) {
	case FENCE_INGRESS:
		return lane == RK_LANE_PONG && same(s->fence.a, s->conn);
	case FENCE_DATA:
		return (lane == RK_LANE_DATA || lane == RK_LANE_DISCO) &&
		    same(s->fence.b, s->conn);
	case FENCE_GONE:
		return lane == RK_LANE_GONE && same(s->fence.a, s->conn);
	case FENCE_NONE:
		break;
	}
	return false;
}

void
check_fence(struct checker *k, const struct step *s)
{
	static const unsigned bits[] = { 0, RK_FENCE_INGRESS, RK_FENCE_DATA,
		RK_FENCE_GONE };
	static const char *const names[] = { "", "ingress", "data", "gone" };
	const struct rk_frame_spec *f = s->watch.frame;

	flow_fence(k, use_conn(k, s->fence.a, &s->at), &s->at);
	if (s->fence.b != NULL)
		flow_fence(k, use_conn(k, s->fence.b, &s->at), &s->at);
	if (k->dialect != NULL &&
	    (k->dialect->fences & bits[s->fence.kind]) == 0) {
		complain(k->c, &s->at,
		    "the fence \"%s\" proves nothing in %s: write \"for "
		    "300ms\"",
		    names[s->fence.kind], k->dialect->id);
		return;
	}
	if (s->kind == STEP_FENCE)
		return;
	if (s->watch.match != MATCH_FRAME)
		complain(k->c, &s->at,
		    "only a frame can be fenced: write \"for 300ms\"");
	else if (f != NULL && !fence_proves(s, f->lane))
		complain(k->c, &s->at,
		    "the fence \"%s\" does not come behind every %s to %s: "
		    "write \"%s 300ms\"",
		    names[s->fence.kind], f->name, s->conn,
		    s->kind == STEP_DRAIN ? "quiet" : "for");
}
