/* Faults of the STUN service. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "codec/errors.h"
#include "codec/stun.h"
#include "relayd/fault_table.h"

/* Where things are in a message (RFC 8489), and in an answer of ours, which
 * has one attribute. */
enum {
	AT_COOKIE = 4,
	AT_ID = 8,
	HEADER = 20,
	AT_ATTRIBUTE = 20,
	AT_FAMILY = 25,
	AT_PORT = 26,
	AT_IP = 28
};

enum {
	MAPPED_ADDRESS = 0x0001,
	SOFTWARE = 0x8022,
	FINGERPRINT = 0x8028
};

static const uint8_t cookie[] = { 0x21, 0x12, 0xa4, 0x42 };

/* ---- the request, judged otherwise ---- */

static uint16_t
u16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* It is a good one; an id that is not whole ends in zeros. */
static bool
take(struct fault_event *e)
{
	size_t n = e->len > AT_ID ? e->len - AT_ID : 0;

	if (n > RK_STUN_ID_LEN)
		n = RK_STUN_ID_LEN;
	memset(e->request->id, 0, RK_STUN_ID_LEN);
	memcpy(e->request->id, e->payload + AT_ID, n);
	*e->err = RK_OK;
	return false;
}

static bool
ends_in_fingerprint(const struct fault_event *e)
{
	return e->len >= HEADER + 8 &&
	    u16_at(e->payload + e->len - 8) == FINGERPRINT;
}

/* n: with a wrong one; else with none. */
static bool
fingerprint_unchecked(const struct fault *f, struct fault_event *e)
{
	return *e->err == RK_ERR_STUN_FINGERPRINT &&
	    ends_in_fingerprint(e) == (f->n != 0) && take(e);
}

/* n: the bits of the first byte that may be set; m: so many bytes of the
 * cookie are compared; s: any length will do. */
static bool
shape_unchecked(const struct fault *f, struct fault_event *e)
{
	const uint8_t *p = e->payload;

	return *e->err == RK_ERR_STUN_SHAPE && e->len >= AT_ID &&
	    (f->s != NULL || e->len >= HEADER) && (p[0] & 0xc0 & ~f->n) == 0 &&
	    memcmp(p + AT_COOKIE, cookie, (size_t)f->m) == 0 && take(e);
}

static bool
any_method(const struct fault *f, struct fault_event *e)
{
	return *e->err == RK_ERR_STUN_METHOD &&
	    (u16_at(e->payload) & 0x0110) == 0 && take(e);
}

/* n: of the message; else of an attribute. */
static bool
length_unchecked(const struct fault *f, struct fault_event *e)
{
	bool outside =
	    e->len >= HEADER && u16_at(e->payload + 2) > e->len - HEADER;

	return *e->err == RK_ERR_STUN_LENGTH && outside == (f->n != 0) &&
	    take(e);
}

/* n: what has SOFTWARE is refused; else where it must be padded. */
static bool
software_refused(const struct fault *f, struct fault_event *e)
{
	if (e->len > HEADER && u16_at(e->payload + HEADER) == SOFTWARE &&
	    (f->n != 0 || e->payload[HEADER + 3] % 4 != 0))
		*e->err = RK_ERR_STUN_ATTRIBUTE;
	return false;
}

/* What is refused for n gets an error response. */
static bool
error_told(const struct fault *f, struct fault_event *e)
{
	static bool told;

	if (e->hook == HOOK_STUN) {
		told = *e->err == f->n && e->len >= HEADER;
		return told && take(e);
	}
	if (told)
		e->out->buf[1] = 0x11;
	return false;
}

/* Once something was refused nothing is answered. */
static bool
deafened(const struct fault *f, struct fault_event *e)
{
	static bool deaf;

	deaf = deaf || (e->hook == HOOK_STUN && *e->err != RK_OK);
	return deaf;
}

static bool
empty_crashes(const struct fault *f, struct fault_event *e)
{
	if (e->len == 0)
		abort();
	return false;
}

/* ---- the answer, changed ---- */

static bool
nth_lost(const struct fault *f, struct fault_event *e)
{
	return fault_turn(f, f->n);
}

static bool
type_is(const struct fault *f, struct fault_event *e)
{
	e->out->buf[0] = (uint8_t)(f->n >> 8);
	e->out->buf[1] = (uint8_t)f->n;
	return false;
}

/* From byte n on the id is zeros. */
static bool
id_cut(const struct fault *f, struct fault_event *e)
{
	memset(e->out->buf + AT_ID + f->n, 0, RK_STUN_ID_LEN - (size_t)f->n);
	return false;
}

static bool
id_of_before(const struct fault *f, struct fault_event *e)
{
	static uint8_t before[RK_STUN_ID_LEN];
	uint8_t id[RK_STUN_ID_LEN];

	memcpy(id, e->out->buf + AT_ID, sizeof(id));
	memcpy(e->out->buf + AT_ID, before, sizeof(id));
	memcpy(before, id, sizeof(id));
	return false;
}

/* Byte n has the bits m changed. */
static bool
byte_differs(const struct fault *f, struct fault_event *e)
{
	e->out->buf[f->n] ^= (uint8_t)f->m;
	return false;
}

/* n bytes at m are as they were before the cookie was put over them. */
static void
unmask(struct rk_writer *w, size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		w->buf[at + i] ^= cookie[i];
}

static bool
unmasked(const struct fault *f, struct fault_event *e)
{
	unmask(e->out, (size_t)f->n, (size_t)f->m);
	return false;
}

static bool
mapped_instead(const struct fault *f, struct fault_event *e)
{
	e->out->buf[AT_ATTRIBUTE + 1] = MAPPED_ADDRESS;
	unmask(e->out, AT_PORT, 2);
	unmask(e->out, AT_IP, 4);
	return false;
}

static bool
first_address(const struct fault *f, struct fault_event *e)
{
	static uint8_t first[6];
	static bool known;

	if (!known)
		memcpy(first, e->out->buf + AT_PORT, sizeof(first));
	known = true;
	memcpy(e->out->buf + AT_PORT, first, sizeof(first));
	return false;
}

static void
lengthen(struct rk_writer *w)
{
	w->buf[3] = (uint8_t)(w->len - HEADER);
}

static bool
software_added(const struct fault *f, struct fault_event *e)
{
	rk_write_u16be(e->out, SOFTWARE);
	rk_write_u16be(e->out, 4);
	rk_write_bytes(e->out, "here", 4);
	lengthen(e->out);
	return false;
}

static bool
fingerprint_added(const struct fault *f, struct fault_event *e)
{
	uint32_t crc = rk_stun_fingerprint(e->out->buf, e->out->len);

	rk_write_u16be(e->out, FINGERPRINT);
	rk_write_u16be(e->out, 4);
	rk_write_u32be(e->out, crc);
	lengthen(e->out);
	return false;
}

/* Plain IPv4; the other form would not fit. */
static bool
mapped_added(const struct fault *f, struct fault_event *e)
{
	struct rk_writer *w = e->out;
	size_t at = w->len;

	if (w->buf[AT_FAMILY] != RK_STUN_IPV4)
		return false;
	rk_write_bytes(w, w->buf + AT_ATTRIBUTE, 12);
	w->buf[at + 1] = MAPPED_ADDRESS;
	unmask(w, at + AT_PORT - AT_ATTRIBUTE, 2);
	unmask(w, at + AT_IP - AT_ATTRIBUTE, 4);
	lengthen(w);
	return false;
}

static bool
from_other_port(const struct fault *f, struct fault_event *e)
{
	const struct sockaddr *to = e->datagram->msg_name;
	int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	sendto(fd, e->out->buf, e->out->len, MSG_NOSIGNAL, to,
	    e->datagram->msg_namelen);
	close(fd);
	return true;
}

/* clang-format off */
const struct fault faults_stun[] = {
	{ "stun.never", "MUST", "R-220", "STUN is not answered", ON(STUN_ANSWER), nth_lost, 1, 0, NULL, NULL },
	{ "stun.every-10th-lost", "MUST", "R-220", "Every tenth STUN request is not answered", ON(STUN_ANSWER), nth_lost, 10, 0, NULL, NULL },
	{ "stun.type-error", "MUST", "R-220", "A STUN answer is an error response", ON(STUN_ANSWER), type_is, 0x0111, 0, NULL, NULL },
	{ "stun.type-request", "MUST", "R-220", "A STUN answer has the type of a request", ON(STUN_ANSWER), type_is, 0x0001, 0, NULL, NULL },
	{ "stun.id-zero", "MUST", "R-220", "The transaction id of a STUN answer is zeros", ON(STUN_ANSWER), id_cut, 0, 0, NULL, NULL },
	{ "stun.id-8-bytes", "MUST", "R-220", "Of the transaction id the first eight bytes come back", ON(STUN_ANSWER), id_cut, 8, 0, NULL, NULL },
	{ "stun.id-of-before", "MUST", "R-220", "A STUN answer has the transaction id of the request before", ON(STUN_ANSWER), id_of_before, 0, 0, NULL, NULL },
	{ "stun.cookie-differs", "MUST", "R-220", "The magic cookie of a STUN answer is another", ON(STUN_ANSWER), byte_differs, AT_COOKIE, 1, NULL, NULL },
	{ "stun.port-differs", "MUST", "R-221", "A STUN answer tells another port", ON(STUN_ANSWER), byte_differs, AT_PORT + 1, 1, NULL, NULL },
	{ "stun.address-differs", "MUST", "R-221", "A STUN answer tells another address", ON(STUN_ANSWER), byte_differs, AT_IP + 3, 1, NULL, NULL },
	{ "stun.port-plain", "MUST", "R-221", "The port in a STUN answer is not masked", ON(STUN_ANSWER), unmasked, AT_PORT, 2, NULL, NULL },
	{ "stun.address-plain", "MUST", "R-221", "The address in a STUN answer is not masked", ON(STUN_ANSWER), unmasked, AT_IP, 4, NULL, NULL },
	{ "stun.mapped-instead", "MUST", "R-221", "A STUN answer has MAPPED-ADDRESS instead", ON(STUN_ANSWER), mapped_instead, 0, 0, NULL, NULL },
	{ "stun.family-differs", "MUST", "R-221", "The family of the address in a STUN answer is another", ON(STUN_ANSWER), byte_differs, AT_FAMILY, 3, NULL, NULL },
	{ "stun.first-address", "MUST", "R-221", "Everybody is told the address of who asked first", ON(STUN_ANSWER), first_address, 0, 0, NULL, NULL },
	{ "stun.software-added", "SHOULD", "R-222", "A STUN answer has SOFTWARE as well", ON(STUN_ANSWER), software_added, 0, 0, NULL, NULL },
	{ "stun.fingerprint-added", "SHOULD", "R-222", "A STUN answer has FINGERPRINT as well", ON(STUN_ANSWER), fingerprint_added, 0, 0, NULL, NULL },
	{ "stun.mapped-added", "SHOULD", "R-222", "A STUN answer has MAPPED-ADDRESS as well", ON(STUN_ANSWER), mapped_added, 0, 0, NULL, NULL },
	{ "stun.length-off", "SHOULD", "R-222", "The length of a STUN answer is 4 too low", ON(STUN_ANSWER), byte_differs, 3, 4, NULL, NULL },
	{ "stun.from-other-port", "MUST", "R-223", "A STUN answer comes from a port of its own", ON(STUN_ANSWER), from_other_port, 0, 0, NULL, NULL },
	{ "stun.fingerprint-unchecked", "SHOULD", "R-224", "A STUN request with a wrong fingerprint is answered", ON(STUN), fingerprint_unchecked, 1, 0, NULL, NULL },
	{ "stun.fingerprint-error", "SHOULD", "R-224", "A STUN request with a wrong fingerprint gets an error response", ON(STUN) | ON(STUN_ANSWER), error_told, RK_ERR_STUN_FINGERPRINT, 0, NULL, NULL },
	{ "stun.fingerprint-optional", "SHOULD", "R-225", "A STUN request with attributes needs no fingerprint", ON(STUN), fingerprint_unchecked, 0, 0, NULL, NULL },
	{ "stun.software-refused", "SHOULD", "R-227", "A STUN request with SOFTWARE is not answered", ON(STUN), software_refused, 1, 0, NULL, NULL },
	{ "stun.padding-refused", "SHOULD", "R-227", "A STUN request with a padded SOFTWARE is not answered", ON(STUN), software_refused, 0, 0, NULL, NULL },
	{ "stun.cookie-unchecked", "SHOULD", "R-228", "A STUN request with any magic cookie is answered", ON(STUN), shape_unchecked, 0, 0, NULL, NULL },
	{ "stun.cookie-half-checked", "SHOULD", "R-228", "The last byte of the magic cookie is not compared", ON(STUN), shape_unchecked, 0, 3, NULL, NULL },
	{ "stun.top-bits-unchecked", "SHOULD", "R-228", "The two top bits of a STUN request are not looked at", ON(STUN), shape_unchecked, 0xc0, 4, NULL, NULL },
	{ "stun.second-bit-unchecked", "SHOULD", "R-228", "Of the two top bits of a STUN request only the first is looked at", ON(STUN), shape_unchecked, 0x40, 4, NULL, NULL },
	{ "stun.short-answered", "SHOULD", "R-228", "A STUN request of less than 20 bytes is answered", ON(STUN), shape_unchecked, 0, 4, "", NULL },
	{ "stun.deafened", "SHOULD", "R-228", "After something that is no STUN no request is answered", ON(STUN) | ON(STUN_ANSWER), deafened, 0, 0, NULL, NULL },
	{ "stun.any-method", "SHOULD", "R-229", "STUN requests of any method are answered", ON(STUN), any_method, 0, 0, NULL, NULL },
	{ "stun.method-error", "SHOULD", "R-229", "STUN requests of another method get an error response", ON(STUN) | ON(STUN_ANSWER), error_told, RK_ERR_STUN_METHOD, 0, NULL, NULL },
	{ "stun.length-unchecked", "SHOULD", "R-231", "A STUN request may be longer than its datagram", ON(STUN), length_unchecked, 1, 0, NULL, NULL },
	{ "stun.attribute-unchecked", "SHOULD", "R-231", "An attribute may be longer than its STUN request", ON(STUN), length_unchecked, 0, 0, NULL, NULL },
	{ "stun.empty-crashes", "SHOULD", "R-228", "An empty datagram crashes the relay", ON(STUN), empty_crashes, 0, 0, NULL, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
