/* A datagram to the STUN server, and the answer to what is accepted. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "codec/stun.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER 20

/* What lies behind the length in the header changes nothing. */
static void
excess_is_ignored(const uint8_t *data, size_t size, int err)
{
	struct rk_stun_request q;
	size_t declared;

	if (size < HEADER)
		return;
	declared = HEADER + (size_t)(data[2] << 8 | data[3]);
	if (size > declared)
		REQUIRE(rk_stun_parse_request(data, declared, &q) == err);
	if (err == RK_OK)
		REQUIRE(rk_stun_parse_request(data, declared - 1, &q) < 0);
}

static void
answer(const uint8_t *data, const struct rk_stun_request *q)
{
	struct rk_stun_address peer = { .family = RK_STUN_IPV6, .port = 1 };
	uint8_t out[RK_STUN_RESPONSE_MAX];
	struct rk_writer w;

	REQUIRE(data[0] == 0 && data[1] == 1);
	REQUIRE(memcmp(q->id, data + 8, sizeof(q->id)) == 0);
	rk_writer_init(&w, out, sizeof(out));
	REQUIRE(rk_stun_write_response(q, &peer, &w) == RK_OK);
	REQUIRE(w.len == sizeof(out) && !w.bad);
	REQUIRE(memcmp(out + 8, data + 8, sizeof(q->id)) == 0);
}

/* What a client hears: an address, or the reason why there is none. */
static void
hear(const uint8_t *data, size_t size)
{
	struct rk_stun_request q = { { 0 } };
	struct rk_stun_address a;
	int err;

	if (size >= HEADER)
		memcpy(q.id, data + 8, sizeof(q.id));
	err = rk_stun_parse_response(data, size, &q, &a);
	REQUIRE(err != RK_ERR_AGAIN && err != RK_ERR_UNEXPECTED);
	if (err == RK_OK)
		REQUIRE(a.family == RK_STUN_IPV4 || a.family == RK_STUN_IPV6);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rk_stun_request q;
	int err = rk_stun_parse_request(data, size, &q);

	hear(data, size);

	REQUIRE(err != RK_ERR_AGAIN && err != RK_ERR_SPACE);
	excess_is_ignored(data, size, err);
	if (err == RK_OK)
		answer(data, &q);
	return 0;
}
