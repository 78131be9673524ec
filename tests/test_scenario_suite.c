/*
 * The suite itself and the examples of the manual page: they parse, they are
 * laid out as the formatter would, they cover requirements that exist, and
 * no beginning of one of them brings the parser down.
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "scenario/fmt.h"
#include "scenario/instance.h"
#include "scenario/oracle.h"
#include "scenario/parse.h"
#include "scenario/parser.h"
#include "scenario_dump.h"
#include "support.h"

#define SUITE_DIR "conformance/scenarios/iroh-v3"

static char *names[64];
static size_t nnames;

static char *
read_whole(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *text;
	long size;

	ck_assert_msg(f != NULL, "cannot open %s", path);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	ck_assert_int_ge(size, 0);
	rewind(f);
	text = malloc((size_t)size + 1);
	ck_assert_ptr_nonnull(text);
	*len = fread(text, 1, (size_t)size, f);
	ck_assert_int_eq((long)*len, size);
	text[*len] = '\0';
	fclose(f);
	return text;
}

static void
add_folder(const char *folder)
{
	DIR *d = opendir(source_path(folder));
	struct dirent *e;

	if (d == NULL) {
		fprintf(stderr, "cannot open %s\n", source_path(folder));
		exit(99);
	}
	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n > 4 && strcmp(e->d_name + n - 4, ".rly") == 0 &&
		    nnames < sizeof(names) / sizeof(names[0]))
			names[nnames++] = xasprintf("%s/%s", folder, e->d_name);
	}
	closedir(d);
}

static struct script *
load(const char *path)
{
	struct text errors;
	struct script *s;

	text_init(&errors);
	s = script_load(path, NULL, &errors);
	ck_assert_msg(s != NULL, "%s", text_str(&errors));
	text_clear(&errors);
	return s;
}

START_TEST(each_file_parses_and_names_its_scenarios_alike)
{
	struct script *s = load(source_path(names[_i]));
	const char *slash = strrchr(names[_i], '/') + 1;
	int topic = (int)(strlen(slash) - strlen(".rly"));
	bool lib = strstr(names[_i], "/lib/") != NULL;

	ck_assert(
	    lib ? s->nscenarios == 0 && s->nprocs > 0 : s->nscenarios > 0);
	/* ping.* are in liveness.rly. */
	for (size_t i = 0; i < s->nscenarios; i++)
		ck_assert_msg(strncmp(s->scenarios[i]->id, slash,
				  (size_t)topic) == 0 ||
			strncmp(s->scenarios[i]->id, "ping.", 5) == 0,
		    "%s in %s", s->scenarios[i]->id, slash);
	script_free(s);
}
END_TEST

START_TEST(each_file_is_laid_out_as_the_formatter_would)
{
	struct text errors, before, after;
	size_t len;
	char *text = read_whole(source_path(names[_i]), &len);
	char *out;
	struct script *s;

	text_init(&errors);
	text_init(&before);
	text_init(&after);
	out = script_format(names[_i], text, len, &errors);
	ck_assert_ptr_nonnull(out);
	ck_assert_str_eq(out, text);
	free(out);
	/* A wild layout means the same and comes back to this one. */
	for (size_t i = 0; i < len; i++)
		if (text[i] == ' ' && (i == 0 || text[i - 1] == '\n'))
			text[i] = '\t';
	out = script_format(names[_i], text, len, &errors);
	ck_assert_ptr_nonnull(out);
	s = load(source_path(names[_i]));
	dump_script(s, &before);
	script_free(s);
	s = script_parse(source_path(names[_i]), out, strlen(out), NULL,
	    &errors);
	ck_assert_msg(s != NULL, "%s", text_str(&errors));
	dump_script(s, &after);
	script_free(s);
	ck_assert_str_eq(text_str(&after), text_str(&before));
	free(out);
	free(text);
	text_clear(&before);
	text_clear(&after);
}
END_TEST

/* Of exactly that size, so that a step beyond it is seen; true if it is a
 * script. */
static bool
try_text(const char *file, const char *text, size_t n)
{
	struct text errors;
	char *cut = malloc(n > 0 ? n : 1);
	struct script *s;
	bool good;

	ck_assert_ptr_nonnull(cut);
	memcpy(cut, text, n);
	text_init(&errors);
	s = script_parse(file, cut, n, NULL, &errors);
	good = s != NULL;
	ck_assert(good == (errors.len == 0));
	script_free(s);
	text_clear(&errors);
	free(cut);
	return good;
}

static void
try_format(const char *text, size_t n)
{
	struct text errors;
	char *out;

	text_init(&errors);
	out = script_format("t", text, n, &errors);
	ck_assert((out == NULL) == (errors.len > 0));
	free(out);
	text_clear(&errors);
}

/* Each byte of |body| (a scenario, or what stands in front of the first) as
 * the last one, behind a head. */
static void
try_beginnings(const char *body, size_t len)
{
	static const char head[] = "rly 1\ndialect iroh-v3\n";
	struct text t;

	text_init(&t);
	text_add(&t, head);
	text_add_n(&t, body, len);
	for (size_t n = 0; n <= len; n++) {
		try_text("t.rly", t.s, sizeof(head) - 1 + n);
		if (n % 16 == 0)
			try_format(t.s, sizeof(head) - 1 + n);
	}
	text_clear(&t);
}

/* What comes before a scenario does not change how it is cut: so each byte
 * of each scenario by itself, and whole files at each line. */
START_TEST(no_beginning_of_a_file_brings_the_parser_down)
{
	size_t len;
	char *text = read_whole(source_path(names[_i]), &len);
	const char *body = text;
	size_t good = 0;

	for (size_t n = 0; n <= len; n++) {
		if (n > 0 && text[n - 1] != '\n')
			continue;
		good += try_text(source_path(names[_i]), text, n);
	}
	ck_assert_uint_gt(good, 0);
	while (body != NULL) {
		const char *next = strstr(body + 1, "\nscenario ");

		try_beginnings(body,
		    next != NULL ? (size_t)(next - body) : strlen(body));
		body = next;
	}
	free(text);
}
END_TEST

/* ---- requirements ---- */

struct requirement {
	char id[16];
	char side[8];
	char level[16];
	bool covered;
};

static struct requirement requirements[400];
static size_t nrequirements;

static void
read_requirements(void)
{
	size_t len;
	char *text = read_whole(source_path("conformance/requirements/"
					    "iroh-v3.tsv"),
	    &len);
	char *rest = text;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		struct requirement *r = &requirements[nrequirements];
		const char *tabs = line;
		int columns = 1;

		if (strncmp(line, "R-", 2) != 0)
			continue;
		for (; *tabs != '\0'; tabs++)
			columns += *tabs == '\t';
		/* the sixth says why no case can be */
		ck_assert_msg(columns == 5 || columns == 6, "%d columns in: %s",
		    columns, line);
		ck_assert_int_eq(sscanf(line, "%15s\t%7s\t%15s\t", r->id,
				     r->side, r->level),
		    3);
		nrequirements++;
	}
	free(text);
}

static struct requirement *
find_requirement(const char *id)
{
	const char *slash = strchr(id, '/');

	ck_assert_ptr_nonnull(slash);
	for (size_t i = 0; i < nrequirements; i++)
		if (strcmp(requirements[i].id, slash + 1) == 0)
			return &requirements[i];
	ck_abort_msg("there is no %s", id);
	return NULL;
}

/* MAY and UNSPECIFIED are both only reported. */
static const char *
judged_as(const struct requirement *r)
{
	return strcmp(r->level, "MAY") == 0 ? "UNSPECIFIED" : r->level;
}

static void
check_levels(const struct scenario *sc)
{
	const struct requirement *first = find_requirement(sc->covers[0]);

	for (size_t i = 0; i < sc->ncovers; i++) {
		struct requirement *r = find_requirement(sc->covers[i]);

		r->covered = true;
		ck_assert_msg(strcmp(judged_as(r), judged_as(first)) == 0,
		    "%s covers %s (%s) and %s (%s)", sc->id, first->id,
		    first->level, r->id, r->level);
	}
}

/*
 * All that is about servers, as far as a relay seen from outside shows them;
 * the numbers left out are named with their reason.
 */
START_TEST(the_suite_covers_what_can_be_seen_from_outside)
{
	static const char *const unseen[] = {
		"R-126", /* there is nothing to see */
		"R-145", /* no bound to hold it to */
		NULL
	};
	size_t total = 0;

	read_requirements();
	for (size_t n = 0; n < nnames; n++) {
		struct script *s = load(source_path(names[n]));

		for (size_t i = 0; i < s->nscenarios; i++)
			check_levels(s->scenarios[i]);
		total += s->nscenarios;
		script_free(s);
	}
	ck_assert_uint_ge(total, 150);
	for (size_t i = 0; i < nrequirements; i++) {
		const struct requirement *r = &requirements[i];
		bool excused = false;

		for (size_t u = 0; unseen[u] != NULL; u++)
			excused |= strcmp(unseen[u], r->id) == 0;
		if (strcmp(r->side, "S") == 0)
			ck_assert_msg(r->covered != excused, "%s is %scovered",
			    r->id, r->covered ? "" : "not ");
	}
}
END_TEST

START_TEST(the_histories_of_the_beginning_are_there)
{
	struct script *s = load(source_path(SUITE_DIR "/seed.rly"));

	ck_assert_uint_eq(s->nscenarios, 2);
	ck_assert_str_eq(s->scenarios[0]->id, "seed.io-basic");
	ck_assert_str_eq(s->scenarios[1]->id, "seed.read-eof");
	script_free(s);
}
END_TEST

/* ---- the manual page ---- */

#define PAGE "man/relay-scenario.7"

/* A literal display of mdoc as it is shown. */
static void
add_shown(struct text *out, const char *line)
{
	for (; *line != '\0'; line++) {
		if (line[0] == '\\' && line[1] == 'e') {
			text_add(out, "\\");
			line++;
		} else if (line[0] == '\\' && line[1] == '&') {
			line++;
		} else {
			text_add_n(out, line, 1);
		}
	}
	text_add(out, "\n");
}

START_TEST(the_examples_of_the_manual_page_are_scripts)
{
	size_t len, examples = 0, scenarios = 0;
	char *page = read_whole(source_path(PAGE), &len);
	char *rest = page;
	char *line;
	struct text example, errors;
	bool inside = false;

	text_init(&example);
	text_init(&errors);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, ".Bd -literal", 12) == 0) {
			inside = true;
			text_reset(&example);
		} else if (strcmp(line, ".Ed") == 0) {
			struct script *s;

			inside = false;
			if (strncmp(text_str(&example), "rly ", 4) != 0)
				continue;
			examples++;
			s = script_parse(PAGE, text_str(&example), example.len,
			    NULL, &errors);
			ck_assert_msg(s != NULL, "%s", text_str(&errors));
			scenarios += s->nscenarios;
			script_free(s);
		} else if (inside) {
			add_shown(&example, line);
		}
	}
	ck_assert_uint_ge(examples, 4);
	ck_assert_uint_ge(scenarios, 6);
	text_clear(&example);
	text_clear(&errors);
	free(page);
}
END_TEST

START_TEST(the_manual_page_names_every_word)
{
	static const char *const others[] = { "rly", "dialect", "include",
		"frame", "proc", "scenario", "shut", "close", "abort", "pause",
		"resume", "start", "write", "drain", "increasing", "quiet",
		"within", "not-before", "optional", "count", "then", "named",
		"ingress", "gone",
		"key=", "carrier=", "to=", "confirm=", "autopong=", "rcvbuf=",
		"tls.alpn=", "tls.sni=", "tls.min=", "tls.max=", "tls.verify=",
		"chop=", "every=", "cut=", "len=", "patch", "rand", "fill",
		"disco", "pub", "sign", "flip", "cat", "u16", "u32", "b64",
		"ws-accept", "export", "seed", NULL };
	const char *const *const lists[] = { step_words, meta_words, others };
	size_t len;
	char *page = read_whole(source_path(PAGE), &len);

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++)
		for (const char *const *w = lists[l]; *w != NULL; w++) {
			char *bold = xasprintf("Cm %s", *w);
			char *listed = xasprintf(", %s ", *w);
			char *quoted = xasprintf("\"%s\"", *w);

			ck_assert_msg(strstr(page, bold) != NULL ||
				strstr(page, listed) != NULL ||
				strstr(page, quoted) != NULL,
			    "%s", *w);
			free(bold);
			free(listed);
			free(quoted);
		}
	free(page);
}
END_TEST

/* ---- the grammar, word by word ---- */

#define WORD_CHARS "abcdefghijklmnopqrstuvwxyz0123456789.-"

/* Words, each between blanks. */
static bool
has_word(const struct text *words, const char *word, size_t len)
{
	char *blanks = xasprintf(" %.*s ", (int)len, word);
	bool has = strstr(text_str(words), blanks) != NULL;

	free(blanks);
	return has;
}

/* What stands in quotes, if it is a word. */
static void
add_word_of(struct text *words, const char *quoted, size_t len)
{
	if (len > 0 && quoted[0] >= 'a' && quoted[0] <= 'z' &&
	    strspn(quoted, WORD_CHARS) >= len && !has_word(words, quoted, len))
		text_addf(words, "%.*s ", (int)len, quoted);
}

/* All strings of C that are a word; one that goes on in the next, or comes
 * from another, is a sentence. */
static void
add_words_of_source(struct text *words, const char *name)
{
	size_t len;
	char *source = read_whole(source_path(name), &len);
	bool goes_on = false;

	for (const char *c = source; *c != '\0'; c++) {
		if (c[0] == '/' && c[1] == '*') {
			c = strstr(c, "*/") + 1;
		} else if (c[0] == '#') {
			c += strcspn(c, "\n") - 1;
		} else if (c[0] == '\'') {
			c += c[1] == '\\' ? 3 : 2;
		} else if (c[0] == '"') {
			const char *from = c + 1;

			for (c++; *c != '"'; c++)
				c += *c == '\\';
			if (!goes_on && c[1 + strspn(c + 1, " \t\n")] != '"')
				add_word_of(words, from, (size_t)(c - from));
			goes_on = true;
			continue;
		}
		goes_on = goes_on && strchr(" \t\n", *c) != NULL;
	}
	free(source);
}

/* The first words of a table's rows. */
static void
add_words_of_rows(struct text *words, const char *name)
{
	static const char row[] = "\n\t{ \"";
	size_t len;
	char *source = read_whole(source_path(name), &len);

	for (const char *c = source; (c = strstr(c, row)) != NULL;) {
		c += sizeof(row) - 1;
		add_word_of(words, c, strcspn(c, "\""));
	}
	free(source);
}

static void
add_words_of_parser(struct text *words)
{
	DIR *d = opendir(source_path("src/scenario"));
	struct dirent *e;
	size_t files = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		char *name = xasprintf("src/scenario/%s", e->d_name);
		size_t n = strlen(e->d_name);

		if (strncmp(e->d_name, "parse", 5) == 0 &&
		    strcmp(e->d_name + n - 2, ".c") == 0) {
			add_words_of_source(words, name);
			files++;
		}
		free(name);
	}
	closedir(d);
	ck_assert_uint_ge(files, 9);
	add_words_of_rows(words, "src/scenario/check_frame.c");
	add_words_of_rows(words, "src/scenario/check_expr.c");
}

static void
add_words_of_grammar(struct text *words, const char *grammar)
{
	for (const char *c = grammar; (c = strchr(c, '"')) != NULL; c++) {
		const char *from = ++c;

		c = strchr(c, '"');
		ck_assert_ptr_nonnull(c);
		add_word_of(words, from, (size_t)(c - from));
	}
}

static void
each_is_in(const struct text *words, const struct text *others,
    const char *whose)
{
	size_t n = 0;

	for (const char *w = text_str(words) + 1; *w != '\0'; n++) {
		size_t len = strcspn(w, " ");

		ck_assert_msg(has_word(others, w, len), "%.*s is not in %s",
		    (int)len, w, whose);
		w += len + 1;
	}
	ck_assert_uint_ge(n, 130);
}

START_TEST(the_grammar_has_the_words_that_the_parser_takes)
{
	size_t len;
	char *page = read_whole(source_path(PAGE), &len);
	char *grammar = strstr(page, ".Sh GRAMMAR");
	struct text taken, said;

	ck_assert_ptr_nonnull(grammar);
	grammar = strstr(grammar, "\nfile ");
	ck_assert_ptr_nonnull(grammar);
	*strstr(grammar, "\n.Ed") = '\0';
	text_init(&taken);
	text_init(&said);
	text_add(&taken, " ");
	text_add(&said, " ");
	add_words_of_parser(&taken);
	add_words_of_grammar(&said, grammar);
	each_is_in(&taken, &said, "the grammar");
	each_is_in(&said, &taken, "the parser");
	for (const char *const *s = oracle_signal_names(); *s != NULL; s++) {
		char *quoted = xasprintf("\"%s\"", *s);

		ck_assert_msg(strstr(grammar, quoted) != NULL, "%s", *s);
		free(quoted);
	}
	text_clear(&taken);
	text_clear(&said);
	free(page);
}
END_TEST

/* ---- instances ---- */

/* clang-format off */
static const struct {
	const char *lines; /* of the scenario */
	const char *want;  /* its instances */
} instances[] = {
	{ "conn A = login key=alice\nfence ingress A", "t[raw] t[ws]" },
	{ "over ws\nconn A = login key=alice\nfence ingress A", "t[ws]" },
	{ "conn H = http\nH -> http GET \"/\"\nH <- http", "t" },
	{ "over ws raw\nconn H = http\nH <- http", "t[raw] t[ws]" },
	{ "conn A = login key=alice carrier=ws\nfence ingress A", "t" },
	{ "repeat 2 {\nconn A = upgrade\n}\nconn H = http\nH <- http",
	    "t[raw] t[ws]" },
	{ "over raw\nparam a in 1 2\nparam b in \"x\" \"y z\"\nconn A = login "
	  "key=alice\nA -> raw cat(u16($a),$b)\nfence ingress A",
	    "t[raw,a=1,b=x] t[raw,a=1,b=#2] t[raw,a=2,b=x] t[raw,a=2,b=#2]" },
	{ "param v in x\"00*8\" word 10ms -1 0x3f disco(40) 1.5s "
	  "\"sixteen-letters.\" \"seventeen-letters\" \"\" \"a\\x00\"\n"
	  "conn H = http\nH -> raw cat($v)\nH <- http",
	    "t[v=#1] t[v=word] t[v=10ms] t[v=-1] t[v=0x3f] t[v=#6] t[v=1.5s] "
	    "t[v=sixteen-letters.] t[v=#9] t[v=#10] t[v=#11]" },
	{ "param n in 3..5\nconn H = http\nH -> raw u16($n)\nH <- http",
	    "t[n=3] t[n=4] t[n=5]" },
};
/* clang-format on */

static void
list_instances(const struct script *s, struct text *out)
{
	size_t n;
	struct instance **list =
	    instances_of(s, s->scenarios[0], rk_dialects()[0], &n);

	for (size_t i = 0; i < n; i++) {
		ck_assert_ptr_eq(list[i]->script, s);
		ck_assert_ptr_eq(list[i]->scenario, s->scenarios[0]);
		text_addf(out, "%s%s", i > 0 ? " " : "", list[i]->name);
		instance_free(list[i]);
	}
	free(list);
}

START_TEST(instances_are_named_by_carrier_and_values)
{
	struct text t, got;
	struct script *s;

	text_init(&t);
	text_init(&got);
	text_addf(&t,
	    "rly 1\ndialect iroh-v3\nscenario t \"T\"\ncovers R-1\n%s\nend\n",
	    instances[_i].lines);
	s = script_parse("t.rly", text_str(&t), t.len, NULL, &got);
	ck_assert_msg(s != NULL, "%s", text_str(&got));
	list_instances(s, &got);
	ck_assert_str_eq(text_str(&got), instances[_i].want);
	script_free(s);
	text_clear(&t);
	text_clear(&got);
}
END_TEST

START_TEST(an_instance_holds_the_values_of_its_name)
{
	static const char text[] =
	    "rly 1\ndialect iroh-v3\nscenario t \"T\"\ncovers R-1\nover raw\n"
	    "param a in 7 8\nparam b in 9 10\nconn A = login key=alice\n"
	    "A -> raw u16($a + $b)\nfence ingress A\nend\n";
	struct text errors;
	struct script *s;
	struct instance **list;
	size_t n;

	text_init(&errors);
	s = script_parse("t.rly", text, strlen(text), NULL, &errors);
	ck_assert_ptr_nonnull(s);
	list = instances_of(s, s->scenarios[0], rk_dialects()[0], &n);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(list[2]->name, "t[raw,a=8,b=9]");
	ck_assert_int_eq(list[2]->carrier, RK_CARRIER_RAW);
	ck_assert_int_eq(list[2]->values[0]->number, 8);
	ck_assert_int_eq(list[2]->values[1]->number, 9);
	for (size_t i = 0; i < n; i++)
		instance_free(list[i]);
	free(list);
	script_free(s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("scenario suite");
	TCase *tc = tcase_create("files");
	TCase *whole = tcase_create("whole");

	add_folder(SUITE_DIR);
	add_folder(SUITE_DIR "/lib");
	tcase_add_loop_test(tc, each_file_parses_and_names_its_scenarios_alike,
	    0, (int)nnames);
	tcase_add_loop_test(tc, each_file_is_laid_out_as_the_formatter_would, 0,
	    (int)nnames);
	tcase_add_loop_test(tc, no_beginning_of_a_file_brings_the_parser_down,
	    0, (int)nnames);
	/* Thousands of parses, under a sanitizer too. */
	tcase_set_timeout(tc, 300);
	suite_add_tcase(s, tc);
	tcase_add_test(whole, the_suite_covers_what_can_be_seen_from_outside);
	tcase_add_test(whole, the_histories_of_the_beginning_are_there);
	tcase_add_test(whole, the_examples_of_the_manual_page_are_scripts);
	tcase_add_test(whole, the_manual_page_names_every_word);
	tcase_add_test(whole, the_grammar_has_the_words_that_the_parser_takes);
	tcase_add_rows(whole, instances_are_named_by_carrier_and_values,
	    instances);
	tcase_add_test(whole, an_instance_holds_the_values_of_its_name);
	suite_add_tcase(s, whole);
	return run_suite(s);
}
