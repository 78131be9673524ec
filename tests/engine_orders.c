/* See engine_orders.h. */
#include "config.h"

#include "engine_orders.h"

#include <string.h>

static void
pong(struct fake_client *c)
{
	fake_send(c, 0x0d, c->kept, 8);
}

static void
close_it(struct fake_client *c)
{
	fake_gone(c);
	fake_close(c);
}

static void
close_with_rst(struct fake_client *c)
{
	fake_gone(c);
	fake_reset(c);
}

static void
other_pong(struct fake_client *c)
{
	fake_send(c, 0x0d, "\x01\x01\x01\x01\x01\x01\x01\xff", 8);
}

static void
late_pong(struct fake_client *c)
{
	fake_later(c, 150, pong);
}

static void
late_close(struct fake_client *c)
{
	fake_later(c, 150, close_it);
}

static void
nothing(struct fake_client *c)
{
}

static void
two_pongs(struct fake_client *c)
{
	pong(c);
	pong(c);
}

static void
health(struct fake_client *c)
{
	fake_send(c, 0x0e, "not well", 8);
	pong(c);
}

static void
lawful(struct fake_client *c)
{
	struct rk_secret_key sk;
	struct rk_key stranger;

	rk_secret_key_generate(&sk);
	rk_secret_key_public(&sk, &stranger);
	fake_send(c, 0x06, NULL, 0);
	fake_send(c, 0x0c, "12345678", 8);
	fake_send(c, 0x08, stranger.b, sizeof(stranger.b));
	pong(c);
}

static void
unknown(struct fake_client *c)
{
	fake_send(c, 0x3f, "???", 3);
	pong(c);
}

static void
write_half(struct fake_client *c)
{
	fake_write(c, "\x0d\x00\x00\x00\x08\x01\x02", 7);
}

static void
half(struct fake_client *c)
{
	write_half(c);
	close_it(c);
}

static void
half_and_rst(struct fake_client *c)
{
	write_half(c);
	close_with_rst(c);
}

static void
too_long(struct fake_client *c)
{
	fake_write(c, "\x0e\x80\x00\x00\x00", 5);
}

static void
nine(struct fake_client *c)
{
	fake_send(c, 0x0d, "123456789", 9);
}

static void
restarting(struct fake_client *c)
{
	fake_send(c, 0x0f, "\x00\x00\x03\xe8\x00\x00\x07\xd0", 8);
}

static void
numbers(struct fake_client *c, const char *digits)
{
	for (; *digits != '\0'; digits++)
		fake_packet(c, &c->key, digits, 1);
}

static void
in_order(struct fake_client *c)
{
	numbers(c, "12345");
}

static void
out_of_order(struct fake_client *c)
{
	numbers(c, "12435");
}

static void
gone(struct fake_client *c)
{
	fake_send(c, 0x08, c->key.b, sizeof(c->key.b));
}

static void
packet(struct fake_client *c)
{
	fake_packet(c, &c->key, "abc", 3);
}

static void
both(struct fake_client *c)
{
	static const uint8_t disco[40] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };

	fake_packet(c, &c->key, disco, sizeof(disco));
	packet(c);
}

static void
farewell(struct fake_client *c)
{
	fake_send(c, 0x0e, "so long", 7);
	close_it(c);
}

static void
ping(struct fake_client *c)
{
	fake_send(c, 0x0c, "\x70\x69\x6e\x67\x70\x69\x6e\x67", 8);
}

static void
ws_text(struct fake_client *c)
{
	fake_send_ws(c, RK_WS_TEXT, "hello", 5);
	pong(c);
}

static void
ws_ping(struct fake_client *c)
{
	fake_send_ws(c, RK_WS_PING, "are you", 7);
	pong(c);
}

static void
ws_close(struct fake_client *c)
{
	fake_send_ws(c, RK_WS_CLOSE,
	    "\x03\xe9"
	    "bye",
	    5);
}

static void
ws_goodbye(struct fake_client *c)
{
	ws_close(c);
	close_it(c);
}

static void
ws_masked(struct fake_client *c)
{
	fake_write(c, "\x82\x81\x00\x00\x00\x00\x06", 7);
}

static void
deaf(struct fake_client *c)
{
	c->count = 1;
}

static void (*const orders[])(struct fake_client *c) = {
	[ORDER_OTHER] = other_pong,
	[ORDER_LATE] = late_pong,
	[ORDER_NONE] = nothing,
	[ORDER_CLOSE] = close_it,
	[ORDER_RESET] = close_with_rst,
	[ORDER_TWICE] = two_pongs,
	[ORDER_HEALTH] = health,
	[ORDER_LAWFUL] = lawful,
	[ORDER_UNKNOWN] = unknown,
	[ORDER_HALF] = half,
	[ORDER_LONG] = too_long,
	[ORDER_NINE] = nine,
	[ORDER_RESTARTING] = restarting,
	[ORDER_NUMBERS] = in_order,
	[ORDER_DISORDER] = out_of_order,
	[ORDER_GONE] = gone,
	[ORDER_PACKET] = packet,
	[ORDER_BOTH] = both,
	[ORDER_FAREWELL] = farewell,
	[ORDER_PING] = ping,
	[ORDER_LATE_CLOSE] = late_close,
	[ORDER_WS_TEXT] = ws_text,
	[ORDER_WS_PING] = ws_ping,
	[ORDER_WS_CLOSE] = ws_close,
	[ORDER_WS_MASKED] = ws_masked,
	[ORDER_DEAF] = deaf,
	[ORDER_WS_GOODBYE] = ws_goodbye,
	[ORDER_HALF_RESET] = half_and_rst,
};

/* Eight equal bytes of a known order; fences draw theirs at random. */
static unsigned
order_of(const struct rk_frame *f)
{
	const uint8_t *p = f->payload.p;

	for (size_t i = 1; i < 8; i++)
		if (p[i] != p[0])
			return 0;
	return p[0] < sizeof(orders) / sizeof(orders[0]) ? p[0] : 0;
}

/* The Pong of the relay's own Ping comes back as a Health with its bytes. */
static bool
answer_pong(struct fake_client *c, const struct rk_frame *f)
{
	fake_send(c, 0x0e, f->payload.p, f->payload.len);
	return true;
}

bool
obey_orders(struct fake_client *c, const struct rk_frame *f)
{
	unsigned order;

	if (f->kind == RK_FRAME_PONG && memcmp(f->payload.p, "ping", 4) == 0)
		return answer_pong(c, f);
	if (f->kind != RK_FRAME_PING)
		return false;
	order = order_of(f);
	if (c->count == 1 && order == 0)
		return true;
	if (order == 0 || orders[order] == NULL)
		return false;
	memcpy(c->kept, f->payload.p, 8);
	orders[order](c);
	return true;
}
