/* The table of dialects and look-ups in their frame tables. */
#include "config.h"

#include "codec/dialect.h"

#include <string.h>

#include "codec/dialect_list.h"

#define ENTRY(name) &rk_dialect_##name,
static const struct rk_dialect *const dialects[] = { RK_DIALECT_LIST(ENTRY)
	    NULL };
#undef ENTRY

/* Names that mean the same in every dialect. */
static const struct {
	const char *name;
	enum rk_frame_kind kind;
} aliases[] = {
	{ "Send", RK_FRAME_SEND },
	{ "Recv", RK_FRAME_RECV },
	{ "Gone", RK_FRAME_GONE },
	{ "Ping", RK_FRAME_PING },
	{ "Pong", RK_FRAME_PONG },
};

static const char *const carrier_names[RK_NCARRIERS] = {
	[RK_CARRIER_RAW] = "raw",
	[RK_CARRIER_WS] = "ws",
};

static const char *const lane_names[RK_NLANES] = {
	[RK_LANE_LOGIN] = "login",
	[RK_LANE_DATA] = "data",
	[RK_LANE_DISCO] = "disco",
	[RK_LANE_GONE] = "gone",
	[RK_LANE_PONG] = "pong",
	[RK_LANE_LIVENESS] = "liveness",
	[RK_LANE_NOTICE] = "notice",
};

const struct rk_dialect *const *
rk_dialects(void)
{
	return dialects;
}

const struct rk_dialect *
rk_dialect_by_id(const char *id)
{
	for (size_t i = 0; dialects[i] != NULL; i++)
		if (strcmp(dialects[i]->id, id) == 0)
			return dialects[i];
	return NULL;
}

const struct rk_frame_spec *
rk_frame_spec_by_type(const struct rk_dialect *d, uint32_t type)
{
	for (const struct rk_frame_spec *s = d->frames; s->name != NULL; s++)
		if (s->type == type)
			return s;
	return NULL;
}

const struct rk_frame_spec *
rk_frame_spec_by_kind(const struct rk_dialect *d, enum rk_frame_kind kind)
{
	for (const struct rk_frame_spec *s = d->frames; s->name != NULL; s++)
		if (s->kind == kind)
			return s;
	return NULL;
}

const struct rk_frame_spec *
rk_frame_spec_by_name(const struct rk_dialect *d, const char *name)
{
	for (const struct rk_frame_spec *s = d->frames; s->name != NULL; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].name, name) == 0)
			return rk_frame_spec_by_kind(d, aliases[i].kind);
	return NULL;
}

size_t
rk_frame_spec_nfields(const struct rk_frame_spec *spec)
{
	size_t n = 0;

	while (n < RK_FRAME_MAX_FIELDS && spec->field[n].name != NULL)
		n++;
	return n;
}

int
rk_frame_spec_field(const struct rk_frame_spec *spec, const char *name)
{
	for (int i = 0; i < RK_FRAME_MAX_FIELDS; i++) {
		if (spec->field[i].name == NULL)
			break;
		if (strcmp(spec->field[i].name, name) == 0)
			return i;
	}
	return -1;
}

bool
rk_is_disco(const struct rk_dialect *d, const void *data, size_t len)
{
	return d->disco_magic_len > 0 && len >= d->disco_min &&
	    memcmp(data, d->disco_magic, d->disco_magic_len) == 0;
}

bool
rk_packet_item(const struct rk_dialect *d, struct rk_span *data,
    struct rk_span *item)
{
	struct rk_reader r;
	struct rk_span taken;

	if (!d->packet_items)
		return false;
	rk_reader_init(&r, data->p, data->len);
	taken = rk_read_span(&r, rk_read_u16le(&r));
	if (r.bad)
		return false;
	*item = taken;
	*data = rk_read_rest(&r);
	return true;
}

size_t
rk_packet_items(const struct rk_dialect *d, const void *data, size_t len)
{
	struct rk_span rest = { data, len }, item;
	size_t n = 0;

	while (rest.len > 0 && rk_packet_item(d, &rest, &item))
		/* Nobody sends empty ones; they are data of another kind. */
		if (item.len == 0)
			return 0;
		else
			n++;
	return rest.len == 0 ? n : 0;
}

const char *
rk_carrier_name(enum rk_carrier c)
{
	return (unsigned)c < RK_NCARRIERS ? carrier_names[c] : "unknown";
}

const char *
rk_lane_name(enum rk_lane lane)
{
	return (unsigned)lane < RK_NLANES ? lane_names[lane] : "unknown";
}
