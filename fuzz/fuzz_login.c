/*
 * The server's side of a login.  The first byte holds flags; then either
 * frames as a peer may send them, or a message that is signed honestly.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "codec/login.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	FLAG_WS = 1,
	FLAG_SIGNED = 2, /* the rest is the signed message */
	FLAG_DENY = 4,
	FLAG_LATER = 8 /* with FLAG_DENY: later; without: let in, later */
};

static bool
deny(void *arg, const struct rk_key *key)
{
	unsigned *asked = arg;

	++*asked;
	return false;
}

/* What the message says, read a second way: the version, or -1. */
static int64_t
version_of(const uint8_t *p, size_t len)
{
	size_t n = 0;

	while (n < len && n < 9 && p[n] >= 0x80)
		n++;
	if (n == len || (n == 9 && p[n] > 1))
		return -1;
	if (n == 9 && p[n] == 1)
		return INT64_MAX; /* above 2^63: some other version */
	uint64_t v = 0;
	for (size_t i = n + 1; i-- > 0;)
		v = v * 128 + p[i] % 128;
	return (int64_t)v;
}

static void
check_output(const struct rk_login *l, const struct rk_writer *w)
{
	struct rk_raw_frame raw;

	if (l->error != RK_ERR_DENIED) {
		REQUIRE(w->len == 0);
		return;
	}
	REQUIRE(rk_split(l->dialect->header[l->params.carrier],
		    l->dialect->max_frame, w->buf, w->len, &raw) == RK_OK);
	REQUIRE(raw.total_len == w->len);
}

/* Feed one frame and hold the machine to its word. */
static int
feed(struct rk_login *l, const struct rk_raw_frame *raw)
{
	uint8_t out[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;
	int err;

	rk_writer_init(&w, out, sizeof(out));
	err = rk_login_input(l, raw, &w);
	REQUIRE(l->state != RK_LOGIN_ASKED || err == RK_OK);
	if (l->state == RK_LOGIN_ASKED) {
		REQUIRE(l->params.access_later && w.len == 0);
		REQUIRE(rk_login_input(l, raw, &w) == RK_ERR_ARGUMENT);
		err = rk_login_access(l,
		    l->params.access == NULL ||
			l->params.access(l->params.arg, &l->peer),
		    &w);
	}
	REQUIRE(err == l->error && err != RK_ERR_SPACE);
	REQUIRE((err == RK_OK) == (l->state == RK_LOGIN_DONE));
	REQUIRE((err != RK_OK) == (l->state == RK_LOGIN_REFUSED));
	check_output(l, &w);
	return err;
}

/* Log in with |msg|, signed by a fixed key. */
static void
signed_login(struct rk_login *l, const uint8_t *msg, size_t len)
{
	static const uint8_t seed[RK_SEED_LEN] = { 1 };
	size_t cap = len + RK_LOGIN_OUTPUT_MAX;
	uint8_t *bytes = malloc(cap), sig[RK_SIGNATURE_LEN];
	enum rk_header_form form = l->dialect->header[l->params.carrier];
	int64_t version = version_of(msg, len);
	struct rk_secret_key sk;
	struct rk_raw_frame raw;
	struct rk_writer w;
	struct rk_frame f;
	struct rk_key pk;
	int err, want;

	REQUIRE(bytes != NULL);
	rk_secret_key_from_seed(&sk, seed);
	rk_secret_key_public(&sk, &pk);
	rk_sign(&sk, msg, len, sig);
	rk_frame_init(&f,
	    rk_frame_spec_by_kind(l->dialect, RK_FRAME_CLIENT_INFO));
	rk_frame_set(&f, "key", pk.b, sizeof(pk.b));
	rk_frame_set(&f, "signature", sig, sizeof(sig));
	rk_frame_set(&f, "message", msg, len);
	rk_writer_init(&w, bytes, cap);
	REQUIRE(rk_frame_encode(l->dialect, form, &f, RK_STRICT, &w) == RK_OK);
	REQUIRE(
	    rk_split(form, l->dialect->max_frame, bytes, w.len, &raw) == RK_OK);

	want = version < 0             ? RK_ERR_MESSAGE
	    : l->params.access != NULL ? RK_ERR_DENIED
	    : version != 3             ? RK_ERR_VERSION
				       : RK_OK;
	err = feed(l, &raw);
	REQUIRE(err == want);
	REQUIRE(rk_key_equal(&l->peer, &pk));
	free(bytes);
}

/* Frames of the peer, one after the other, until one decides. */
static void
any_login(struct rk_login *l, const uint8_t *data, size_t size)
{
	enum rk_header_form form = l->dialect->header[l->params.carrier];
	struct rk_raw_frame raw;
	struct rk_frame f;
	struct rk_key key;

	if (rk_split(form, l->dialect->max_frame, data, size, &raw) != RK_OK ||
	    feed(l, &raw) != RK_OK)
		return;
	/* It let somebody in: with the key of the frame, and rightly. */
	REQUIRE(rk_frame_decode(l->dialect, &raw, true, &f) == RK_OK);
	REQUIRE(rk_frame_key(&f, &key) && rk_key_equal(&key, &l->peer));
	REQUIRE(rk_verify(&key, rk_frame_field(&f, "message").p,
		    rk_frame_field(&f, "message").len,
		    rk_frame_field(&f, "signature").p) == RK_OK);
	REQUIRE(version_of(rk_frame_field(&f, "message").p,
		    rk_frame_field(&f, "message").len) == 3);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned asked = 0;
	struct rk_login_params params = { .arg = &asked };
	struct rk_login l;

	if (size == 0)
		return 0;
	REQUIRE(rk_keys_init() == RK_OK);
	params.carrier = data[0] & FLAG_WS ? RK_CARRIER_WS : RK_CARRIER_RAW;
	params.access = data[0] & FLAG_DENY ? deny : NULL;
	params.access_later = (data[0] & FLAG_LATER) != 0;
	rk_login_init(&l, rk_dialects()[0], RK_SERVER, &params);
	if (data[0] & FLAG_SIGNED)
		signed_login(&l, data + 1, size - 1);
	else
		any_login(&l, data + 1, size - 1);
	REQUIRE(asked == (l.error == RK_ERR_DENIED));
	return 0;
}
