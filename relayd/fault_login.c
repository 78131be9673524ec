/* Faults of the login. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/fault_verifier.h"
#include "relayd/worker.h"

/* ClientInfo, section 3.2: magic, key, signature, message. */
#define AT_KEY       9
#define AT_SIGNATURE 41
#define AT_MESSAGE   105
#define CLIENT_INFO  2
#define OUR_VERSION  3

static struct rk_key
key_of(const struct fault_event *e)
{
	struct rk_key key;

	memcpy(key.b, e->payload + AT_KEY, sizeof(key.b));
	return key;
}

static bool
is_info(const struct fault_event *e, size_t min)
{
	return e->type == CLIENT_INFO && e->len >= min;
}

static void
let_in(struct fault_event *e)
{
	e->c->login.peer = key_of(e);
	e->c->login.state = RK_LOGIN_DONE;
	*e->err = RK_OK;
}

/* What was wrong is forgiven; the version, which comes last, is still asked. */
static void
forgive(struct fault_event *e)
{
	struct rk_reader r;

	rk_reader_init(&r, e->payload + AT_MESSAGE, e->len - AT_MESSAGE);
	e->c->login.version = rk_read_leb128(&r);
	if (!r.bad && e->c->login.version == OUR_VERSION)
		let_in(e);
}

static void
turn_away(struct fault_event *e, int err)
{
	e->c->login.state = RK_LOGIN_REFUSED;
	*e->err = err;
}

/* A ClientInfo of n bytes at least that is refused for m gets in. */
static bool
forgives(const struct fault *f, struct fault_event *e)
{
	if (is_info(e, (size_t)f->n) && *e->err == f->m)
		forgive(e);
	return false;
}

static bool
verifies(const struct fault_event *e, const void *msg, size_t len,
    const uint8_t *signature)
{
	struct rk_key key = key_of(e);

	return rk_verify(&key, msg, len, signature) == RK_OK;
}

/* All but n of the magic bytes are right. */
static bool
magic_prefix(const struct fault *f, struct fault_event *e)
{
	static const uint8_t magic[AT_KEY] = "RELAY\xf0\x9f\x94\x91";

	if (is_info(e, AT_MESSAGE + 1) && *e->err == RK_ERR_MAGIC &&
	    memcmp(e->payload, magic, sizeof(magic) - (size_t)f->n) == 0 &&
	    verifies(e, e->payload + AT_MESSAGE, e->len - AT_MESSAGE,
		e->payload + AT_SIGNATURE))
		forgive(e);
	return false;
}

static bool
magic_unchecked(const struct fault *f, struct fault_event *e)
{
	if (is_info(e, AT_MESSAGE + 1) && *e->err == RK_ERR_MAGIC &&
	    verifies(e, e->payload + AT_MESSAGE, e->len - AT_MESSAGE,
		e->payload + AT_SIGNATURE))
		forgive(e);
	return false;
}

static bool
short_info(const struct fault *f, struct fault_event *e)
{
	if (is_info(e, AT_SIGNATURE) && e->len < AT_MESSAGE)
		let_in(e);
	return false;
}

static bool
empty_message(const struct fault *f, struct fault_event *e)
{
	if (is_info(e, AT_MESSAGE) && e->len == AT_MESSAGE &&
	    verifies(e, "", 0, e->payload + AT_SIGNATURE))
		let_in(e);
	return false;
}

/* The signature may be, or with n must be, one over all but itself. */
static bool
signs_all(const struct fault *f, struct fault_event *e)
{
	uint8_t all[512];
	size_t len = e->len - (AT_MESSAGE - AT_SIGNATURE);
	bool good;

	if (!is_info(e, AT_MESSAGE + 1) || len > sizeof(all))
		return false;
	memcpy(all, e->payload, AT_SIGNATURE);
	memcpy(all + AT_SIGNATURE, e->payload + AT_MESSAGE,
	    e->len - AT_MESSAGE);
	good = verifies(e, all, len, e->payload + AT_SIGNATURE);
	if (good)
		forgive(e);
	else if (f->n != 0 && *e->err == RK_OK)
		turn_away(e, RK_ERR_SIGNATURE);
	return false;
}

/* The key and R are looked at, S is not. */
static bool
half_signature(const struct fault *f, struct fault_event *e)
{
	if (is_info(e, AT_MESSAGE + 1) && *e->err == RK_ERR_SIGNATURE &&
	    e->payload[AT_SIGNATURE + 63] < 0x10)
		forgive(e);
	return false;
}

static bool
small_order(const struct fault *f, struct fault_event *e)
{
	struct rk_key key;

	if (!is_info(e, AT_MESSAGE + 1) || *e->err != RK_ERR_SIGNATURE)
		return false;
	key = key_of(e);
	if (rk_key_is_small_order(&key))
		forgive(e);
	return false;
}

/* S, whose last byte must be below n, is reduced before it is looked at. */
static bool
scalar_reduced(const struct fault *f, struct fault_event *e)
{
	uint8_t signature[RK_SIGNATURE_LEN];

	if (!is_info(e, AT_MESSAGE + 1) || *e->err != RK_ERR_SIGNATURE)
		return false;
	memcpy(signature, e->payload + AT_SIGNATURE, sizeof(signature));
	if (signature[63] < f->n && reduce_scalar(signature + 32) &&
	    verifies(e, e->payload + AT_MESSAGE, e->len - AT_MESSAGE,
		signature))
		forgive(e);
	return false;
}

/* The equation need hold only up to a point of small order; R is one if, and
 * only if, n says so. */
static bool
cofactored(const struct fault *f, struct fault_event *e)
{
	struct rk_key key, r;

	if (!is_info(e, AT_MESSAGE + 1) || *e->err != RK_ERR_SIGNATURE)
		return false;
	key = key_of(e);
	memcpy(r.b, e->payload + AT_SIGNATURE, sizeof(r.b));
	if (rk_key_is_small_order(&r) == (f->n != 0) &&
	    verifies_by_cofactor(&key, e->payload + AT_MESSAGE,
		e->len - AT_MESSAGE, e->payload + AT_SIGNATURE))
		forgive(e);
	return false;
}

/* Versions from n to m get in. */
static bool
versions(const struct fault *f, struct fault_event *e)
{
	if (*e->err == RK_ERR_VERSION && (int64_t)e->c->login.version >= f->n &&
	    (int64_t)e->c->login.version <= f->m)
		let_in(e);
	return false;
}

/* The version is read as a single byte of eight bits. */
static bool
version_low_byte(const struct fault *f, struct fault_event *e)
{
	if (*e->err == RK_ERR_VERSION && (e->c->login.version & 0xff) == 3)
		let_in(e);
	return false;
}

static bool
other_frame_first(const struct fault *f, struct fault_event *e)
{
	if (*e->err == RK_ERR_UNEXPECTED) {
		e->c->login.state = RK_LOGIN_PENDING;
		*e->err = RK_OK;
	}
	return false;
}

static bool
replay(const struct fault *f, struct fault_event *e)
{
	static struct fault_keys seen;

	if (*e->err != RK_OK || e->c->login.state != RK_LOGIN_DONE)
		return false;
	if (fault_keys_has(&seen, &e->c->login.peer))
		turn_away(e, RK_ERR_DENIED);
	else
		fault_keys_add(&seen, &e->c->login.peer);
	return false;
}

static bool
nth_refused(const struct fault *f, struct fault_event *e)
{
	if (*e->err == RK_OK && e->c->login.state == RK_LOGIN_DONE &&
	    fault_turn(f, f->n))
		turn_away(e, RK_ERR_DENIED);
	return false;
}

/* ---- refusals ---- */

static bool
is_refusal(const struct fault_event *e)
{
	return e->c->state == CONN_LOGIN;
}

static bool
refusal_told(const struct fault *f, struct fault_event *e)
{
	static const char text[] = "login refused";

	if (is_refusal(e))
		fault_write(e->c, RK_FRAME_HEALTH, text, sizeof(text) - 1);
	return false;
}

static void
close_now(struct conn *c, const uint8_t *p, size_t len)
{
	conn_close(c, ENDING_REFUSED, "late");
}

/* Closed after n milliseconds, or never. */
static bool
refusal_late(const struct fault *f, struct fault_event *e)
{
	if (!is_refusal(e))
		return false;
	/* Reads on and does nothing with it. */
	conn_set_state(e->c, CONN_LINGER);
	e->c->shut = true;
	e->c->since = INT64_MAX / 2;
	if (f->n > 0)
		fault_later(e->c, f->n * NS_PER_MS, close_now, NULL, 0);
	return true;
}

/* ---- once it is done ---- */

static bool
answered(const struct fault *f, struct fault_event *e)
{
	fault_write(e->c, (enum rk_frame_kind)f->n, f->s, strlen(f->s));
	return false;
}

/* What came in the turn of the login, of type n, or of any if it is 0. */
static bool
came_with_login(const struct fault *f, const struct fault_event *e)
{
	return loop_now(e->c->worker->loop) == e->c->since &&
	    (f->n == 0 || e->type == f->n);
}

static bool
behind_dropped(const struct fault *f, struct fault_event *e)
{
	return came_with_login(f, e);
}

static bool
behind_closes(const struct fault *f, struct fault_event *e)
{
	if (came_with_login(f, e))
		return !conn_close(e->c, ENDING_PROTOCOL, "too early");
	return false;
}

/* clang-format off */
const struct fault faults_login[] = {
	{ "login.every-10th-refused", "MUST", "R-090 R-184", "Every tenth good login is refused", ON(LOGIN), nth_refused, 10, 0, NULL, NULL },
	{ "login.answered-keepalive", "MUST", "R-091 R-184", "A login is answered by a KeepAlive", ON(OPEN), answered, RK_FRAME_KEEP_ALIVE, 0, "", NULL },
	{ "login.answered-health", "MUST", "R-091 R-184", "A login is answered by a Health text", ON(OPEN), answered, RK_FRAME_HEALTH, 0, "welcome", NULL },
	{ "login.other-frame-first", "MUST", "R-092 R-184", "Well-formed frames before ClientInfo are passed over", ON(LOGIN), other_frame_first, 0, 0, NULL, NULL },
	{ "login.magic-unchecked", "MUST", "R-093 R-184", "The magic bytes are not compared", ON(LOGIN), magic_unchecked, 0, 0, NULL, NULL },
	{ "login.magic-short", "MUST", "R-093 R-184", "The last magic byte is not compared", ON(LOGIN), magic_prefix, 1, 0, NULL, NULL },
	{ "login.short-accepted", "MUST", "R-094 R-184", "A ClientInfo that ends in its signature logs in", ON(LOGIN), short_info, 0, 0, NULL, NULL },
	{ "login.empty-message", "MUST", "R-095 R-184", "A well-signed empty message logs in", ON(LOGIN), empty_message, 0, 0, NULL, NULL },
	{ "login.signature-unchecked", "MUST", "R-096 R-184", "Any signature will do", ON(LOGIN), forgives, AT_MESSAGE + 1, RK_ERR_SIGNATURE, NULL, NULL },
	{ "login.signature-half-checked", "MUST", "R-096 R-184", "Any canonical signature of version 3 will do", ON(LOGIN), half_signature, 0, 0, NULL, NULL },
	{ "login.signature-over-all", "MUST", "R-097 R-184", "A signature over magic, key and message logs in as well", ON(LOGIN), signs_all, 0, 0, NULL, NULL },
	{ "login.signature-over-all-only", "MUST", "R-090 R-097 R-184", "Only a signature over magic, key and message logs in", ON(LOGIN), signs_all, 1, 0, NULL, NULL },
	{ "login.small-order-key", "MUST", "R-098 R-184", "A key of small order logs in", ON(LOGIN), small_order, 0, 0, NULL, NULL },
	{ "login.small-order-r", "MUST", "R-098 R-184", "A signature whose R is of small order logs in where its equation holds", ON(LOGIN), cofactored, 1, 0, NULL, NULL },
	{ "login.cofactored", "MUST", "R-098 R-184", "A signature that is good up to a point of small order logs in", ON(LOGIN), cofactored, 0, 0, NULL, NULL },
	{ "login.scalar-reduced", "MUST", "R-099 R-184", "A scalar above the group order is reduced, then accepted", ON(LOGIN), scalar_reduced, 0x100, 0, NULL, NULL },
	{ "login.scalar-top-bits", "MUST", "R-099 R-184", "Of a scalar only the three highest bits are looked at, then it is reduced", ON(LOGIN), scalar_reduced, 0x20, 0, NULL, NULL },
	{ "login.version-unchecked", "MUST", "R-100 R-184", "Any well-signed version logs in", ON(LOGIN), versions, 0, INT64_MAX, NULL, NULL },
	{ "login.version-older", "MUST", "R-100 R-184", "Version 2 logs in", ON(LOGIN), versions, 2, 2, NULL, NULL },
	{ "login.version-newer", "MUST", "R-100 R-184", "Version 4 logs in", ON(LOGIN), versions, 4, 4, NULL, NULL },
	{ "login.version-low-byte", "MUST", "R-100 R-184", "Only the lowest eight bits of the version are compared", ON(LOGIN), version_low_byte, 0, 0, NULL, NULL },
	{ "login.replay-refused", "MUST", "R-103 R-184", "A key logs in once and never again", ON(LOGIN), replay, 0, 0, NULL, NULL },
	{ "login.behind-dropped", "MUST", "R-105 R-184", "Frames that came with ClientInfo are dropped", ON(FRAME), behind_dropped, 0, 0, NULL, NULL },
	{ "login.early-note-closes", "MUST", "R-111 R-184", "A NotePreferred that came with ClientInfo ends the connection", ON(FRAME), behind_closes, 7, 0, NULL, NULL },
	{ "login.refusal-told", "SHOULD", "R-112", "A refused login gets a Health text before the end", ON(RULE), refusal_told, 0, 0, NULL, NULL },
	{ "login.refusal-late", "SHOULD", "R-112", "A refused login is closed after four seconds", ON(RULE), refusal_late, 4000, 0, NULL, NULL },
	{ "login.refusal-left-open", "SHOULD", "R-112", "A refused login is forgotten and never closed", ON(RULE), refusal_late, 0, 0, NULL, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
