/* The faults of relayd: a sound table, a list that says the same, a manual
 * that names them, and a relay that starts with each. */
#include "config.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/dialect.h"
#include "codec/errors.h"
#include "relayd/conf.h"
#include "relayd/fault.h"
#include "relayd/fault_verifier.h"
#include "relayd_process.h"
#include "support.h"

#define AT_LEAST 90

static char *
read_source(const char *name)
{
	FILE *f = fopen(source_path(name), "r");
	struct text t;
	char line[4096];

	ck_assert_ptr_nonnull(f);
	text_init(&t);
	while (fgets(line, sizeof(line), f) != NULL)
		text_add(&t, line);
	fclose(f);
	return text_take(&t);
}

/* The level of a requirement by the list of the suite; "" if it is none. */
static const char *
level_of(const char *list, const char *id, size_t len)
{
	static char level[32];
	char start[32];
	const char *p;

	snprintf(start, sizeof(start), "\n%.*s\tS\t", (int)len, id);
	p = strstr(list, start);
	level[0] = '\0';
	if (p != NULL)
		sscanf(p + strlen(start), "%31[A-Z]", level);
	return level;
}

static int
rank(const char *level)
{
	static const char *const levels[] = { "UNSPECIFIED", "MAY", "SHOULD",
		"MUST" };

	for (int i = 0; i < 4; i++)
		if (strcmp(level, levels[i]) == 0)
			return i;
	return -1;
}

START_TEST(names_are_unique)
{
	const struct fault *f, *g;
	size_t n = 0;

	for (; (f = fault_at(n)) != NULL; n++) {
		ck_assert_msg(strspn(fault_name(f),
				  "abcdefghijklmnopqrstuvwxyz0123456789.-") ==
			strlen(fault_name(f)),
		    "%s", fault_name(f));
		for (size_t k = 0; k < n; k++) {
			g = fault_at(k);
			ck_assert_str_ne(fault_name(f), fault_name(g));
			ck_assert_str_ne(fault_text(f), fault_text(g));
		}
	}
	ck_assert_uint_ge(n, AT_LEAST);
}
END_TEST

START_TEST(requirements_are_known)
{
	char *list = read_source("conformance/requirements/iroh-v3.tsv");
	const struct fault *f;

	for (size_t i = 0; (f = fault_at(i)) != NULL; i++) {
		const char *id = fault_requirements(f);
		int highest = -1;

		while (*id != '\0') {
			size_t len = strcspn(id, " ");
			int r = rank(level_of(list, id, len));

			ck_assert_msg(r >= 0, "%s: %.*s", fault_name(f),
			    (int)len, id);
			highest = r > highest ? r : highest;
			id += len + (id[len] == ' ');
		}
		ck_assert_msg(highest == rank(fault_level(f)), "%s is %s",
		    fault_name(f), fault_level(f));
	}
	free(list);
}
END_TEST

START_TEST(unknown_names)
{
	char err[128];

	ck_assert(!fault_enable("ping.neve", err, sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, "ping.never"));
	ck_assert(fault_enable("ping.never", err, sizeof(err)));
	ck_assert(
	    fault_enable("ping.never", err, sizeof(err))); /* once is on */
	ck_assert_str_eq(fault_names(), "ping.never");
	ck_assert_uint_eq(fault_hooks, UINT32_C(1) << HOOK_PING);
	fault_disable_all();
	ck_assert_str_eq(fault_names(), "");
	ck_assert_uint_eq(fault_hooks, 0);
}
END_TEST

/* A running relay has several loops, and faults are of one. */
START_TEST(a_reload_switches_none_on)
{
	char words[][32] = { "relayd", "--config", "/tmp/faults.XXXXXX" };
	char *argv[] = { words[0], words[1], words[2], NULL }, err[256] = "";
	int fd = mkstemp(words[2]);
	struct conf conf;

	ck_assert_int_eq(write(fd, "fault = \"ping.never\"\n", 21), 21);
	close(fd);
	for (int again = 1; again >= 0; again--) {
		conf_init(&conf, rk_dialects()[0]);
		conf.again = again != 0;
		ck_assert_msg(conf_parse(&conf, 3, argv, err, sizeof(err)) ==
			CONF_RUN,
		    "%s", err);
		ck_assert_str_eq(fault_names(), again ? "" : "ping.never");
		conf_clear(&conf);
	}
	fault_disable_all();
	unlink(words[2]);
}
END_TEST

START_TEST(json_says_the_same)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	json_error_t error;
	json_t *list;

	ck_assert_ptr_nonnull(out);
	fault_print(out, true);
	fclose(out);
	list = json_loads(text, 0, &error);
	ck_assert_msg(list != NULL, "%s", error.text);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i);
		const struct fault *f = fault_at(i);
		json_t *ids = json_object_get(o, "requirements");

		ck_assert_str_eq(json_string_value(json_object_get(o, "name")),
		    fault_name(f));
		ck_assert_str_eq(json_string_value(json_object_get(o, "level")),
		    fault_level(f));
		ck_assert_str_eq(json_string_value(
				     json_object_get(o, "description")),
		    fault_text(f));
		ck_assert_uint_gt(json_array_size(ids), 0);
	}
	ck_assert_ptr_null(fault_at(json_array_size(list)));
	json_decref(list);
	free(text);
}
END_TEST

/* In the manual each stands as ".It Cm NAME", in the table's order. */
START_TEST(manual_lists_all)
{
	char *page = read_source("man/relayd.8"), *p, item[128];
	const struct fault *f;
	size_t n = 0;

	p = strstr(page, ".Sh FAULTS");
	ck_assert_ptr_nonnull(p);
	for (; (f = fault_at(n)) != NULL; n++) {
		snprintf(item, sizeof(item), "\n.It Cm %s\n%s", fault_name(f),
		    fault_text(f));
		p = strstr(p, item);
		ck_assert_msg(p != NULL, "%s is not where it should be",
		    fault_name(f));
		p += strlen(item);
	}
	free(page);
}
END_TEST

/* A key; of a signature R plus a point of order 8, and S; the same S with the
 * order of the group once, seven and fifteen times. */
#define KEY   "ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1"
#define R     "4320713507b603e40b0ce55ef7115964b799c104d5b468302a39a782321533d4"
#define S     "9df0dce425cb1dbd88c9fd60744ee245d838c61c8839544c5272ad1214b4a804"
#define S_1L  "8ac4d241402e30155f66f5035348c15ad838c61c8839544c5272ad1214b4a814"
#define S_7L  "18bc956fde809e256513c3d58a23fbd7d838c61c8839544c5272ad1214b4a874"
#define S_15L "805b4457b19931e617fa7fed7ff2f27ed938c61c8839544c5272ad1214b4a8f4"

static void
read_bytes(void *to, size_t size, const char *text)
{
	size_t len;
	const uint8_t *p = hex(text, &len);

	ck_assert_uint_eq(len, size);
	memcpy(to, p, size);
}

START_TEST(a_lenient_verifier_forgives_a_small_point_and_no_more)
{
	struct rk_key key;
	uint8_t sig[RK_SIGNATURE_LEN];

	read_bytes(key.b, sizeof(key.b), KEY);
	read_bytes(sig, sizeof(sig), R S);
	ck_assert_int_eq(rk_verify(&key, "\3", 1, sig), RK_ERR_SIGNATURE);
	ck_assert(verifies_by_cofactor(&key, "\3", 1, sig));
	ck_assert(!verifies_by_cofactor(&key, "\2", 1, sig));
	for (size_t i = 0; i < sizeof(sig); i++) {
		sig[i] ^= 1;
		ck_assert(!verifies_by_cofactor(&key, "\3", 1, sig));
		sig[i] ^= 1;
	}
	read_bytes(sig, sizeof(sig), R S_1L);
	ck_assert(!verifies_by_cofactor(&key, "\3", 1, sig));
}
END_TEST

START_TEST(a_scalar_is_reduced_however_large)
{
	static const char *const more[] = { S_1L, S_7L, S_15L };
	uint8_t s[32], reduced[32];

	read_bytes(reduced, sizeof(reduced), S);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		read_bytes(s, sizeof(s), more[i]);
		ck_assert(reduce_scalar(s));
		ck_assert_bytes(s, sizeof(s), reduced, sizeof(reduced));
	}
	ck_assert(!reduce_scalar(s));
}
END_TEST

/* A relay with any of them starts, and stops when it is told to. */
START_TEST(each_starts)
{
	const struct fault *f = fault_at((size_t)_i);
	struct relay r;
	char options[128];
	int status;

	snprintf(options, sizeof(options), "--listen 127.0.0.1:0 --fault %s",
	    fault_name(f));
	relay_start(&r, options, 0);
	status = relay_stop(&r, SIGTERM);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("faults");
	Suite *suite = suite_create("faults");
	int n = 0;

	while (fault_at((size_t)n) != NULL)
		n++;
	tcase_add_test(tc, names_are_unique);
	tcase_add_test(tc, requirements_are_known);
	tcase_add_test(tc, unknown_names);
	tcase_add_test(tc, a_reload_switches_none_on);
	tcase_add_test(tc, json_says_the_same);
	tcase_add_test(tc, manual_lists_all);
	tcase_add_test(tc,
	    a_lenient_verifier_forgives_a_small_point_and_no_more);
	tcase_add_test(tc, a_scalar_is_reduced_however_large);
	tcase_add_loop_test(tc, each_starts, 0, n);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
