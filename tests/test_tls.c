/* TLS between our own ends: names, trust, versions, ALPN, exporters. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "support.h"
#include "tls_ends.h"
#include "tls_oracle.h"

/* ---- names and trust */

enum trust {
	OURS,
	OTHERS,
	SYSTEM,
	NOTHING
};

static const struct {
	enum trust trust;
	const char *name;
	bool expired;
	const char *error; /* NULL: it is accepted */
	const char *alert; /* what the server hears */
} trusts[] = {
	{ OURS, "localhost", false, NULL, NULL },
	{ OURS, "localhost.", false, NULL, NULL },
	{ OURS, "LOCALHOST", false, NULL, NULL },
	{ OURS, "a.relay.test", false, NULL, NULL },
	{ OURS, "a.relay.test.", false, NULL, NULL },
	{ OURS, "127.0.0.1", false, NULL, NULL },
	{ OURS, "::1", false, NULL, NULL },
	{ OURS, "0:0:0:0:0:0:0:1", false, NULL, NULL },
	{ OURS, "relay.test", false, "certificate: hostname mismatch",
	    "bad certificate" },
	{ OURS, "a.b.relay.test", false, "certificate: hostname mismatch",
	    "bad certificate" },
	{ OURS, "localhost.example", false, "certificate: hostname mismatch",
	    "bad certificate" },
	{ OURS, "127.0.0.2", false, "certificate: IP address mismatch",
	    "bad certificate" },
	{ OURS, "::2", false, "certificate: IP address mismatch",
	    "bad certificate" },
	{ OURS, "localhost", true, "certificate: certificate has expired",
	    "certificate expired" },
	{ OTHERS, "localhost", false,
	    "certificate: certificate signature failure", "decrypt error" },
	{ SYSTEM, "localhost", false,
	    "certificate: unable to get local issuer certificate",
	    "unknown CA" },
	{ NOTHING, "localhost", true, NULL, NULL },
	{ NOTHING, "elsewhere.example", false, NULL, NULL },
	{ NOTHING, "127.0.0.2", false, NULL, NULL },
};

START_TEST(a_certificate_is_accepted_or_refused_with_the_reason)
{
	struct tls_client_config c = {
		.cafile = trusts[_i].trust == OURS ? certs.ca
		    : trusts[_i].trust == OTHERS   ? certs.other_ca
						   : NULL,
		.insecure = trusts[_i].trust == NOTHING,
	};

	use_server(trusts[_i].expired ? certs.expired : certs.chain, certs.key,
	    NULL);
	use_client(&c);
	connect_ends(PAIR_TCP4, trusts[_i].name);
	if (trusts[_i].error == NULL) {
		TURN_UNTIL(loop, client.secured && server.secured);
		return;
	}
	TURN_UNTIL(loop, client.ended && server.ended);
	ck_assert_msg(strncmp(client.error, trusts[_i].error,
			  strlen(trusts[_i].error)) == 0,
	    "%s", client.error);
	ck_assert_int_eq(client.ending, ENDING_PROTOCOL);
	ck_assert(stream_tls_failed(client.stream));
	ck_assert(!client.secured);
	ck_assert(stream_tls_failed(server.stream));
	ck_assert_msg(strncmp(server.error, "TLS alert: ", 11) == 0 &&
		strstr(server.error, trusts[_i].alert) != NULL,
	    "%s", server.error);
}
END_TEST

START_TEST(the_systems_roots_are_where_openssl_says)
{
	struct tls_client_config c = { 0 };

	ck_assert_int_eq(setenv("SSL_CERT_FILE", certs.ca, 1), 0);
	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	establish(PAIR_TCP4, "localhost");
	unsetenv("SSL_CERT_FILE");
}
END_TEST

static const struct {
	const char *name;
	const char *sni; /* NULL: none is sent */
} sent_names[] = {
	{ "localhost", "localhost" },
	{ "localhost.", "localhost" },
	{ "127.0.0.1", NULL },
	{ "::1", NULL },
};

START_TEST(the_name_is_sent_without_its_dot_and_no_address_is)
{
	struct tls_client_config c = { .cafile = certs.ca };
	struct oracle o;
	const char *got;
	int fds[2];

	use_client(&c);
	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[0], &certs, 0);
	client.stream = stream_new_tls(loop, fds[1], client_ctx,
	    sent_names[_i].name, peer_on_event, &client);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, client.secured);
	got = SSL_get_servername(o.ssl, TLSEXT_NAMETYPE_host_name);
	ck_assert_pstr_eq(got, sent_names[_i].sni);
	oracle_clear(&o);
}
END_TEST

static const char *const no_names[] = { "", NULL };

START_TEST(what_cannot_be_a_name_is_refused)
{
	struct tls_client_config c = { .insecure = true };
	char long_name[300];
	const char *name = no_names[_i];
	int fds[2];

	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	if (name == NULL)
		name = long_name;
	use_client(&c);
	make_pair(PAIR_TCP4, fds);
	ck_assert_ptr_null(stream_new_tls(loop, fds[0], client_ctx, name,
	    peer_on_event, &client));
	close(fds[1]);
}
END_TEST

/* ---- versions, ALPN */

static const struct {
	int min, max;
	const char *version; /* NULL: they do not meet */
} versions[] = {
	{ 0, 0, "TLSv1.3" },
	{ 12, 12, "TLSv1.2" },
	{ 13, 13, "TLSv1.3" },
	{ 12, 13, "TLSv1.3" },
	{ 13, 0, "TLSv1.3" },
	{ 0, 12, "TLSv1.2" },
};

START_TEST(both_versions_work_over_everything)
{
	int row = _i / PAIR_NKINDS;
	struct tls_client_config c = { .cafile = certs.ca,
		.min_version = versions[row].min,
		.max_version = versions[row].max };

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	establish((enum pair_kind)(_i % PAIR_NKINDS), "localhost");
	ck_assert_str_eq(tls_version(stream_tls(client.stream)),
	    versions[row].version);
	ck_assert_str_eq(tls_version(stream_tls(server.stream)),
	    versions[row].version);
	ck_assert_str_eq(tls_cipher(stream_tls(client.stream)),
	    tls_cipher(stream_tls(server.stream)));
	ck_assert(stream_write(client.stream, "ping", 4));
	ck_assert(stream_write(server.stream, "pong", 4));
	TURN_UNTIL(loop, client.got.len == 4 && server.got.len == 4);
	stream_shut(client.stream);
	TURN_UNTIL(loop, server.ended);
	ck_assert_int_eq(server.ending, ENDING_EOF);
}
END_TEST

START_TEST(a_version_that_is_none_is_refused)
{
	static const struct tls_client_config bad[] = { { .min_version = 11 },
		{ .max_version = 10 }, { .min_version = 3 } };

	client_ctx = tls_client_ctx_new(&bad[_i], err, sizeof(err));
	ck_assert_ptr_null(client_ctx);
	ck_assert_str_eq(err, "TLS versions are 1.2 and 1.3");
}
END_TEST

START_TEST(the_old_versions_are_refused)
{
	static const int old[] = { TLS1_VERSION, TLS1_1_VERSION };
	struct oracle o;
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], NULL, old[_i]);
	server.stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
	    peer_on_event, &server);
	ck_assert(!oracle_handshake(&o, loop));
	TURN_UNTIL(loop, server.ended);
	ck_assert_int_eq(server.ending, ENDING_PROTOCOL);
	ck_assert_str_eq(server.error, "TLS: unsupported protocol");
	oracle_clear(&o);
}
END_TEST

static const struct {
	const char *offered;
	const char *selected; /* NULL: none, and it works without */
} alpns[] = {
	{ NULL, NULL },
	{ "http/1.1", "http/1.1" },
	{ "h2,http/1.1", "http/1.1" },
	{ "http/1.1,h2", "http/1.1" },
	{ "h2", NULL },
	{ "http/1.0", NULL },
	{ "http/1.12,x", NULL },
	{ "x,y,http/1.1", "http/1.1" },
};

START_TEST(http_1_1_is_selected_where_it_is_offered)
{
	struct tls_client_config c = { .cafile = certs.ca,
		.alpn = alpns[_i].offered };
	const char *want = alpns[_i].selected != NULL ? alpns[_i].selected : "";
	const char *got;
	size_t len;

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	establish(PAIR_TCP4, "localhost");
	got = tls_alpn(stream_tls(client.stream), &len);
	ck_assert_bytes(got, len, want, strlen(want));
	got = tls_alpn(stream_tls(server.stream), &len);
	ck_assert_bytes(got, len, want, strlen(want));
	ck_assert(stream_write(client.stream, "x", 1));
	TURN_UNTIL(loop, server.got.len == 1);
}
END_TEST

START_TEST(alpn_lists_need_names)
{
	static const char *const bad[] = { "", ",", "a,", ",a", "a,,b" };
	struct tls_client_config c = { .alpn = bad[_i] };

	client_ctx = tls_client_ctx_new(&c, err, sizeof(err));
	ck_assert_ptr_null(client_ctx);
	ck_assert_ptr_nonnull(strstr(err, "is no list of names"));
}
END_TEST

/* ---- exporter, resumption, renegotiation */

START_TEST(both_ends_export_the_same_bytes)
{
	struct tls_client_config c = { .cafile = certs.ca,
		.max_version = 12 + _i };
	uint8_t a[32], b[32], other[32];

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	connect_ends(PAIR_TCP4, "localhost");
	ck_assert_int_eq(tls_export(stream_tls(client.stream), "label", NULL, 0,
			     a, 32),
	    -1);
	TURN_UNTIL(loop, client.secured && server.secured);
	ck_assert_int_eq(tls_export(stream_tls(client.stream), "label", "ctx",
			     3, a, 32),
	    0);
	ck_assert_int_eq(tls_export(stream_tls(server.stream), "label", "ctx",
			     3, b, 32),
	    0);
	ck_assert_int_eq(tls_export(stream_tls(server.stream), "label", "cty",
			     3, other, 32),
	    0);
	ck_assert_bytes(a, 32, b, 32);
	ck_assert_int_ne(memcmp(a, other, 32), 0);
}
END_TEST

START_TEST(a_session_can_be_resumed)
{
	int version = _i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
	SSL_SESSION *session;
	struct oracle o;
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], NULL, version);
	server.stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
	    peer_on_event, &server);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, server.secured);
	ck_assert(stream_write(server.stream, "x", 1));
	TURN_UNTIL(loop, (oracle_read(&o, loop), o.got.len == 1));
	session = SSL_get1_session(o.ssl);
	ck_assert(SSL_SESSION_is_resumable(session));
	oracle_say_goodbye(&o, loop); /* else OpenSSL takes it as broken */
	oracle_clear(&o);
	peer_clear(&server);
	peer_init(&server);

	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], NULL, version);
	ck_assert_int_eq(SSL_set_session(o.ssl, session), 1);
	server.stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
	    peer_on_event, &server);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, server.secured);
	ck_assert_int_eq(SSL_session_reused(o.ssl), 1);
	oracle_write(&o, loop, "y", 1);
	TURN_UNTIL(loop, server.got.len == 1);
	SSL_SESSION_free(session);
	oracle_clear(&o);
}
END_TEST

static const struct {
	const char *offered, *chosen;
} suites[] = {
	{ NULL, "TLS_AES_128_GCM_SHA256" },
	{ "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
	    "TLS_AES_128_GCM_SHA256" },
	{ "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384" },
	{ "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
	    "TLS_AES_256_GCM_SHA384" },
	{ "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
	    "TLS_CHACHA20_POLY1305_SHA256" },
};

START_TEST(the_cheapest_suite_of_those_offered_is_chosen)
{
	struct oracle o;
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], NULL, TLS1_3_VERSION);
	if (suites[_i].offered != NULL)
		ck_assert_int_eq(SSL_set_ciphersuites(o.ssl,
				     suites[_i].offered),
		    1);
	server.stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
	    peer_on_event, &server);
	ck_assert(oracle_handshake(&o, loop));
	ck_assert_str_eq(SSL_get_cipher_name(o.ssl), suites[_i].chosen);
	TURN_UNTIL(loop, server.secured);
	ck_assert_str_eq(tls_cipher(stream_tls(server.stream)),
	    suites[_i].chosen);
	oracle_clear(&o);
}
END_TEST

START_TEST(renegotiation_is_refused_and_the_session_goes_on)
{
	struct tls_client_config c = { .cafile = certs.ca };
	struct oracle o;
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], _i == 0 ? NULL : &certs, TLS1_2_VERSION);
	server.stream =
	    stream_new_tls(loop, fds[0], _i == 0 ? server_ctx : client_ctx,
		_i == 0 ? NULL : "localhost", peer_on_event, &server);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, server.secured);
	ck_assert_int_eq(SSL_renegotiate(o.ssl), 1);
	SSL_do_handshake(o.ssl);
	oracle_flush(&o, loop);
	/* RFC 5246 7.2.2: the no_renegotiation warning, which ends OpenSSL's
	 * attempt */
	TURN_UNTIL(loop, oracle_read(&o, loop) == SSL_ERROR_SSL);
	ck_assert(!server.ended);
	ck_assert(stream_write(server.stream, "x", 1));
	ck_assert_int_eq(stream_ending(server.stream), ENDING_NONE);
	oracle_clear(&o);
}
END_TEST

/* ---- streams */

START_TEST(tls_may_begin_behind_plain_bytes)
{
	struct tls_client_config c = { .cafile = certs.ca };
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	make_pair(PAIR_TCP4, fds);
	server.stream = stream_new(loop, fds[0], peer_on_event, &server);
	client.stream = stream_new(loop, fds[1], peer_on_event, &client);
	ck_assert(stream_write(client.stream, "CONNECT", 7));
	TURN_UNTIL(loop, server.got.len == 7);
	ck_assert(stream_start_tls(server.stream, server_ctx, NULL));
	ck_assert(!stream_start_tls(server.stream, server_ctx, NULL));
	ck_assert(stream_start_tls(client.stream, client_ctx, "localhost"));
	TURN_UNTIL(loop, client.secured && server.secured);
	ck_assert(stream_write(client.stream, " secret", 7));
	TURN_UNTIL(loop, server.got.len == 14);
	ck_assert_str_eq(server.got.s, "CONNECT secret");
}
END_TEST

START_TEST(tls_does_not_begin_on_top_of_what_waits)
{
	static char block[65536];
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	make_pair(PAIR_TCP4, fds);
	server.stream = stream_new(loop, fds[0], peer_on_event, &server);
	server.keep = true;
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	TURN_UNTIL(loop, server.ninputs > 0);
	ck_assert(!stream_start_tls(server.stream, server_ctx, NULL));
	stream_consume(server.stream, 1);
	while (stream_queued(server.stream) == 0)
		ck_assert(stream_write(server.stream, block, sizeof(block)));
	ck_assert(!stream_start_tls(server.stream, server_ctx, NULL));
	while (stream_queued(server.stream) > 0) {
		ck_assert(
		    read(fds[1], block, sizeof(block)) > 0 || errno == EAGAIN);
		loop_turn(loop, 0);
	}
	ck_assert(stream_start_tls(server.stream, server_ctx, NULL));
	close(fds[1]);
}
END_TEST

#define BULK 3000000

START_TEST(bulk_in_both_directions_arrives_whole)
{
	struct tls_client_config c = { .cafile = certs.ca,
		.max_version = 12 + _i % 2 };
	uint8_t *up = xmalloc(BULK), *down = xmalloc(BULK);
	uint64_t state = 11;
	size_t at = 0, piece = 1;

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	connect_ends((enum pair_kind)(_i / 2), "localhost");
	make_buffers_small(stream_fd(server.stream));
	make_buffers_small(stream_fd(client.stream));
	test_fill(&state, up, BULK);
	test_fill(&state, down, BULK);
	/* queued before the handshake, and in pieces while it goes on */
	ck_assert(stream_write(server.stream, down, BULK));
	for (; at < BULK; at += piece, piece = piece * 3 % 19997 + 1) {
		if (piece > BULK - at)
			piece = BULK - at;
		ck_assert(stream_write(client.stream, up + at, piece));
		loop_turn(loop, 0);
	}
	stream_shut(client.stream);
	stream_shut(server.stream);
	TURN_UNTIL(loop, client.ended && server.ended);
	ck_assert_int_eq(client.ending, ENDING_EOF);
	ck_assert_int_eq(server.ending, ENDING_EOF);
	ck_assert_bytes(server.got.s, server.got.len, up, BULK);
	ck_assert_bytes(client.got.s, client.got.len, down, BULK);
	ck_assert_uint_eq(stream_bytes_in(client.stream), BULK);
	ck_assert_uint_eq(stream_bytes_out(client.stream), BULK);
	free(up);
	free(down);
}
END_TEST

/* Records of application data among those of |t|, RFC 8446 5.1. */
static size_t
count_data_records(const struct text *t)
{
	const uint8_t *p = (const uint8_t *)t->s;
	size_t n = 0, at = 0;

	while (at + 5 <= t->len) {
		n += p[at] == 23;
		at += 5 + (size_t)(p[at + 3] << 8 | p[at + 4]);
	}
	ck_assert_uint_eq(at, t->len);
	return n;
}

static void
on_tap_out(void *arg, enum tap_kind kind, const void *p, size_t len)
{
	if (kind == TAP_OUT)
		text_add_n(arg, p, len);
}

/* Ends of pieces before, at and behind that of a record, and empty ones. */
START_TEST(pieces_of_every_size_make_few_records)
{
	static const size_t sizes[] = { 0, 1, 16382, 1, 1, 0, 16383, 16384,
		40000, 7, 5000, 6000, 7000, 0, 3, 16385, 0 };
	struct tls_client_config c = { .cafile = certs.ca,
		.max_version = 12 + _i };
	struct iovec v[NROWS(sizes)];
	uint8_t *all = xmalloc(BULK);
	uint64_t state = 12;
	struct text out;
	size_t len = 0;

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	establish(PAIR_TCP4, "localhost");
	text_init(&out);
	stream_set_tap(client.stream, on_tap_out, &out);
	test_fill(&state, all, BULK);
	for (int i = 0; i < NROWS(sizes); i++) {
		v[i] = (struct iovec){ all + len, sizes[i] };
		len += sizes[i];
	}
	ck_assert(stream_writev(client.stream, v, NROWS(sizes)));
	TURN_UNTIL(loop, server.got.len == len);
	ck_assert_bytes(server.got.s, server.got.len, all, len);
	ck_assert_uint_eq(count_data_records(&out), (len + 16383) / 16384);
	ck_assert_uint_eq(stream_bytes_out(client.stream), len);
	text_clear(&out);
	free(all);
}
END_TEST

/* A record of many pieces waits inside of OpenSSL; the rest waits with us, in
 * another place. */
START_TEST(pieces_may_wait_anywhere)
{
	struct tls_client_config c = { .cafile = certs.ca,
		.max_version = 12 + _i };
	uint8_t *all = xmalloc(BULK);
	uint64_t state = 13;
	size_t at = 0, piece = 1, waited = 0;

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	establish(PAIR_TCP4, "localhost");
	make_buffers_small(stream_fd(client.stream));
	make_buffers_small(stream_fd(server.stream));
	test_fill(&state, all, BULK);
	while (at < BULK) {
		struct iovec v[16];
		int n = 0;

		for (; n < 16 && at < BULK; n++) {
			piece = piece * 7 % 9973 + 1;
			if (piece > BULK - at)
				piece = BULK - at;
			v[n] = (struct iovec){ all + at, piece };
			at += piece;
		}
		ck_assert(stream_writev(client.stream, v, n));
		waited += stream_queued(client.stream) > 0;
		TURN_UNTIL(loop, stream_queued(client.stream) == 0);
	}
	TURN_UNTIL(loop, server.got.len == BULK);
	ck_assert_bytes(server.got.s, server.got.len, all, BULK);
	ck_assert_uint_gt(waited, 5);
	free(all);
}
END_TEST

#define NSESSIONS 4
#define SHARE     60000

/* All but the first, which leaves early. */
static bool
all_have(const struct peer *p, size_t len)
{
	for (int i = 1; i < NSESSIONS; i++) {
		if (p[i].got.len < len)
			return false;
	}
	return true;
}

/* Each takes a little of what one read brings, and then it is another's turn:
 * all sessions of a loop read into one place. */
START_TEST(sessions_that_read_little_at_a_time_do_not_mix)
{
	struct tls_client_config c = { .cafile = certs.ca };
	struct peer from[NSESSIONS], to[NSESSIONS];
	uint8_t *bytes = xmalloc(NSESSIONS * SHARE);
	uint64_t state = 12;

	test_fill(&state, bytes, NSESSIONS * SHARE);
	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	for (int i = 0; i < NSESSIONS; i++) {
		int fds[2];

		make_pair(PAIR_TCP4, fds);
		peer_init(&from[i]);
		peer_init(&to[i]);
		to[i].stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
		    peer_on_event, &to[i]);
		from[i].stream = stream_new_tls(loop, fds[1], client_ctx,
		    "localhost", peer_on_event, &from[i]);
		stream_set_input_max(to[i].stream, 1000);
		ck_assert(
		    stream_write(from[i].stream, bytes + i * SHARE, SHARE));
	}
	/* one leaves while bytes of its lie there */
	TURN_UNTIL(loop, to[0].got.len >= 1000);
	peer_clear(&to[0]);
	TURN_UNTIL(loop, all_have(to, SHARE));
	for (int i = 1; i < NSESSIONS; i++)
		ck_assert_bytes(to[i].got.s, to[i].got.len, bytes + i * SHARE,
		    SHARE);
	for (int i = 0; i < NSESSIONS; i++) {
		peer_clear(&from[i]);
		if (i > 0)
			peer_clear(&to[i]);
	}
	free(bytes);
}
END_TEST

/* How many ends have heard something. */
static int
count_answers(const int *fd, int n)
{
	int answers = 0;

	for (int i = 0; i < n; i++) {
		char byte;

		answers += recv(fd[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
	}
	return answers;
}

/* All of a turn would be the milliseconds of a few hundred signatures, and
 * whoever has work of another kind would wait for them. */
START_TEST(a_crowd_that_shakes_hands_leaves_time_for_others)
{
	enum {
		N = 250
	};
	struct oracle o;
	struct text hello;
	struct peer to[N];
	int fds[2], fd[N], turns = 0;

	make_pair(PAIR_SOCKETPAIR, fds);
	oracle_init(&o, fds[0], NULL, 0);
	close(fds[1]);
	ck_assert_int_lt(SSL_do_handshake(o.ssl), 0);
	text_init(&hello);
	oracle_take(&o, &hello);
	use_server(certs.chain, certs.key, NULL);
	for (int i = 0; i < N; i++) {
		make_pair(PAIR_SOCKETPAIR, fds);
		fd[i] = fds[1];
		ck_assert_int_eq(write(fd[i], hello.s, hello.len),
		    (ssize_t)hello.len);
		peer_init(&to[i]);
		to[i].stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
		    peer_on_event, &to[i]);
	}
	for (int before = -1, now = 0; now < N; before = now, turns++) {
		loop_turn(loop, -1);
		now = count_answers(fd, N);
		ck_assert_int_gt(now, before); /* it goes on … */
	}
	ck_assert_int_gt(turns, 1); /* … in parts */
	for (int i = 0; i < N; i++) {
		peer_clear(&to[i]);
		close(fd[i]);
	}
	text_clear(&hello);
	oracle_clear(&o);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls");
	TCase *tc = tcase_create("tls");
	int status;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup_ends, teardown_ends);
	tcase_add_rows(tc, a_certificate_is_accepted_or_refused_with_the_reason,
	    trusts);
	tcase_add_test(tc, the_systems_roots_are_where_openssl_says);
	tcase_add_rows(tc, the_name_is_sent_without_its_dot_and_no_address_is,
	    sent_names);
	tcase_add_rows(tc, what_cannot_be_a_name_is_refused, no_names);
	tcase_add_loop_test(tc, both_versions_work_over_everything, 0,
	    NROWS(versions) * PAIR_NKINDS);
	tcase_add_loop_test(tc, a_version_that_is_none_is_refused, 0, 3);
	tcase_add_loop_test(tc, the_old_versions_are_refused, 0, 2);
	tcase_add_rows(tc, http_1_1_is_selected_where_it_is_offered, alpns);
	tcase_add_loop_test(tc, alpn_lists_need_names, 0, 5);
	tcase_add_loop_test(tc, both_ends_export_the_same_bytes, 0, 2);
	tcase_add_loop_test(tc, a_session_can_be_resumed, 0, 2);
	tcase_add_loop_test(tc, the_cheapest_suite_of_those_offered_is_chosen,
	    0, NROWS(suites));
	tcase_add_loop_test(tc,
	    renegotiation_is_refused_and_the_session_goes_on, 0, 2);
	tcase_add_test(tc, tls_may_begin_behind_plain_bytes);
	tcase_add_test(tc, tls_does_not_begin_on_top_of_what_waits);
	tcase_add_test(tc, sessions_that_read_little_at_a_time_do_not_mix);
	tcase_add_test(tc, a_crowd_that_shakes_hands_leaves_time_for_others);
	tcase_add_loop_test(tc, bulk_in_both_directions_arrives_whole, 0,
	    2 * PAIR_NKINDS);
	tcase_add_loop_test(tc, pieces_of_every_size_make_few_records, 0, 2);
	tcase_add_loop_test(tc, pieces_may_wait_anywhere, 0, 2);
	suite_add_tcase(s, tc);
	tls_certs_make(&certs);
	status = run_suite(s);
	tls_certs_remove(&certs);
	return status;
}
