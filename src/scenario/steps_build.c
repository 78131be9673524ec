/* Sends: from what the script says to bytes. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"
#include "codec/ws.h"
#include "scenario/steps.h"

#define HEAD_MAX (RK_HTTP_MAX_TARGET + (256 << 10))

struct building {
	struct play *play;
	struct party *party;
	const struct step *step;
	const struct rk_frame_spec *frame; /* FRAME */
	struct text *err;
	struct value payload; /* before headers */
	struct value wire;    /* all of it */
	size_t head_len;      /* HTTP: the rest is the body */
	struct wire_ws ws;    /* WS */
	int64_t len_delta;
	int64_t cut; /* -1: whole */
};

static bool
eval_bytes(struct building *b, const struct expr *e, bool key,
    struct value *out)
{
	struct values *vs = &b->play->values;
	struct value v;
	bool ok;

	if (!values_eval(vs, e, &v, b->err))
		return false;
	ok = value_as_bytes(vs, &v, key, out, b->err);
	value_clear(&v);
	return ok;
}

static bool
apply_patches(struct building *b, struct value *to)
{
	for (size_t i = 0; i < b->step->npatches; i++) {
		const struct patch *patch = &b->step->patches[i];
		struct value bytes;
		int64_t at;

		if (!values_eval_int(&b->play->values, patch->offset, &at,
			b->err) ||
		    !eval_bytes(b, patch->bytes, false, &bytes))
			return false;
		if (at < 0 || (uint64_t)at + bytes.len > to->len) {
			text_addf(b->err,
			    "a patch of %zu bytes at %lld does "
			    "not fit %zu bytes",
			    bytes.len, (long long)at, to->len);
			value_clear(&bytes);
			return false;
		}
		/* One in 256 patches of a random byte is none. */
		if (memcmp(to->bytes + at, bytes.bytes, bytes.len) == 0) {
			text_addf(b->err, "the patch at %lld changes nothing",
			    (long long)at);
			value_clear(&bytes);
			return false;
		}
		memcpy(to->bytes + at, bytes.bytes, bytes.len);
		value_clear(&bytes);
	}
	return true;
}

static struct rk_span
span_of(const struct value *v)
{
	return (struct rk_span){ v->bytes, v->len };
}

/* ---- frames ---- */

static bool
uint_bytes(struct building *b, const struct rk_field_spec *f, int64_t n,
    struct value *out)
{
	*out = value_bytes(&n, f->len);
	if (n < 0 || (f->len < 8 && (uint64_t)n >> f->len * 8 != 0)) {
		text_addf(b->err, "%s is a number of %zu bytes", f->name,
		    f->len);
		value_clear(out);
		return false;
	}
	for (size_t i = 0; i < f->len; i++)
		out->bytes[i] = (uint8_t)((uint64_t)n >> (f->len - 1 - i) * 8);
	return true;
}

static bool
field_bytes(struct building *b, const struct rk_field_spec *f,
    const struct expr *e, struct value *out)
{
	struct value v;
	bool ok;

	if (!values_eval(&b->play->values, e, &v, b->err))
		return false;
	if (f->type == RK_FIELD_UINT && v.kind == VALUE_INT)
		ok = uint_bytes(b, f, v.number, out);
	else
		ok = value_as_bytes(&b->play->values, &v,
		    f->type == RK_FIELD_KEY, out, b->err);
	value_clear(&v);
	return ok;
}

/* The fields become |kept|, which the frame's views point into. */
static bool
set_fields(struct building *b, struct rk_frame *f, struct value *kept)
{
	const struct rk_frame_spec *spec = b->frame;

	for (size_t i = 0; i < b->step->nsettings; i++) {
		const struct setting *set = &b->step->settings[i];
		int at = rk_frame_spec_field(spec, set->name);

		if (at < 0) {
			text_addf(b->err, "%s has no field %s", spec->name,
			    set->name);
			return false;
		}
		value_clear(&kept[at]);
		if (!field_bytes(b, &spec->field[at], set->value, &kept[at]))
			return false;
		rk_frame_set(f, set->name, kept[at].bytes, kept[at].len);
	}
	return true;
}

/* What has to be known of what was sent, by fences and by answers. */
static void
note_frame(struct building *b, const struct rk_frame *f)
{
	struct party *c = b->party;
	struct rk_key key;

	if (f->kind == RK_FRAME_PING)
		party_note_ping(c, rk_frame_field(f, "data"));
	if (!rk_frame_key(f, &key))
		return;
	if (f->kind == RK_FRAME_CLIENT_INFO && !c->has_identity) {
		c->has_identity = true;
		c->identity = key;
	}
	if (f->kind == RK_FRAME_SEND && c->has_identity)
		fence_note_packet(b->play, &c->identity, &key, true);
}

static bool
build_frame(struct building *b)
{
	const struct rk_dialect *d = b->play->dialect;
	struct value kept[RK_FRAME_MAX_FIELDS] = { { 0 } };
	struct wire_frame wire = { .type = b->frame->type };
	struct rk_frame f;
	bool ok;

	rk_frame_init(&f, b->frame);
	ok = set_fields(b, &f, kept);
	if (ok) {
		note_frame(b, &f);
		ok = wire_payload(d, &f, &b->payload) &&
		    apply_patches(b, &b->payload);
	}
	if (ok) {
		wire.payload = span_of(&b->payload);
		wire.len_delta = b->len_delta;
		ok = wire_encode_frame(d, b->party->carrier, &wire,
		    party_masks(b->party), &b->wire);
		if (!ok)
			text_addf(b->err, "%s does not fit the carrier",
			    b->frame->name);
	}
	for (size_t i = 0; i < RK_FRAME_MAX_FIELDS; i++)
		value_clear(&kept[i]);
	return ok;
}

/* ---- raw ---- */

/* Requests among raw bytes: their answers are as long as they say. */
static void
note_requests(struct party *c, struct rk_span s)
{
	struct rk_http_limits limits;
	struct rk_http_head h;

	if (c->wire == WIRE_FRAMES)
		return;
	rk_http_limits_default(&limits);
	while (s.len > 0 &&
	    rk_http_parse_request(s.p, s.len, &limits, &h) == RK_OK) {
		party_request_sent(c, rk_http_span_is(h.method, "HEAD"));
		s.p += h.len;
		s.len -= h.len;
	}
}

/* Pings among raw bytes of the raw carrier: an echo of them is no Ping. */
static void
note_raw_pings(struct building *b, struct rk_span s)
{
	const struct rk_dialect *d = b->play->dialect;
	struct rk_raw_frame raw;
	struct rk_frame f;

	if (b->party->carrier != RK_CARRIER_RAW ||
	    b->party->wire != WIRE_FRAMES)
		return;
	while (s.len > 0 &&
	    rk_split(d->header[RK_CARRIER_RAW], d->max_frame, s.p, s.len,
		&raw) == RK_OK) {
		if (rk_frame_decode(d, &raw, false, &f) == RK_OK &&
		    f.kind == RK_FRAME_PING)
			party_note_ping(b->party, rk_frame_field(&f, "data"));
		s.p += raw.total_len;
		s.len -= raw.total_len;
	}
}

static bool
build_raw(struct building *b)
{
	if (!eval_bytes(b, b->step->value, false, &b->wire) ||
	    !apply_patches(b, &b->wire))
		return false;
	note_requests(b->party, span_of(&b->wire));
	note_raw_pings(b, span_of(&b->wire));
	return true;
}

/* ---- http ---- */

static bool
header_value(struct building *b, const struct expr *e, struct value *out)
{
	struct text number = { 0 };
	struct value v;
	bool ok = true;

	if (!values_eval(&b->play->values, e, &v, b->err))
		return false;
	if (v.kind == VALUE_INT) {
		value_to_text(&v, &number);
		*out = value_bytes(number.s, number.len);
		text_clear(&number);
	} else if (v.kind == VALUE_ABSENT) {
		*out = v;
	} else {
		ok = value_as_bytes(&b->play->values, &v, false, out, b->err);
	}
	value_clear(&v);
	return ok;
}

static bool
write_fields(struct building *b, struct rk_writer *w, struct value *body)
{
	bool host = false;
	char authority[URL_HOST_MAX + 16];

	for (size_t i = 0; i < b->step->nsettings; i++)
		host |= strcasecmp(b->step->settings[i].name, "host") == 0;
	if (!host && !b->party->listening) {
		relay_url_host_field(&b->party->config.url, authority,
		    sizeof(authority));
		rk_http_write_field(w, "Host", authority);
	}
	for (size_t i = 0; i < b->step->nsettings; i++) {
		const struct setting *set = &b->step->settings[i];
		struct value v;

		if (!header_value(b, set->value, &v))
			return false;
		if (strcmp(set->name, "body") == 0) {
			value_clear(body);
			*body = v;
			continue;
		}
		if (v.kind != VALUE_ABSENT)
			rk_http_write_field(w, set->name, (char *)v.bytes);
		value_clear(&v);
	}
	return true;
}

static bool
build_http(struct building *b)
{
	const char *method = b->step->name;
	struct value path, body = value_bytes(NULL, 0);
	uint8_t *buf;
	struct rk_writer w;
	bool ok;

	if (b->step->value == NULL)
		path = value_bytes(NULL, 0);
	else if (!eval_bytes(b, b->step->value, false, &path))
		return false;
	buf = xmalloc(HEAD_MAX);
	rk_writer_init(&w, buf, HEAD_MAX);
	if (b->party->listening)
		rk_http_write_status(&w, 1, atoi(method));
	else
		rk_http_write_request(&w, method, (char *)path.bytes);
	ok = write_fields(b, &w, &body);
	rk_http_write_end(&w);
	if (ok && w.bad) {
		text_add(b->err,
		    "this is no request that can be written; "
		    "\"raw\" sends anything");
		ok = false;
	}
	if (ok) {
		b->wire = (struct value){ .kind = VALUE_BYTES,
			.bytes = xmalloc(w.len + body.len + 1),
			.len = w.len + body.len };
		b->head_len = w.len;
		memcpy(b->wire.bytes, buf, w.len);
		if (body.len > 0)
			memcpy(b->wire.bytes + w.len, body.bytes, body.len);
		if (!b->party->listening) {
			party_read_http(b->party);
			party_request_sent(b->party,
			    strcmp(method, "HEAD") == 0);
		}
	}
	free(buf);
	value_clear(&path);
	value_clear(&body);
	return ok;
}

/* ---- ws ---- */

static bool
small_number(struct building *b, const struct setting *set, int64_t max,
    int64_t *out)
{
	struct value v;

	if (!values_eval(&b->play->values, set->value, &v, b->err))
		return false;
	*out = -1;
	if (v.kind == VALUE_INT)
		*out = v.number;
	else if (v.kind == VALUE_WORD && strcmp((char *)v.bytes, "yes") == 0)
		*out = 1;
	else if (v.kind == VALUE_WORD && strcmp((char *)v.bytes, "no") == 0)
		*out = 0;
	value_clear(&v);
	if (*out >= 0 && *out <= max)
		return true;
	text_addf(b->err, "%s is a number up to %lld, or yes or no", set->name,
	    (long long)max);
	return false;
}

static bool
set_ws(struct building *b, const struct setting *set, struct wire_ws *ws)
{
	int64_t n;

	if (strcmp(set->name, "payload") == 0) {
		value_clear(&b->payload);
		return eval_bytes(b, set->value, false, &b->payload);
	}
	if (strcmp(set->name, "opcode") == 0) {
		if (!small_number(b, set, 15, &n))
			return false;
		ws->opcode = (uint8_t)n;
	} else if (strcmp(set->name, "rsv") == 0) {
		if (!small_number(b, set, 7, &n))
			return false;
		ws->rsv = (uint8_t)n;
	} else if (strcmp(set->name, "fin") == 0) {
		if (!small_number(b, set, 1, &n))
			return false;
		ws->fin = n != 0;
	} else if (strcmp(set->name, "mask") == 0) {
		if (!small_number(b, set, 1, &n))
			return false;
		ws->masked = n != 0;
	} else {
		text_addf(b->err, "ws has no %s=", set->name);
		return false;
	}
	return true;
}

static bool
build_ws(struct building *b)
{
	struct wire_ws *ws = &b->ws;

	*ws = (struct wire_ws){ .opcode = RK_WS_BINARY,
		.fin = true,
		.masked = !b->party->listening,
		.len_delta = b->len_delta };
	b->payload = value_bytes(NULL, 0);
	for (size_t i = 0; i < b->step->nsettings; i++)
		if (!set_ws(b, &b->step->settings[i], ws))
			return false;
	if (!apply_patches(b, &b->payload))
		return false;
	if (wire_encode_ws(ws, span_of(&b->payload), &b->play->values.random,
		&b->wire))
		return true;
	text_add(b->err, "this is no WebSocket frame");
	return false;
}

/* ---- what the transcript says ---- */

static void
record_frame(struct building *b)
{
	const struct step *s = b->step;
	struct text how = { 0 };

	if (b->cut < 0 && b->len_delta == 0) {
		party_record_frame(b->party, DIR_C2S, b->frame->type,
		    span_of(&b->payload), RK_OK, s->at.line);
		return;
	}
	text_add(&how, b->frame->name);
	if (b->len_delta != 0)
		text_addf(&how, ", length field %+lld",
		    (long long)b->len_delta);
	if (b->cut >= 0)
		text_addf(&how, ", the first %lld bytes", (long long)b->cut);
	party_record(b->party, EVENT_REST, DIR_C2S, b->wire.bytes, b->wire.len,
	    text_str(&how), s->at.line);
	text_clear(&how);
}

static void
record_raw(struct building *b)
{
	party_record(b->party, EVENT_BYTES, DIR_C2S, b->wire.bytes, b->wire.len,
	    NULL, b->step->at.line);
}

static void
record_http(struct building *b)
{
	size_t head = b->head_len < b->wire.len ? b->head_len : b->wire.len;
	char *line = xstrndup((char *)b->wire.bytes,
	    strcspn((char *)b->wire.bytes, "\r"));

	party_record(b->party, EVENT_HTTP, DIR_C2S, b->wire.bytes, head, line,
	    b->step->at.line);
	if (b->wire.len > head)
		party_record(b->party, EVENT_BODY, DIR_C2S,
		    b->wire.bytes + head, b->wire.len - head, NULL,
		    b->step->at.line);
	free(line);
}

static void
record_ws(struct building *b)
{
	struct text how = { 0 };

	if (!b->ws.fin)
		text_add(&how, " fin=0");
	if (b->ws.rsv != 0)
		text_addf(&how, " rsv=%u", b->ws.rsv);
	if (!b->ws.masked)
		text_add(&how, " mask=no");
	if (b->len_delta != 0)
		text_addf(&how, " len=%+lld", (long long)b->len_delta);
	if (b->cut >= 0)
		text_addf(&how, " cut=%lld", (long long)b->cut);
	party_record_ws(b->party, DIR_C2S, b->ws.opcode, span_of(&b->payload),
	    how.len > 0 ? how.s + 1 : NULL, b->step->at.line);
	text_clear(&how);
}

/* ---- all of it ---- */

static const struct {
	bool (*build)(struct building *b);
	void (*record)(struct building *b);
} kinds[] = {
	[SEND_FRAME] = { build_frame, record_frame },
	[SEND_RAW] = { build_raw, record_raw },
	[SEND_HTTP] = { build_http, record_http },
	[SEND_WS] = { build_ws, record_ws },
};

static bool
optional_number(struct building *b, const struct expr *e, int64_t min,
    const char *what, int64_t *out)
{
	if (e == NULL)
		return true;
	if (!values_eval_int(&b->play->values, e, out, b->err))
		return false;
	if (*out >= min)
		return true;
	text_addf(b->err, "%s=%lld", what, (long long)*out);
	return false;
}

static bool
eval_modifiers(struct building *b, struct sending *out)
{
	const struct step *s = b->step;
	int64_t chop = 0, every = 0;

	if (!optional_number(b, s->len_delta, INT32_MIN, "len",
		&b->len_delta) ||
	    !optional_number(b, s->cut, 0, "cut", &b->cut) ||
	    !optional_number(b, s->chop, 1, "chop", &chop))
		return false;
	if (s->every != NULL &&
	    !values_eval_duration(&b->play->values, s->every, &every, b->err))
		return false;
	out->chop = (size_t)chop;
	out->every_ns = play_scaled(b->play, every);
	return true;
}

/* Where the relay stands in its framing after this. */
static void
note_soundness(struct building *b)
{
	struct party *c = b->party;

	if (c->wire == WIRE_FRAMES || c->starts_after_101)
		wire_place_add(&c->sent, b->play->dialect, c->carrier,
		    span_of(&b->wire));
}

bool
send_build(struct play *p, struct party *c, const struct step *s,
    struct sending *out, struct text *err)
{
	struct building b = { .play = p,
		.party = c,
		.step = s,
		.frame = values_frame(&p->values, s->frame),
		.err = err,
		.cut = -1 };
	bool ok;

	memset(out, 0, sizeof(*out));
	p->values.carrier = c->carrier;
	p->values.relay = c->listening;
	ok = eval_modifiers(&b, out) && kinds[s->send_kind].build(&b);
	if (ok) {
		if (b.cut >= 0 && (size_t)b.cut < b.wire.len)
			b.wire.len = (size_t)b.cut;
		note_soundness(&b);
		kinds[s->send_kind].record(&b);
		out->bytes = b.wire;
	} else {
		value_clear(&b.wire);
	}
	value_clear(&b.payload);
	return ok;
}
