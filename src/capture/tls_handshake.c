/* type u8 | length u24 | that many bytes (RFC 8446, 4) */
#include "config.h"

#include "capture/tls_handshake.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define BODY_MAX (64u << 10) /* of messages that are read */

/* RFC 8446, 4.2; RFC 5077, 3.2; RFC 6066, 3 */
enum extension {
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_SESSION_TICKET = 35,
	EXTENSION_EARLY_DATA = 42,
	EXTENSION_SUPPORTED_VERSIONS = 43
};

/* RFC 8446, 4.1.3: SHA-256 of "HelloRetryRequest" */
static const uint8_t retry_random[TLS_RANDOM_LEN] = { 0xcf, 0x21, 0xad, 0x74,
	0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2,
	0xc8, 0xa8, 0x33, 0x9c };

/* ---- putting together ---- */

void
tls_messages_clear(struct tls_messages *m)
{
	free(m->body);
	*m = (struct tls_messages){ 0 };
}

static bool
is_read(const struct tls_messages *m)
{
	switch (m->header[0]) {
	case TLS_CLIENT_HELLO:
	case TLS_SERVER_HELLO:
	case TLS_NEW_SESSION_TICKET:
	case TLS_ENCRYPTED_EXTENSIONS:
	case TLS_KEY_UPDATE:
		return m->left <= BODY_MAX;
	default:
		return false;
	}
}

static void
add_body(struct tls_messages *m, const uint8_t *p, size_t len)
{
	if (m->cap - m->len < len) {
		m->cap = 2 * (m->len + len);
		m->body = xreallocarray(m->body, m->cap, 1);
	}
	memcpy(m->body + m->len, p, len);
	m->len += len;
}

/* |m| is for the next one when |message| is called. */
static void
finish(struct tls_messages *m, tls_message_cb message, void *arg)
{
	static const uint8_t empty;
	struct tls_messages done = *m;

	*m = (struct tls_messages){ 0 };
	message(arg, done.header[0],
	    !done.read              ? NULL
		: done.body != NULL ? done.body
				    : &empty,
	    done.len);
	free(done.body);
}

void
tls_messages_feed(struct tls_messages *m, const uint8_t *p, size_t len,
    tls_message_cb message, void *arg)
{
	while (len > 0 || (m->have == sizeof(m->header) && m->left == 0)) {
		size_t n;

		if (m->have < sizeof(m->header)) {
			m->header[m->have++] = *p++;
			len--;
			m->left = (size_t)m->header[1] << 16 |
			    (size_t)m->header[2] << 8 | m->header[3];
			m->read = is_read(m);
			continue;
		}
		n = len < m->left ? len : m->left;
		if (m->read && n > 0)
			add_body(m, p, n);
		if (n > 0)
			p += n;
		len -= n;
		m->left -= n;
		if (m->left == 0)
			finish(m, message, arg);
	}
}

/* ---- reading ---- */

static struct rk_span
read_vector8(struct rk_reader *r)
{
	return rk_read_span(r, rk_read_u8(r));
}

static struct rk_span
read_vector16(struct rk_reader *r)
{
	return rk_read_span(r, rk_read_u16be(r));
}

/* The next extension of |r|; false at the end. */
static bool
next_extension(struct rk_reader *r, uint16_t *type, struct rk_span *body)
{
	if (r->left == 0 || r->bad)
		return false;
	*type = rk_read_u16be(r);
	*body = read_vector16(r);
	return !r->bad;
}

/* length u16 | type u8, 0: host_name | length u16 | name */
static struct rk_span
read_server_name(struct rk_span body)
{
	struct rk_reader r;
	struct rk_span name;

	rk_reader_init(&r, body.p, body.len);
	rk_read_u16be(&r);
	if (rk_read_u8(&r) != 0)
		return (struct rk_span){ 0 };
	name = read_vector16(&r);
	return r.bad ? (struct rk_span){ 0 } : name;
}

bool
tls_client_hello_read(struct tls_client_hello *h, const uint8_t *p, size_t len)
{
	struct tls_client_hello out = { 0 };
	struct rk_reader r, extensions;
	struct rk_span all, body;
	uint16_t type;

	rk_reader_init(&r, p, len);
	rk_read_u16be(&r); /* version */
	out.random = rk_read_span(&r, TLS_RANDOM_LEN).p;
	out.session_id = read_vector8(&r);
	read_vector16(&r); /* suites */
	read_vector8(&r);  /* compressions */
	all = r.left > 0 ? read_vector16(&r) : (struct rk_span){ p, 0 };
	if (r.bad)
		return false;
	rk_reader_init(&extensions, all.p, all.len);
	while (next_extension(&extensions, &type, &body)) {
		if (type == EXTENSION_SERVER_NAME)
			out.server_name = read_server_name(body);
		else if (type == EXTENSION_SESSION_TICKET)
			out.ticket = body;
		else if (type == EXTENSION_EARLY_DATA)
			out.early_data = true;
	}
	if (extensions.bad)
		return false;
	*h = out;
	return true;
}

bool
tls_server_hello_read(struct tls_server_hello *h, const uint8_t *p, size_t len)
{
	struct tls_server_hello out = { 0 };
	struct rk_reader r, extensions, version;
	struct rk_span all, body;
	uint16_t type;

	rk_reader_init(&r, p, len);
	out.version = rk_read_u16be(&r);
	out.random = rk_read_span(&r, TLS_RANDOM_LEN).p;
	out.session_id = read_vector8(&r);
	out.suite = rk_read_u16be(&r);
	rk_read_u8(&r); /* compression */
	all = r.left > 0 ? read_vector16(&r) : (struct rk_span){ p, 0 };
	if (r.bad)
		return false;
	rk_reader_init(&extensions, all.p, all.len);
	while (next_extension(&extensions, &type, &body)) {
		if (type != EXTENSION_SUPPORTED_VERSIONS)
			continue;
		rk_reader_init(&version, body.p, body.len);
		out.version = rk_read_u16be(&version);
	}
	if (extensions.bad)
		return false;
	out.retry = memcmp(out.random, retry_random, TLS_RANDOM_LEN) == 0;
	*h = out;
	return true;
}

bool
tls_takes_early_data(const uint8_t *p, size_t len)
{
	struct rk_reader r, extensions;
	struct rk_span all, body;
	uint16_t type;

	rk_reader_init(&r, p, len);
	all = read_vector16(&r);
	rk_reader_init(&extensions, all.p, all.len);
	while (next_extension(&extensions, &type, &body))
		if (type == EXTENSION_EARLY_DATA)
			return true;
	return false;
}

/* lifetime u32 | length u16 | ticket */
struct rk_span
tls_ticket_read(const uint8_t *p, size_t len)
{
	struct rk_reader r;
	struct rk_span ticket;

	rk_reader_init(&r, p, len);
	rk_read_u32be(&r);
	ticket = read_vector16(&r);
	return r.bad ? (struct rk_span){ p, 0 } : ticket;
}
