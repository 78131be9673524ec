/*
 * Split, decode, show and encode again.  The first byte chooses the header
 * form and how much of the data is shown, the rest is the stream or message.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "codec/frame.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One line of text, which fits into what it says it needs. */
static void
check_text(const struct rk_frame *f, size_t snap)
{
	size_t len = rk_frame_text(f, snap, NULL, 0);
	char *line = malloc(len + 1);

	REQUIRE(line != NULL);
	REQUIRE(rk_frame_text(f, snap, line, len + 1) == len);
	REQUIRE(strlen(line) == len);
	for (size_t i = 0; i < len; i++)
		REQUIRE((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
	REQUIRE(rk_frame_text(f, snap, line, len / 2 + 1) == len);
	REQUIRE(strlen(line) <= len / 2);
	free(line);
}

/* A frame is what its fields say, and strict where it decodes. */
static void
check_encode(const struct rk_dialect *d, enum rk_header_form form,
    const struct rk_raw_frame *raw, const struct rk_frame *f, int decoded)
{
	size_t cap = raw->payload.len + RK_FRAME_HEADER_MAX;
	uint8_t *out = malloc(cap);
	struct rk_writer w;

	REQUIRE(out != NULL);
	rk_writer_init(&w, out, cap);
	REQUIRE(rk_frame_encode(d, form, f, RK_LAX, &w) == RK_OK);
	REQUIRE(w.len >= raw->payload.len);
	REQUIRE(raw->payload.len == 0 ||
	    memcmp(out + w.len - raw->payload.len, raw->payload.p,
		raw->payload.len) == 0);
	rk_writer_init(&w, out, cap);
	REQUIRE(rk_frame_encode(d, form, f, RK_STRICT, &w) == decoded);
	REQUIRE(decoded == RK_OK || w.len == 0);
	free(out);
}

static void
check_frame(const struct rk_dialect *d, enum rk_header_form form,
    const struct rk_raw_frame *raw, size_t snap)
{
	struct rk_frame f;
	int err, unchecked;

	unchecked = rk_frame_decode(d, raw, false, &f);
	err = rk_frame_decode(d, raw, true, &f);
	REQUIRE(err == unchecked || err == RK_ERR_KEY);
	REQUIRE((f.spec == NULL) == (err == RK_ERR_UNKNOWN_TYPE));
	REQUIRE(f.payload.p == raw->payload.p);
	REQUIRE((unsigned)rk_frame_lane(d, &f) < RK_NLANES);
	check_text(&f, snap);
	/* What is too much is in no field. */
	if (f.spec != NULL && f.payload.len <= f.spec->max)
		check_encode(d, form, raw, &f, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum rk_header_form forms[] = { RK_HEADER_TLV32,
		RK_HEADER_TYPE8, RK_HEADER_VARINT };
	const struct rk_dialect *d = rk_dialects()[0];
	struct rk_raw_frame raw;
	enum rk_header_form form;
	size_t snap;

	if (size == 0)
		return 0;
	REQUIRE(rk_keys_init() == RK_OK);
	form = forms[data[0] % 3];
	snap = data[0] / 3;
	data++;
	size--;
	while (rk_split(form, d->max_frame, data, size, &raw) == RK_OK) {
		REQUIRE(raw.total_len >= 1 && raw.total_len <= size);
		REQUIRE(raw.header_len + raw.payload.len == raw.total_len);
		check_frame(d, form, &raw, snap);
		data += raw.total_len;
		size -= raw.total_len;
	}
	return 0;
}
