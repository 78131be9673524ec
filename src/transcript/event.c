/* Names and views of a single event. */
#include "config.h"

#include "transcript/event.h"

#include <stdio.h>

static const char *const kind_names[EVENT_NKINDS] = {
	[EVENT_OPENED] = "opened",
	[EVENT_TLS] = "tls",
	[EVENT_HTTP] = "http",
	[EVENT_BODY] = "body",
	[EVENT_FRAME] = "frame",
	[EVENT_WS] = "ws",
	[EVENT_REST] = "rest",
	[EVENT_BYTES] = "bytes",
	[EVENT_OPAQUE] = "opaque",
	[EVENT_GAP] = "gap",
	[EVENT_ENDED] = "ended",
	[EVENT_REMARK] = "remark",
	[EVENT_ORACLE] = "oracle",
};

const char *
event_kind_name(enum event_kind k)
{
	return kind_names[k];
}

static const char *
frame_what(const struct event *e)
{
	static char unknown[sizeof("unknown 0x") + 8];
	const struct rk_frame_spec *spec = NULL;

	if (e->dialect != NULL)
		spec = rk_frame_spec_by_type(e->dialect, e->type);
	if (spec != NULL)
		return spec->name;
	snprintf(unknown, sizeof(unknown), "unknown 0x%02x", e->type);
	return unknown;
}

const char *
event_what(const struct event *e)
{
	static char ws[sizeof("ws opcode 255")];

	switch (e->kind) {
	case EVENT_FRAME:
		return frame_what(e);
	case EVENT_WS:
		snprintf(ws, sizeof(ws), "ws opcode %u", e->opcode);
		return ws;
	default:
		return kind_names[e->kind];
	}
}

const char *
direction_name(enum direction d)
{
	return d == DIR_C2S ? "c2s" : "s2c";
}

int
event_frame(const struct event *e, struct rk_frame *f)
{
	struct rk_raw_frame raw = {
		.type = e->type,
		.payload = { e->bytes, e->len },
		.total_len = e->len,
	};

	return rk_frame_decode(e->dialect, &raw, false, f);
}
