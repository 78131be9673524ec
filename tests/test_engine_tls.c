/* The engine over TLS. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine_orders.h"
#include "engine_stage.h"
#include "support.h"
#include "tls_certs.h"

static const struct fake_rules rules = { .on_frame = obey_orders };

static struct tls_certs certs;

static void
make_certs(void)
{
	tls_certs_make(&certs);
}

static void
remove_certs(void)
{
	tls_certs_remove(&certs);
}

static void
open_tls(struct engine_stage *s)
{
	char err[256];

	s->tls =
	    tls_server_ctx_new(certs.chain, certs.key, NULL, err, sizeof(err));
	ck_assert_msg(s->tls != NULL, "%s", err);
	s->target.cafile = certs.ca;
	stage_open(s, &rules);
}

#define LOGIN "conn A = login key=alice\n"

/* clang-format off */
static const struct {
	const char *name;
	const char *steps;
	enum result_code code;
	const char *part;
} rows[] = {
	{ "login", LOGIN ALIVE, CODE_OK, NULL },
	{ "facts", "conn A = tcp\nA <- tls version==\"1.3\" cipher~\"TLS_*\" alpn==absent", CODE_OK, NULL },
	{ "facts_of_a_login", LOGIN "A <- tls version>=\"1.2\"", CODE_OK, NULL },
	{ "at_most_1.2", "conn A = tcp tls.max=\"1.2\"\nA <- tls version==\"1.2\"", CODE_OK, NULL },
	{ "another_version", "conn A = tcp tls.max=\"1.2\"\nA <- tls version==\"1.3\"", CODE_WRONG, "tls version 1.2" },
	{ "an_offer_of_alpn", "conn A = login key=alice tls.alpn=\"http/1.1\"\nA <- tls alpn==\"http/1.1\"", CODE_OK, NULL },
	{ "http_over_tls", "conn A = http\nA -> http GET \"/nope\"\nA <- http status==400..404", CODE_OK, NULL },
	{ "keying_material", "conn A = tcp\nlet $x = export(A, \"EXPORTER-test\", 32)\nlet $y = export(A, \"EXPORTER-test\", 32)\nassert $x == $y\nA <- tls version==\"1.3\"", CODE_OK, NULL },
	{ "no_keying_material_without_tls", "conn A = tcp to=plain\nlet $x = export(A, \"EXPORTER-test\", 32)\nassert $x == $x\nconn B = login key=bob", CODE_SCRIPT, "no connection with TLS" },
	{ "plain_bytes_to_a_tls_port", "conn A = http to=plain\nA -> http GET \"/\"\nA <- http status==200 within 1s\n", CODE_CLOSED, "ended" },
	{ "tls_begun_by_the_script", "conn A = tcp to=plain\nA start tls\nA <- tls version==\"1.3\"\nA -> http GET \"/nope\"\nA <- http status==400", CODE_OK, NULL },
	{ "an_end_without_close_notify", LOGIN "A -> Ping data=x\"05*8\"\nA <- reset\nconn B = login key=bob", CODE_OK, NULL },
	{ "an_end_with_close_notify", LOGIN "A -> Ping data=x\"04*8\"\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },
};
/* clang-format on */
START_TEST(over_tls)
{
	struct engine_stage s = { 0 };
	char plain[64];

	open_tls(&s);
	/* The same port, spoken to without TLS at first. */
	snprintf(plain, sizeof(plain), "http://localhost:%u",
	    s.target.url.port);
	s.target.plain_url = plain;
	stage_expect(&s, "over raw", rows[_i].steps, rows[_i].code,
	    rows[_i].part);
	stage_close(&s);
}
END_TEST

START_TEST(a_certificate_that_nobody_signed)
{
	struct engine_stage s = { 0 };

	open_tls(&s);
	s.target.cafile = certs.other_ca;
	stage_expect(&s, "over raw", LOGIN ALIVE, CODE_CONNECT, "TLS: ");
	stage_expect(&s, "over raw",
	    "conn A = login key=alice tls.verify=no\n" ALIVE, CODE_OK, NULL);
	s.target.insecure = true;
	stage_expect(&s, "over ws", LOGIN ALIVE, CODE_OK, NULL);
	stage_expect(&s, "over raw",
	    "conn A = login key=alice tls.verify=yes\n" ALIVE, CODE_CONNECT,
	    "TLS: ");
	stage_close(&s);
}
END_TEST

START_TEST(many_over_tls)
{
	struct engine_stage s = { .real_time = true };

	open_tls(&s);
	stage_play(&s, "over ws", LOGIN ALIVE, false, 40);
	ck_assert_int_eq(s.codes[CODE_OK], 40);
	stage_close(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("engine_tls");
	TCase *t = tcase_create("tls");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, make_certs, remove_certs);
	tcase_add_rows(t, over_tls, rows);
	tcase_add_test(t, a_certificate_that_nobody_signed);
	tcase_add_test(t, many_over_tls);
	suite_add_tcase(s, t);
	return run_suite(s);
}
