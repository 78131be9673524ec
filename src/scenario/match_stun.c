/* The fields of a STUN message: what an answer says, read by the rules of RFC
 * 8489 and independently of the codec, which writes such answers. */
#include "config.h"

#include <string.h>

#include "base/xalloc.h"
#include "codec/cursor.h"
#include "scenario/match.h"

#define HEADER_LEN         20
#define ID_LEN             12
#define COOKIE             0x2112a442
#define XOR_MAPPED_ADDRESS 0x0020
#define FAMILY_IPV4        1
#define FAMILY_IPV6        2

static struct rk_span
read_attributes(struct rk_reader *r, int64_t *count)
{
	struct rk_span address = { NULL, 0 };

	while (r->left > 0 && !r->bad) {
		uint16_t type = rk_read_u16be(r);
		uint16_t len = rk_read_u16be(r);
		struct rk_span value = rk_read_span(r, len);

		rk_read_span(r, (size_t)(-len & 3));
		if (type == XOR_MAPPED_ADDRESS && address.p == NULL)
			address = value;
		++*count;
	}
	return address;
}

/* The address as it was before it was masked with cookie and id; an IPv4
 * address in IPv6 form is one. */
static void
read_address(const struct item *it, struct rk_span a, struct item_stun *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	size_t len = a.len == 8 ? 4 : 16;

	if (!(a.len == 8 && a.p[1] == FAMILY_IPV4) &&
	    !(a.len == 20 && a.p[1] == FAMILY_IPV6))
		return;
	out->family = a.p[1];
	out->port = (a.p[2] << 8 | a.p[3]) ^ COOKIE >> 16;
	for (size_t i = 0; i < len; i++)
		out->address[i] = a.p[4 + i] ^ it->bytes[4 + i];
	out->address_len = len;
	if (len == 16 && memcmp(out->address, mapped, sizeof(mapped)) == 0) {
		memmove(out->address, out->address + 12, 4);
		out->address_len = 4;
	}
}

void
item_read_stun(struct item *it)
{
	struct item_stun m = { .family = 0 };
	struct rk_span address;
	struct rk_reader r;
	uint16_t length;
	uint32_t cookie;

	rk_reader_init(&r, it->bytes, it->len);
	m.type = rk_read_u16be(&r);
	length = rk_read_u16be(&r);
	cookie = rk_read_u32be(&r);
	rk_read_span(&r, ID_LEN);
	if (r.bad || cookie != COOKIE || (m.type & 0xc000) != 0)
		return;
	address = read_attributes(&r, &m.attributes);
	if (r.bad || length != it->len - HEADER_LEN)
		m.attributes = -1;
	else if (address.p != NULL)
		read_address(it, address, &m);
	it->stun = xmalloc(sizeof(m));
	*it->stun = m;
}

struct value
item_stun_field(const struct item *it, const char *name)
{
	struct item_stun *m = it->stun;

	if (m != NULL && strcmp(name, "type") == 0)
		return value_int(m->type);
	if (m != NULL && strcmp(name, "id") == 0)
		return (struct value){ .kind = VALUE_BYTES,
			.bytes = it->bytes + HEADER_LEN - ID_LEN,
			.len = ID_LEN };
	if (m != NULL && strcmp(name, "attributes") == 0)
		return value_int(m->attributes);
	if (m == NULL || m->family == 0)
		return (struct value){ .kind = VALUE_ABSENT };
	if (strcmp(name, "family") == 0)
		return value_int(m->family);
	if (strcmp(name, "port") == 0)
		return value_int(m->port);
	if (strcmp(name, "address") == 0)
		return (struct value){ .kind = VALUE_BYTES,
			.bytes = m->address,
			.len = m->address_len };
	return (struct value){ .kind = VALUE_ABSENT };
}
