/* The functions of the language: a table from name to what it does. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/digest.h"
#include "codec/frame.h"
#include "codec/stun.h"
#include "codec/upgrade.h"
#include "codec/ws.h"
#include "scenario/value.h"
#include "scenario/party_wire.h"

struct call {
	struct values *values;
	const struct expr *expr;
	struct value *arg; /* as many as the expression has */
	size_t nargs;
	struct value *out;
	struct text *err;
};

static bool
refuse(struct call *c, const char *what, const struct value *v)
{
	text_addf(c->err, "%s: %s, not ", c->expr->word, what);
	value_to_text(v, c->err);
	return false;
}

/* Argument |i| as bytes. */
static bool
bytes_arg(struct call *c, size_t i, struct rk_span *out)
{
	const struct value *v = &c->arg[i];

	if (v->kind != VALUE_BYTES && v->kind != VALUE_WORD)
		return refuse(c, "bytes are needed", v);
	*out = (struct rk_span){ v->bytes, v->len };
	return true;
}

static bool
int_arg(struct call *c, size_t i, int64_t min, int64_t max, int64_t *out)
{
	const struct value *v = &c->arg[i];

	if (v->kind != VALUE_INT || v->number < min || v->number > max) {
		text_addf(c->err,
		    "%s: a number from %lld to %lld is needed, "
		    "not ",
		    c->expr->word, (long long)min, (long long)max);
		value_to_text(v, c->err);
		return false;
	}
	*out = v->number;
	return true;
}

/* n bytes to be filled. */
static uint8_t *
room(struct call *c, size_t n)
{
	*c->out = (struct value){ .kind = VALUE_BYTES, .len = n };
	c->out->bytes = xcalloc(n + 1, 1);
	return c->out->bytes;
}

/* splitmix64: small, seeded, repeatable on every machine. */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool
call_rand(struct call *c)
{
	int64_t n;
	uint8_t *p;

	if (!int_arg(c, 0, 0, VALUE_MAX_BYTES, &n))
		return false;
	p = room(c, (size_t)n);
	for (int64_t i = 0; i < n; i += 8) {
		uint64_t r = next_random(&c->values->random);

		memcpy(p + i, &r, n - i < 8 ? (size_t)(n - i) : 8);
	}
	return true;
}

/* A pattern in which every position can be told from its neighbours. */
#define FILL_PERIOD 251

static void
fill(uint8_t *p, size_t n)
{
	size_t done = n < FILL_PERIOD ? n : FILL_PERIOD;

	for (size_t i = 0; i < done; i++)
		p[i] = (uint8_t)i;
	/* Whole periods, each time twice as many. */
	while (done < n) {
		size_t more = done < n - done ? done : n - done;

		memcpy(p + done, p, more);
		done += more;
	}
}

static bool
call_fill(struct call *c)
{
	int64_t n;

	if (!int_arg(c, 0, 0, VALUE_MAX_BYTES, &n))
		return false;
	fill(room(c, (size_t)n), (size_t)n);
	return true;
}

static bool
call_disco(struct call *c)
{
	const struct rk_dialect *d = c->values->dialect;
	size_t magic = d->disco_magic_len;
	int64_t n;
	uint8_t *p;

	if (!int_arg(c, 0, 0, VALUE_MAX_BYTES, &n))
		return false;
	p = room(c, (size_t)n);
	fill(p, (size_t)n);
	if (magic > 0)
		memcpy(p, d->disco_magic,
		    magic < (size_t)n ? magic : (size_t)n);
	return true;
}

static bool
call_pub(struct call *c)
{
	struct rk_key k;

	if (!values_public(c->values, &c->arg[0], &k, c->err))
		return false;
	*c->out = value_bytes(k.b, sizeof(k.b));
	return true;
}

static bool
call_sign(struct call *c)
{
	struct rk_secret_key sk;
	struct rk_span m;

	if (!bytes_arg(c, 1, &m) ||
	    !values_secret(c->values, &c->arg[0], &sk, c->err))
		return false;
	rk_sign(&sk, m.p, m.len, room(c, RK_SIGNATURE_LEN));
	rk_secret_key_wipe(&sk);
	return true;
}

static bool
call_seed(struct call *c)
{
	struct rk_secret_key sk;
	struct rk_span seed;

	if (!bytes_arg(c, 0, &seed))
		return false;
	if (seed.len != RK_SEED_LEN)
		return refuse(c, "32 bytes are needed", &c->arg[0]);
	rk_secret_key_from_seed(&sk, seed.p);
	*c->out = value_bytes(sk.b, sizeof(sk.b));
	c->out->kind = VALUE_SECRET;
	rk_secret_key_wipe(&sk);
	return true;
}

/* flip(v, bit=N): bit 0 is the lowest of the first byte. */
static bool
call_flip(struct call *c)
{
	size_t named = c->expr->argname[0] != NULL ? 0 : 1;
	struct rk_span v;
	int64_t bit;

	if (!bytes_arg(c, 1 - named, &v))
		return false;
	if (v.len == 0)
		return refuse(c, "a bit of something is needed",
		    &c->arg[1 - named]);
	if (!int_arg(c, named, 0, (int64_t)v.len * 8 - 1, &bit))
		return false;
	*c->out = value_bytes(v.p, v.len);
	c->out->bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
	return true;
}

static bool
call_cat(struct call *c)
{
	size_t len = 0;
	struct rk_span s;
	uint8_t *p;

	for (size_t i = 0; i < c->nargs; i++) {
		if (!bytes_arg(c, i, &s))
			return false;
		len += s.len;
	}
	if (len > VALUE_MAX_BYTES) {
		text_add(c->err, "cat: the result is too big");
		return false;
	}
	p = room(c, len);
	for (size_t i = 0; i < c->nargs; i++) {
		if (c->arg[i].len > 0)
			memcpy(p, c->arg[i].bytes, c->arg[i].len);
		p += c->arg[i].len;
	}
	return true;
}

static bool
big_endian(struct call *c, size_t size)
{
	int64_t n;
	uint8_t *p;

	if (!int_arg(c, 0, 0, (int64_t)((UINT64_C(1) << size * 8) - 1), &n))
		return false;
	p = room(c, size);
	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)((uint64_t)n >> (size - 1 - i) * 8);
	return true;
}

static bool
call_u16(struct call *c)
{
	return big_endian(c, 2);
}

static bool
call_u32(struct call *c)
{
	return big_endian(c, 4);
}

static bool
call_b64(struct call *c)
{
	struct rk_span v;

	if (!bytes_arg(c, 0, &v))
		return false;
	room(c, RK_BASE64_SIZE(v.len) - 1);
	rk_base64(v.p, v.len, (char *)c->out->bytes);
	return true;
}

static bool
call_ws_accept(struct call *c)
{
	char accept[RK_WS_ACCEPT_SIZE];
	struct rk_span v;

	if (!bytes_arg(c, 0, &v))
		return false;
	rk_ws_accept(v.p, v.len, accept);
	*c->out = value_bytes(accept, strlen(accept));
	return true;
}

/* A whole frame as it goes over the carrier: with its header and, on
 * WebSocket, as a masked binary message. */
static bool
call_frame(struct call *c)
{
	struct wire_frame f = { .type = 0 };
	struct rk_span payload;
	int64_t type;

	if (!int_arg(c, 0, 0, UINT32_MAX, &type) || !bytes_arg(c, 1, &payload))
		return false;
	f.type = (uint32_t)type;
	f.payload = payload;
	if (!wire_encode_frame(c->values->dialect, c->values->carrier, &f,
		c->values->relay ? NULL : &c->values->random, c->out)) {
		text_addf(c->err, "frame: type %lld does not fit the carrier",
		    (long long)type);
		return false;
	}
	return true;
}

static bool
call_export(struct call *c)
{
	struct values *vs = c->values;
	struct value label;
	int64_t len;
	bool ok;

	if (c->arg[0].kind != VALUE_WORD)
		return refuse(c, "a connection's name is needed", &c->arg[0]);
	if (!int_arg(c, 2, 1, 1024, &len) ||
	    !value_as_bytes(vs, &c->arg[1], false, &label, c->err))
		return false;
	room(c, (size_t)len);
	if (vs->export_key == NULL) {
		text_add(c->err, "export: there is no TLS here");
		ok = false;
	} else {
		ok = vs->export_key(vs->arg, (char *)c->arg[0].bytes,
		    (char *)label.bytes, c->out->bytes, (size_t)len, c->err);
	}
	value_clear(&label);
	if (!ok)
		value_clear(c->out);
	return ok;
}

/* 1 if the key has signed the bytes, else 0. */
static bool
call_verify(struct call *c)
{
	struct rk_span signature, message;
	struct rk_key key;

	if (!values_public(c->values, &c->arg[0], &key, c->err) ||
	    !bytes_arg(c, 1, &signature) || !bytes_arg(c, 2, &message))
		return false;
	*c->out = value_int(signature.len == RK_SIGNATURE_LEN &&
	    rk_verify(&key, message.p, message.len, signature.p) == RK_OK);
	return true;
}

/* A STUN message with the FINGERPRINT behind it, and its length so. */
static bool
call_fingerprint(struct call *c)
{
	struct rk_writer w;
	struct rk_span v;

	if (!bytes_arg(c, 0, &v))
		return false;
	if (v.len < 20 || v.len > UINT16_MAX)
		return refuse(c, "a STUN message is needed", &c->arg[0]);
	rk_writer_init(&w, room(c, v.len + 8), v.len + 8);
	rk_write_bytes(&w, v.p, 2);
	rk_write_u16be(&w, (uint16_t)(v.len + 8 - 20));
	rk_write_bytes(&w, v.p + 4, v.len - 4);
	rk_write_u16be(&w, 0x8028);
	rk_write_u16be(&w, 4);
	rk_write_u32be(&w, rk_stun_fingerprint(v.p, v.len));
	return true;
}

/* How many items a packet of endpoints has, 0 if it has none but bytes. */
static bool
call_items(struct call *c)
{
	struct rk_span v;

	if (!bytes_arg(c, 0, &v))
		return false;
	*c->out =
	    value_int((int64_t)rk_packet_items(c->values->dialect, v.p, v.len));
	return true;
}

static const struct function {
	const char *name;
	size_t min, max; /* arguments */
	bool (*call)(struct call *c);
} functions[] = {
	{ "rand", 1, 1, call_rand },
	{ "fill", 1, 1, call_fill },
	{ "disco", 1, 1, call_disco },
	{ "pub", 1, 1, call_pub },
	{ "sign", 2, 2, call_sign },
	{ "seed", 1, 1, call_seed },
	{ "flip", 2, 2, call_flip },
	{ "cat", 1, SIZE_MAX, call_cat },
	{ "u16", 1, 1, call_u16 },
	{ "u32", 1, 1, call_u32 },
	{ "b64", 1, 1, call_b64 },
	{ "ws-accept", 1, 1, call_ws_accept },
	{ "frame", 2, 2, call_frame },
	{ "export", 3, 3, call_export },
	{ "verify", 3, 3, call_verify },
	{ "fingerprint", 1, 1, call_fingerprint },
	{ "items", 1, 1, call_items },
};

static const struct function *
find_function(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}

bool
values_call(struct values *vs, const struct expr *e, struct value *out,
    struct text *err)
{
	const struct function *f = find_function(e->word);
	struct call c = { vs, e, NULL, 0, out, err };
	bool ok = true;

	if (f == NULL) {
		text_addf(err, "there is no function %s()", e->word);
		return false;
	}
	if (e->nargs < f->min || e->nargs > f->max) {
		text_addf(err, "%s() with %zu arguments", e->word, e->nargs);
		return false;
	}
	c.arg = xcalloc(e->nargs + 1, sizeof(c.arg[0]));
	while (ok && c.nargs < e->nargs) {
		ok = values_eval(vs, e->arg[c.nargs], &c.arg[c.nargs], err);
		c.nargs += ok;
	}
	ok = ok && f->call(&c);
	for (size_t i = 0; i < c.nargs; i++)
		value_clear(&c.arg[i]);
	free(c.arg);
	return ok;
}
