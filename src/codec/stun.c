/*
 * Section 6 of the iroh-v3 specification.  Two of its quirks are not copied:
 * messages of method Binding that are no requests get no answer, and a peer
 * that came over IPv4 is told so.
 */
#include "config.h"

#include "codec/stun.h"

#include <string.h>

#include "codec/ws.h"

/* RFC 8489 sections 5, 14 and 18. */
#define HEADER_LEN   20
#define COOKIE       0x2112a442u
#define TYPE_REQUEST 0x0001 /* method Binding, class request */
#define TYPE_SUCCESS 0x0101
#define CRC_XOR      0x5354554eu
#define TEXT_MAX     763

enum attribute_type {
	MAPPED_ADDRESS = 0x0001,
	USERNAME = 0x0006,
	MESSAGE_INTEGRITY = 0x0008,
	ERROR_CODE = 0x0009,
	UNKNOWN_ATTRIBUTES = 0x000a,
	REALM = 0x0014,
	NONCE = 0x0015,
	MESSAGE_INTEGRITY_SHA256 = 0x001c,
	PASSWORD_ALGORITHM = 0x001d,
	USERHASH = 0x001e,
	XOR_MAPPED_ADDRESS = 0x0020,
	PASSWORD_ALGORITHMS = 0x8002,
	SOFTWARE = 0x8022,
	ALTERNATE_SERVER = 0x8023,
	FINGERPRINT = 0x8028
};

/* ---- attributes that must decode if they are there ---- */

static bool
is_text(struct rk_span v)
{
	return rk_utf8_ok(v.p, v.len);
}

/*
 * What a name must not hold (OpaqueString of RFC 8265, as the reference was
 * seen to judge): control, format and private characters, old Hangul and
 * what is no character.  Gaps within the scripts are passed over.
 */
static const struct {
	uint32_t first, last;
} no_part_of_names[] = {
	{ 0x0000, 0x001f },
	{ 0x007f, 0x009f },
	{ 0x00ad, 0x00ad },
	{ 0x0600, 0x0605 },
	{ 0x061c, 0x061c },
	{ 0x1100, 0x11ff },
	{ 0x180b, 0x180f },
	{ 0x200b, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0xd7b0, 0xf8ff },
	{ 0xfdd0, 0xfdef },
	{ 0xfe00, 0xfe0f },
	{ 0xfeff, 0xff00 },
	{ 0xfff0, 0xfffb },
	{ 0xfffe, 0xffff },
	{ 0xe0000, 0x10ffff },
};

/* One character off the front of UTF-8 that is right. */
static uint32_t
take_character(const uint8_t **p)
{
	uint32_t c = *(*p)++;
	int more = c < 0xc0 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

	if (more > 0)
		c &= 0x3fu >> more;
	while (more-- > 0)
		c = c << 6 | (*(*p)++ & 0x3fu);
	return c;
}

static bool
is_name(struct rk_span v)
{
	const uint8_t *p = v.p;

	if (!is_text(v))
		return false;
	while (p < v.p + v.len) {
		uint32_t c = take_character(&p);

		for (size_t i = 0;
		     i < sizeof(no_part_of_names) / sizeof(no_part_of_names[0]);
		     i++)
			if (c >= no_part_of_names[i].first &&
			    c <= no_part_of_names[i].last)
				return false;
	}
	return true;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/*
 * The inside of a quoted string (RFC 3261 section 25.1): blanks and folds
 * between other characters, quotes only behind a backslash, and, as the
 * reference was seen to judge, ASCII alone.
 */
static bool
is_quoted(struct rk_span v)
{
	size_t i = 0;

	while (i < v.len) {
		size_t from = i;

		if (v.len - i > 2 && memcmp(v.p + i, "\r\n", 2) == 0)
			i += 2;
		if (is_blank(v.p[i])) {
			while (i < v.len && is_blank(v.p[i]))
				i++;
			if (from == 0 || i == v.len)
				return false;
			continue;
		}
		if (v.p[i] == '"')
			return false;
		if (v.p[i] == '\\' && ++i == v.len)
			return false;
		if (i > from + 1 || v.p[i] < ' ' || v.p[i] > '~')
			return false;
		i++;
	}
	return true;
}

/* 00 | family | port 2 | address 4 or 16; what follows is ignored. */
static bool
is_address(struct rk_span v)
{
	return v.p[1] == RK_STUN_IPV4 ||
	    (v.p[1] == RK_STUN_IPV6 && v.len >= 20);
}

/* 00 00 | class | number | reason */
static bool
is_error_code(struct rk_span v)
{
	unsigned class = v.p[2] & 7;

	return class >= 3 && class <= 6 && v.p[3] < 100 &&
	    rk_utf8_ok(v.p + 4, v.len - 4);
}

static bool
is_even(struct rk_span v)
{
	return v.len % 2 == 0;
}

/* number 2 | length of the parameters 2 | parameters, padded to 4; in the
 * plural one behind the other. */
static bool
is_algorithms(struct rk_span v)
{
	struct rk_reader r;

	rk_reader_init(&r, v.p, v.len);
	while (r.left > 0 && !r.bad) {
		size_t len;

		rk_read_u16be(&r);
		len = rk_read_u16be(&r);
		rk_read_span(&r, len);
		len = (4 - len % 4) % 4;
		rk_read_span(&r, len < r.left ? len : r.left);
	}
	return !r.bad;
}

static const struct attribute {
	uint16_t type; /* enum attribute_type */
	uint16_t min;  /* bytes of the value */
	uint16_t max;
	bool (*decodes)(struct rk_span v); /* NULL: the length is all */
} attributes[] = {
	{ MAPPED_ADDRESS, 8, UINT16_MAX, is_address },
	{ USERNAME, 1, TEXT_MAX, is_name },
	{ MESSAGE_INTEGRITY, 20, 20, NULL },
	{ ERROR_CODE, 4, 4 + TEXT_MAX, is_error_code },
	{ UNKNOWN_ATTRIBUTES, 0, UINT16_MAX, is_even },
	{ REALM, 0, TEXT_MAX, is_quoted },
	{ NONCE, 0, TEXT_MAX, is_quoted },
	{ MESSAGE_INTEGRITY_SHA256, 16, 32, NULL },
	{ PASSWORD_ALGORITHM, 4, UINT16_MAX, is_algorithms },
	{ USERHASH, 32, 32, NULL },
	{ XOR_MAPPED_ADDRESS, 8, UINT16_MAX, is_address },
	{ PASSWORD_ALGORITHMS, 0, UINT16_MAX, is_algorithms },
	{ SOFTWARE, 0, TEXT_MAX, is_text },
	{ ALTERNATE_SERVER, 8, UINT16_MAX, is_address },
	{ FINGERPRINT, 4, 4, NULL },
};

/* What nobody knows is fine, also where it demands to be understood. */
static bool
decodes(uint16_t type, struct rk_span v)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]);
	     i++) {
		const struct attribute *a = &attributes[i];

		if (a->type == type)
			return v.len >= a->min && v.len <= a->max &&
			    (a->decodes == NULL || a->decodes(v));
	}
	return true;
}

/* ---- FINGERPRINT ---- */

/* CRC-32 of ISO 3309, bits reflected, four at a time. */
static uint32_t
crc32_more(uint32_t crc, const uint8_t *p, size_t len)
{
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8,
		0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0,
		0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

/* Of the |len| bytes before the attribute, with the length in the header
 * that the message has if the attribute ends it. */
static uint32_t
fingerprint(const uint8_t *msg, size_t len)
{
	size_t ended = len + 8 - HEADER_LEN;
	const uint8_t length[2] = { (uint8_t)(ended >> 8), (uint8_t)ended };
	uint32_t crc = UINT32_MAX;

	crc = crc32_more(crc, msg, 2);
	crc = crc32_more(crc, length, 2);
	crc = crc32_more(crc, msg + 4, len - 4);
	return ~crc ^ CRC_XOR;
}

uint32_t
rk_stun_fingerprint(const void *message, size_t len)
{
	return fingerprint(message, len);
}

/* ---- the request ---- */

struct walk {
	const uint8_t *msg;
	struct rk_reader r; /* over the attributes */
	size_t count;
	bool fingerprinted;
	uint32_t print;        /* of what is before the first */
	struct rk_span mapped; /* the first of each; p NULL: none */
	struct rk_span xor_mapped;
};

static int
check_fingerprint(struct walk *k, struct rk_span value)
{
	struct rk_reader r;
	size_t before = (size_t)(value.p - k->msg) - 4;
	uint32_t print;

	rk_reader_init(&r, value.p, value.len);
	print = rk_read_u32be(&r);
	/* A second one is another word for the first, as in the reference. */
	if (!k->fingerprinted)
		k->print = fingerprint(k->msg, before);
	k->fingerprinted = true;
	return print == k->print ? RK_OK : RK_ERR_STUN_FINGERPRINT;
}

/* type 2 | length 2 | value, padded to 4 */
static int
next_attribute(struct walk *k)
{
	uint16_t type = rk_read_u16be(&k->r), len = rk_read_u16be(&k->r);
	struct rk_span value = rk_read_span(&k->r, len);

	rk_read_span(&k->r, (size_t)(4 - len % 4) % 4);
	k->count++;
	if (k->r.bad)
		return RK_ERR_STUN_LENGTH;
	if (!decodes(type, value))
		return RK_ERR_STUN_ATTRIBUTE;
	if (type == MAPPED_ADDRESS && k->mapped.p == NULL)
		k->mapped = value;
	if (type == XOR_MAPPED_ADDRESS && k->xor_mapped.p == NULL)
		k->xor_mapped = value;
	if (type == FINGERPRINT)
		return check_fingerprint(k, value);
	if ((type == MESSAGE_INTEGRITY || type == MESSAGE_INTEGRITY_SHA256) &&
	    !k->fingerprinted)
		return RK_ERR_STUN_INTEGRITY;
	return RK_OK;
}

/* Header and attributes of a message of any type. */
static int
read_message(const void *buf, size_t len, struct walk *k, uint16_t *type,
    uint8_t id[RK_STUN_ID_LEN])
{
	struct rk_reader r;
	struct rk_span span;
	uint16_t declared;
	int err = RK_OK;

	*k = (struct walk){ .msg = buf };
	rk_reader_init(&r, buf, len);
	*type = rk_read_u16be(&r);
	declared = rk_read_u16be(&r);
	if (rk_read_u32be(&r) != COOKIE || (*type & 0xc000) != 0)
		return RK_ERR_STUN_SHAPE;
	span = rk_read_span(&r, RK_STUN_ID_LEN);
	if (r.bad)
		return RK_ERR_STUN_SHAPE;
	memcpy(id, span.p, RK_STUN_ID_LEN);
	if (declared > r.left)
		return RK_ERR_STUN_LENGTH;
	rk_reader_init(&k->r, rk_read_span(&r, declared).p, declared);
	while (k->r.left > 0 && err == RK_OK)
		err = next_attribute(k);
	return err;
}

int
rk_stun_parse_request(const void *buf, size_t len, struct rk_stun_request *out)
{
	uint8_t id[RK_STUN_ID_LEN];
	struct walk k;
	uint16_t type;
	int err = read_message(buf, len, &k, &type, id);

	if (err != RK_OK)
		return err;
	/* The reference answers indications and responses, too: two such
	 * servers would go on for ever. */
	if (type != TYPE_REQUEST)
		return RK_ERR_STUN_METHOD;
	/* A bare request is a request; with anything in it the fingerprint
	 * tells it from other traffic. */
	if (k.count > 0 && !k.fingerprinted)
		return RK_ERR_STUN_FINGERPRINT;
	memcpy(out->id, id, sizeof(out->id));
	return RK_OK;
}

int
rk_stun_write_request(const struct rk_stun_request *request,
    struct rk_writer *w)
{
	const uint8_t *msg = w->buf + w->len;

	if (w->cap - w->len < RK_STUN_REQUEST_LEN)
		return RK_ERR_SPACE;
	rk_write_u16be(w, TYPE_REQUEST);
	rk_write_u16be(w, RK_STUN_REQUEST_LEN - HEADER_LEN);
	rk_write_u32be(w, COOKIE);
	rk_write_bytes(w, request->id, RK_STUN_ID_LEN);
	rk_write_u16be(w, FINGERPRINT);
	rk_write_u16be(w, 4);
	rk_write_u32be(w, fingerprint(msg, HEADER_LEN));
	return RK_OK;
}

/* ---- the response ---- */

static struct rk_stun_address
plain_form(const struct rk_stun_address *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct rk_stun_address plain = *a;

	if (a->family == RK_STUN_IPV6 &&
	    memcmp(a->ip, mapped, sizeof(mapped)) == 0) {
		plain.family = RK_STUN_IPV4;
		memcpy(plain.ip, a->ip + sizeof(mapped), 4);
	}
	return plain;
}

int
rk_stun_write_response(const struct rk_stun_request *request,
    const struct rk_stun_address *peer, struct rk_writer *w)
{
	struct rk_stun_address a = plain_form(peer);
	uint16_t ip_len = a.family == RK_STUN_IPV4 ? 4 : 16;
	uint8_t mask[4 + RK_STUN_ID_LEN] = { 0x21, 0x12, 0xa4, 0x42 };

	if (w->cap - w->len < (size_t)HEADER_LEN + 8 + ip_len)
		return RK_ERR_SPACE;
	memcpy(mask + 4, request->id, RK_STUN_ID_LEN);
	for (size_t i = 0; i < ip_len; i++)
		a.ip[i] ^= mask[i];
	rk_write_u16be(w, TYPE_SUCCESS);
	rk_write_u16be(w, (uint16_t)(8 + ip_len));
	rk_write_u32be(w, COOKIE);
	rk_write_bytes(w, request->id, RK_STUN_ID_LEN);
	rk_write_u16be(w, XOR_MAPPED_ADDRESS);
	rk_write_u16be(w, (uint16_t)(4 + ip_len));
	rk_write_u8(w, 0);
	rk_write_u8(w, (uint8_t)a.family);
	rk_write_u16be(w, (uint16_t)(a.port ^ COOKIE >> 16));
	rk_write_bytes(w, a.ip, ip_len);
	return RK_OK;
}

/* What cookie and id hide in XOR-MAPPED-ADDRESS; zeros hide nothing. */
static struct rk_stun_address
read_address(struct rk_span v, const uint8_t mask[4 + RK_STUN_ID_LEN])
{
	struct rk_stun_address a = { .family = v.p[1] };
	size_t ip_len = a.family == RK_STUN_IPV4 ? 4 : 16;

	a.port = (uint16_t)((v.p[2] ^ mask[0]) << 8 | (v.p[3] ^ mask[1]));
	for (size_t i = 0; i < ip_len; i++)
		a.ip[i] = v.p[4 + i] ^ mask[i];
	return plain_form(&a);
}

int
rk_stun_parse_response(const void *buf, size_t len,
    const struct rk_stun_request *request, struct rk_stun_address *out)
{
	uint8_t mask[4 + RK_STUN_ID_LEN] = { 0x21, 0x12, 0xa4, 0x42 };
	static const uint8_t no_mask[sizeof(mask)];
	struct walk k;
	uint16_t type;
	int err = read_message(buf, len, &k, &type, mask + 4);

	if (err != RK_OK)
		return err;
	if (type != TYPE_SUCCESS)
		return RK_ERR_STUN_METHOD;
	if (memcmp(mask + 4, request->id, sizeof(request->id)) != 0)
		return RK_ERR_UNEXPECTED;
	if (k.xor_mapped.p != NULL)
		*out = read_address(k.xor_mapped, mask);
	else if (k.mapped.p != NULL)
		*out = read_address(k.mapped, no_mask);
	else
		return RK_ERR_STUN_ATTRIBUTE;
	return RK_OK;
}
