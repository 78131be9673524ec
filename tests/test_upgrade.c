/*
 * The upgrade, from both sides, by iroh-v3's profile and by two that other
 * dialects have: what differs between them is data only.
 */
#include "config.h"

#include <string.h>

#include "codec/upgrade.h"
#include "support.h"

static const char *const derp_paths[] = { "/derp", NULL };
static const char *const derp_subprotocols[] = { "derp", NULL };
static const char *const relay_paths[] = { "/relay", NULL };
static const char *const relay_subprotocols[] = { "iroh-relay-v2",
	"iroh-relay-v1", NULL };

/* derp-v2 sections 1.2, 1.3, 1.5 */
static const struct rk_dialect derp = {
	.id = "derp-like",
	.header = { RK_HEADER_TLV32, RK_HEADER_TLV32 },
	.http = { .paths = derp_paths,
	    .raw_token = "DERP",
	    .token_any_case = true,
	    .raw_connection = true,
	    .subprotocols = derp_subprotocols,
	    .bad_upgrade_status = 426,
	    .early_bytes = true,
	    .upgrades_http10 = true },
};

/* iroh-relay-v1 section 1.4 */
static const struct rk_dialect relay_v2 = {
	.id = "iroh-relay-like",
	.header = { RK_HEADER_NONE, RK_HEADER_VARINT },
	.http = { .paths = relay_paths,
	    .subprotocols = relay_subprotocols,
	    .bad_upgrade_status = 400 },
};

static const struct rk_dialect *
v3(void)
{
	const struct rk_dialect *d = rk_dialect_by_id("iroh-v3");

	ck_assert_ptr_nonnull(d);
	return d;
}

/* RFC 6455 section 1.3 */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* Parse a head; |text| keeps its bytes. */
static void
parse(char text[1024], bool is_response, const char *first, const char *lines,
    struct rk_http_head *h)
{
	struct rk_http_limits l;
	char *end = stpcpy(stpcpy(stpcpy(text, first), lines), "\r\n");
	size_t len = (size_t)(end - text);

	rk_http_limits_default(&l);
	ck_assert_int_eq(is_response ? rk_http_parse_response(text, len, &l, h)
				     : rk_http_parse_request(text, len, &l, h),
	    RK_OK);
}

static struct rk_span
span(const char *text)
{
	return (struct rk_span){ (const uint8_t *)text, strlen(text) };
}

START_TEST(paths_are_matched_exactly)
{
	ck_assert(rk_upgrade_path(v3(), span("/relay")));
	ck_assert(rk_upgrade_path(v3(), span("/derp")));
	ck_assert(!rk_upgrade_path(v3(), span("/relay/")));
	ck_assert(!rk_upgrade_path(v3(), span("/Relay")));
	ck_assert(!rk_upgrade_path(v3(), span("/relayx")));
	ck_assert(!rk_upgrade_path(v3(), span("/rela")));
	ck_assert(!rk_upgrade_path(v3(), span("/")));
	ck_assert(!rk_upgrade_path(v3(), span("")));
	ck_assert(!rk_upgrade_path(&derp, span("/relay")));
}
END_TEST

/* ---- the server's side ---- */

enum which {
	V3,
	DERP,
	RELAY
};

struct judge_row {
	enum which dialect;
	const char *first;
	const char *fields;
	int status;
	const char *missing; /* or NULL */
	/* what the answer's fields are, whole */
	const char *answer;
};

#define GET  "GET /relay HTTP/1.1\r\n"
#define GET0 "GET /relay HTTP/1.0\r\n"
#define RAW  "upgrade: iroh derp http\r\n"
#define WS   "Upgrade: websocket\r\n"
#define K    "Sec-WebSocket-Key: " KEY "\r\n"
#define V    "Sec-WebSocket-Version: 13\r\n"
#define P    "Sec-WebSocket-Protocol: "

#define RAW_ANSWER RAW
#define WS_ANSWER                                                              \
	"upgrade: websocket\r\nsec-websocket-accept: " ACCEPT                  \
	"\r\nconnection: upgrade\r\n"
#define RELAY_ANSWER(chosen)                                                   \
	"upgrade: websocket\r\nsec-websocket-accept: " ACCEPT                  \
	"\r\nsec-websocket-protocol: " chosen "\r\nconnection: upgrade\r\n"
#define DERP_ANSWER "upgrade: DERP\r\nconnection: Upgrade\r\n"
#define VERSION_13  "sec-websocket-version: 13\r\n"

static const struct judge_row judge_rows[] = {
	/* the raw upgrade of iroh-v3, section 1.6 */
	{ V3, GET, RAW "host: example.org:8443\r\n", 101, NULL, RAW_ANSWER },
	{ V3, GET, RAW, 101, NULL, RAW_ANSWER },
	{ V3, GET, "UPGRADE: \t iroh derp http \t\r\n", 101, NULL, RAW_ANSWER },
	{ V3, GET, RAW "Connection: close\r\nCookie: x\r\n", 101, NULL,
	    RAW_ANSWER },
	{ V3, GET, RAW WS, 101, NULL, RAW_ANSWER },
	{ V3, GET, "", 400, "Upgrade", "" },
	{ V3, GET, "Upgrade:\r\n", 400, "Upgrade", "" },
	{ V3, GET, "Upgrade: h2c\r\n" RAW, 400, "Upgrade", "" },
	{ V3, GET, "Upgrade: Iroh derp http\r\n", 400, "Upgrade", "" },
	{ V3, GET, "Upgrade: iroh  derp http\r\n", 400, "Upgrade", "" },
	{ V3, GET, "Upgrade: iroh derp http, websocket\r\n", 400, "Upgrade",
	    "" },
	{ V3, GET, "Upgrade: iroh derp\r\n", 400, "Upgrade", "" },
	{ V3, GET, "Upgrade: DERP\r\n", 400, "Upgrade", "" },
	{ V3, GET0, RAW, 400, "Upgrade", "" },
	/* WebSocket, section 1.7: the order of its checks */
	{ V3, GET, WS K V, 101, NULL, WS_ANSWER },
	{ V3, GET, WS V K P "x\r\nSec-WebSocket-Extensions: y\r\n", 101, NULL,
	    WS_ANSWER },
	{ V3, GET, WS RAW K V, 101, NULL, WS_ANSWER },
	{ V3, GET, "Upgrade: WebSocket\r\n" K V, 400, "Upgrade", "" },
	{ V3, GET, "Upgrade: websocket, x\r\n" K V, 400, "Upgrade", "" },
	{ V3, GET, WS, 400, "Sec-WebSocket-Key", "" },
	{ V3, GET, WS V, 400, "Sec-WebSocket-Key", "" },
	{ V3, GET, WS "Sec-WebSocket-Version: 8\r\n", 400, "Sec-WebSocket-Key",
	    "" },
	{ V3, GET, WS K, 400, "Sec-WebSocket-Version", "" },
	{ V3, GET, WS K "Sec-WebSocket-Version: 8\r\n", 400,
	    "Sec-WebSocket-Version", VERSION_13 },
	{ V3, GET, WS K "Sec-WebSocket-Version:\r\n", 400,
	    "Sec-WebSocket-Version", VERSION_13 },
	{ V3, GET, WS K "Sec-WebSocket-Version: 13, 8\r\n", 400,
	    "Sec-WebSocket-Version", VERSION_13 },
	{ V3, GET, WS K "Sec-WebSocket-Version: 013\r\n", 400,
	    "Sec-WebSocket-Version", VERSION_13 },
	{ V3, GET, WS K "Sec-WebSocket-Version: 8\r\n" V, 400,
	    "Sec-WebSocket-Version", VERSION_13 },
	{ V3, GET0, WS K V, 400, "Upgrade", "" },

	/* a token of any case, 426, Connection beside it */
	{ DERP, GET, "Upgrade: DERP\r\n", 101, NULL, DERP_ANSWER },
	{ DERP, GET, "Upgrade: derp\r\n", 101, NULL, DERP_ANSWER },
	{ DERP, GET0, "Upgrade: Derp\r\n", 101, NULL, DERP_ANSWER },
	{ DERP, GET, "Upgrade: derp, h2c\r\n", 426, "Upgrade", "" },
	{ DERP, GET, "Upgrade: foo\r\nUpgrade: DERP\r\n", 426, "Upgrade", "" },
	{ DERP, GET, RAW, 426, "Upgrade", "" },
	{ DERP, GET, "", 426, "Upgrade", "" },
	/* WebSocket with the subprotocol; without it the raw one */
	{ DERP, GET, "Upgrade: WebSocket\r\n" K V P "foo, derp\r\n", 101, NULL,
	    RELAY_ANSWER("derp") },
	{ DERP, GET, WS K V, 101, NULL, DERP_ANSWER },
	{ DERP, GET, WS K V P "DERP\r\n", 101, NULL, DERP_ANSWER },
	{ DERP, GET, WS K P "derp\r\nSec-WebSocket-Version: 12\r\n", 400,
	    "Sec-WebSocket-Version", VERSION_13 },

	/* no raw carrier, subprotocols by the server's preference */
	{ RELAY, GET, WS K V P "iroh-relay-v1\r\n", 101, NULL,
	    RELAY_ANSWER("iroh-relay-v1") },
	{ RELAY, GET, WS K V P "iroh-relay-v1, iroh-relay-v2\r\n", 101, NULL,
	    RELAY_ANSWER("iroh-relay-v2") },
	{ RELAY, GET, WS K V P "x,iroh-relay-v2,iroh-relay-v1\r\n", 101, NULL,
	    RELAY_ANSWER("iroh-relay-v2") },
	{ RELAY, GET, WS K V P "Iroh-relay-v1\r\n", 400,
	    "Sec-WebSocket-Protocol", "" },
	{ RELAY, GET, WS K V P "iroh-relay-v3\r\n", 400,
	    "Sec-WebSocket-Protocol", "" },
	{ RELAY, GET, WS K V P "x\r\n" P "iroh-relay-v1\r\n", 400,
	    "Sec-WebSocket-Protocol", "" },
	{ RELAY, GET, WS K V, 400, "Sec-WebSocket-Protocol", "" },
	{ RELAY, GET, WS K P "iroh-relay-v1\r\n", 400, "Sec-WebSocket-Version",
	    "" },
	{ RELAY, GET, RAW, 400, "Upgrade", "" },
	{ RELAY, GET0, WS K V P "iroh-relay-v1\r\n", 400, "Upgrade", "" },
};

static const struct rk_dialect *
dialect(enum which which)
{
	return which == DERP ? &derp : which == RELAY ? &relay_v2 : v3();
}

START_TEST(requests_are_judged)
{
	const struct judge_row *row = &judge_rows[_i];
	const struct rk_dialect *d = dialect(row->dialect);
	struct rk_upgrade_request u;
	struct rk_http_head h;
	struct rk_writer w;
	uint8_t out[512];
	char text[1024];

	parse(text, false, row->first, row->fields, &h);
	rk_upgrade_judge(d, &h, &u);
	ck_assert_int_eq(u.status, row->status);
	ck_assert_pstr_eq(u.missing, row->missing);
	rk_writer_init(&w, out, sizeof(out));
	rk_upgrade_write_fields(d, &u, &w);
	ck_assert(!w.bad);
	ck_assert_bytes(out, w.len, row->answer, strlen(row->answer));
	if (u.status == 101)
		ck_assert_int_eq(u.carrier,
		    strstr(row->answer, "websocket") != NULL ? RK_CARRIER_WS
							     : RK_CARRIER_RAW);
}
END_TEST

START_TEST(a_key_may_be_anything)
{
	/* Accept values by sha1sum and base64 of coreutils. */
	static const struct {
		const char *key;
		const char *accept;
	} rows[] = {
		{ KEY, ACCEPT },
		{ "", "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=" },
		{ "x", "JVxkmtKFjDcI/Pm/AGPEKSN6wT8=" },
		{ "\xc3\xa4 =,", "4miKFQuhIcWLx1+ODwtFeEFM4Uk=" },
	};
	struct rk_upgrade_request u;
	struct rk_http_head h;
	char fields[256], text[1024];

	for (int i = 0; i < NROWS(rows); i++) {
		stpcpy(stpcpy(stpcpy(fields, WS V "Sec-WebSocket-Key: "),
			   rows[i].key),
		    "\r\n");
		parse(text, false, GET, fields, &h);
		rk_upgrade_judge(v3(), &h, &u);
		ck_assert_int_eq(u.status, 101);
		ck_assert_str_eq(u.accept, rows[i].accept);
	}
}
END_TEST

START_TEST(a_long_key_needs_no_buffer)
{
	static char key[300000];
	char accept[RK_WS_ACCEPT_SIZE];

	memset(key, 'k', sizeof(key));
	rk_ws_accept(key, sizeof(key), accept);
	ck_assert_str_eq(accept, "0Z8k9URVPi8KMXl6acHucrP2jnw=");
}
END_TEST

/* ---- the client's side ---- */

struct request_row {
	enum which dialect;
	enum rk_carrier carrier;
	const char *target;
	const char *bytes;
};

static const struct request_row request_rows[] = {
	/* iroh-v3 section 1.6, complete and exact */
	{ V3, RK_CARRIER_RAW, NULL,
	    "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\n"
	    "host: example.org:8443\r\n\r\n" },
	{ V3, RK_CARRIER_RAW, "/derp",
	    "GET /derp HTTP/1.1\r\nupgrade: iroh derp http\r\n"
	    "host: example.org:8443\r\n\r\n" },
	/* section 1.7, in that order and spelling */
	{ V3, RK_CARRIER_WS, NULL,
	    "GET /relay HTTP/1.1\r\nHost: example.org:8443\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n\r\n" },
	{ DERP, RK_CARRIER_RAW, NULL,
	    "GET /derp HTTP/1.1\r\nupgrade: DERP\r\nconnection: Upgrade\r\n"
	    "host: example.org:8443\r\n\r\n" },
	/* iroh-relay-v1 section 1.4: comma, blank, v1 last */
	{ RELAY, RK_CARRIER_WS, "/relay?x=1",
	    "GET /relay?x=1 HTTP/1.1\r\nHost: example.org:8443\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"
	    "Sec-WebSocket-Protocol: iroh-relay-v2, iroh-relay-v1\r\n\r\n" },
	{ RELAY, RK_CARRIER_RAW, NULL, NULL },
};

START_TEST(requests_are_written_exactly)
{
	const struct request_row *row = &request_rows[_i];
	struct rk_writer w;
	uint8_t out[512];

	rk_writer_init(&w, out, sizeof(out));
	rk_upgrade_write_request(dialect(row->dialect), row->carrier,
	    row->target, "example.org:8443", KEY, &w);
	ck_assert_int_eq(w.bad, row->bytes == NULL);
	if (row->bytes != NULL)
		ck_assert_bytes(out, w.len, row->bytes, strlen(row->bytes));
}
END_TEST

START_TEST(a_request_that_does_not_fit_is_bad)
{
	const char *whole = request_rows[2].bytes;
	struct rk_writer w;
	uint8_t out[512];

	for (size_t cap = 0; cap <= strlen(whole); cap++) {
		rk_writer_init(&w, out, cap);
		rk_upgrade_write_request(v3(), RK_CARRIER_WS, NULL,
		    "example.org:8443", KEY, &w);
		ck_assert_int_eq(w.bad, cap < strlen(whole));
	}
	rk_writer_init(&w, out, sizeof(out));
	rk_upgrade_write_request(v3(), RK_CARRIER_RAW, NULL, "a\r\nevil: yes",
	    NULL, &w);
	ck_assert(w.bad);
}
END_TEST

START_TEST(what_a_client_writes_a_server_takes)
{
	static const enum which dialects[] = { V3, DERP, RELAY };

	for (int i = 0; i < NROWS(dialects) * RK_NCARRIERS; i++) {
		const struct rk_dialect *d = dialect(dialects[i / 2]);
		enum rk_carrier carrier = (enum rk_carrier)(i % 2);
		struct rk_upgrade_request u;
		struct rk_http_limits l;
		struct rk_http_head h;
		struct rk_writer w;
		uint8_t request[512], answer[512];
		char key[RK_WS_KEY_SIZE];

		if (d->header[carrier] == RK_HEADER_NONE)
			continue;
		rk_http_limits_default(&l);
		rk_ws_make_key(key);
		rk_writer_init(&w, request, sizeof(request));
		rk_upgrade_write_request(d, carrier, NULL, "h", key, &w);
		ck_assert(!w.bad);
		ck_assert_int_eq(rk_http_parse_request(request, w.len, &l, &h),
		    RK_OK);
		ck_assert(rk_upgrade_path(d, h.path));
		rk_upgrade_judge(d, &h, &u);
		ck_assert_int_eq(u.status, 101);
		ck_assert_int_eq(u.carrier, carrier);

		rk_writer_init(&w, answer, sizeof(answer));
		rk_http_write_status(&w, 1, u.status);
		rk_upgrade_write_fields(d, &u, &w);
		rk_http_write_end(&w);
		ck_assert_int_eq(rk_http_parse_response(answer, w.len, &l, &h),
		    RK_OK);
		ck_assert_int_eq(rk_upgrade_check_response(d, carrier, &h, key),
		    RK_OK);
	}
}
END_TEST

START_TEST(keys_are_fresh_base64_of_16_bytes)
{
	char a[RK_WS_KEY_SIZE], b[RK_WS_KEY_SIZE];

	rk_ws_make_key(a);
	rk_ws_make_key(b);
	ck_assert_uint_eq(strlen(a), 24);
	ck_assert_str_eq(a + 22, "==");
	ck_assert_uint_eq(strspn(a,
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "abcdefghijklmnopqrstuvwxyz0123456789+/"),
	    22);
	ck_assert_str_ne(a, b);
}
END_TEST

struct answer_row {
	enum which dialect;
	enum rk_carrier carrier;
	const char *first;
	const char *fields;
	int err;
};

#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
#define UP     "upgrade: websocket\r\n"
#define CONN   "connection: upgrade\r\n"
#define ACC    "sec-websocket-accept: " ACCEPT "\r\n"

static const struct answer_row answer_rows[] = {
	/* raw: the status and nothing else */
	{ V3, RK_CARRIER_RAW, SWITCH, RAW, RK_OK },
	{ V3, RK_CARRIER_RAW, SWITCH, "", RK_OK },
	{ V3, RK_CARRIER_RAW, "HTTP/1.1 101\n", "upgrade: other\n", RK_OK },
	{ V3, RK_CARRIER_RAW, "HTTP/1.0 101 x\r\n", "", RK_OK },
	{ V3, RK_CARRIER_RAW, "HTTP/1.1 200 OK\r\n", RAW,
	    RK_ERR_UPGRADE_STATUS },
	{ V3, RK_CARRIER_RAW, "HTTP/1.1 100 x\r\n", RAW,
	    RK_ERR_UPGRADE_STATUS },
	{ V3, RK_CARRIER_RAW, "HTTP/1.1 404 x\r\n", RAW,
	    RK_ERR_UPGRADE_STATUS },
	/* WebSocket */
	{ V3, RK_CARRIER_WS, SWITCH, UP CONN ACC, RK_OK },
	{ V3, RK_CARRIER_WS, SWITCH,
	    "sec-websocket-ACCEPT:" ACCEPT " \r\nUPGRADE: WebSocket\r\n"
	    "connection: upgrade, keep-alive\r\n",
	    RK_OK },
	{ V3, RK_CARRIER_WS, SWITCH,
	    UP ACC "Connection: keep-alive\r\nConnection: UPGRADE\r\n", RK_OK },
	/* no reason, bare LF, a folded field */
	{ V3, RK_CARRIER_WS, "HTTP/1.1 101\n",
	    UP CONN ACC "Date: Mon,\n 01 Jan 2024\n", RK_OK },
	/* a body that a 101 does not have */
	{ V3, RK_CARRIER_WS, SWITCH, UP CONN ACC "Content-Length: 5\r\n",
	    RK_OK },
	{ V3, RK_CARRIER_WS, SWITCH,
	    UP CONN ACC "Transfer-Encoding: chunked\r\n", RK_OK },
	{ V3, RK_CARRIER_WS, "HTTP/1.1 400 x\r\n", UP CONN ACC,
	    RK_ERR_UPGRADE_STATUS },
	{ V3, RK_CARRIER_WS, SWITCH, CONN ACC, RK_ERR_UPGRADE_TOKEN },
	{ V3, RK_CARRIER_WS, SWITCH, RAW CONN ACC, RK_ERR_UPGRADE_TOKEN },
	{ V3, RK_CARRIER_WS, SWITCH, UP ACC, RK_ERR_UPGRADE_CONNECTION },
	{ V3, RK_CARRIER_WS, SWITCH, UP ACC "Connection: close\r\n",
	    RK_ERR_UPGRADE_CONNECTION },
	{ V3, RK_CARRIER_WS, SWITCH, UP CONN, RK_ERR_UPGRADE_ACCEPT },
	{ V3, RK_CARRIER_WS, SWITCH, UP CONN "sec-websocket-accept:\r\n",
	    RK_ERR_UPGRADE_ACCEPT },
	{ V3, RK_CARRIER_WS, SWITCH,
	    UP CONN "sec-websocket-accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
	    RK_ERR_UPGRADE_ACCEPT },
	{ V3, RK_CARRIER_WS, SWITCH,
	    UP CONN "sec-websocket-accept: " ACCEPT "=\r\n",
	    RK_ERR_UPGRADE_ACCEPT },
	{ V3, RK_CARRIER_WS, SWITCH,
	    UP CONN ACC "sec-websocket-extensions: permessage-deflate\r\n",
	    RK_ERR_UPGRADE_EXTENSION },
	{ V3, RK_CARRIER_WS, SWITCH,
	    UP CONN ACC "sec-websocket-protocol: chat\r\n",
	    RK_ERR_UPGRADE_SUBPROTOCOL },
	{ RELAY, RK_CARRIER_WS, SWITCH,
	    UP CONN ACC "sec-websocket-protocol: iroh-relay-v1\r\n", RK_OK },
	{ RELAY, RK_CARRIER_WS, SWITCH,
	    UP CONN ACC "sec-websocket-protocol: iroh-relay-v2\r\n", RK_OK },
	{ RELAY, RK_CARRIER_WS, SWITCH,
	    UP CONN ACC "sec-websocket-protocol: iroh-relay-v3\r\n",
	    RK_ERR_UPGRADE_SUBPROTOCOL },
	{ RELAY, RK_CARRIER_WS, SWITCH, UP CONN ACC,
	    RK_ERR_UPGRADE_SUBPROTOCOL },
};

START_TEST(answers_are_checked)
{
	const struct answer_row *row = &answer_rows[_i];
	struct rk_http_head h;
	char text[1024];

	parse(text, true, row->first, row->fields, &h);
	ck_assert_int_eq(rk_upgrade_check_response(dialect(row->dialect),
			     row->carrier, &h, KEY),
	    row->err);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("upgrade");
	TCase *server = tcase_create("server");
	TCase *client = tcase_create("client");

	tcase_add_test(server, paths_are_matched_exactly);
	tcase_add_rows(server, requests_are_judged, judge_rows);
	tcase_add_test(server, a_key_may_be_anything);
	tcase_add_test(server, a_long_key_needs_no_buffer);
	suite_add_tcase(s, server);

	tcase_add_rows(client, requests_are_written_exactly, request_rows);
	tcase_add_test(client, a_request_that_does_not_fit_is_bad);
	tcase_add_test(client, what_a_client_writes_a_server_takes);
	tcase_add_test(client, keys_are_fresh_base64_of_16_bytes);
	tcase_add_rows(client, answers_are_checked, answer_rows);
	suite_add_tcase(s, client);
	return run_suite(s);
}
