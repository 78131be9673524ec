/* Includes: where they are found, and whose mistakes are whose. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "scenario/parse.h"
#include "support.h"

static char folder[] = "/tmp/relaykit-test-XXXXXX";

static void
make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(mkdir("lib", 0700), 0);
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void
remove_folder(void)
{
	static const char *const names[] = { "a.rly", "b.rly", "c.rly",
		"lib/b.rly", "lib/c.rly", "fifo" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	rmdir("lib");
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(folder);
	strcpy(strrchr(folder, '-'), "-XXXXXX");
}

static void
check_load(const char *file, const char *lib_dir, const char *want)
{
	struct text errors;
	struct script *s;

	text_init(&errors);
	s = script_load(file, lib_dir, &errors);
	ck_assert_str_eq(text_str(&errors), want);
	ck_assert(want[0] == '\0' ? s != NULL : s == NULL);
	script_free(s);
	text_clear(&errors);
}

#define HEAD "rly 1\ndialect iroh-v3\n"
#define TAIL                                                                   \
	"scenario s \"S\"\n covers R-1\n conn A = login key=alice\n"           \
	" call p(A)\n call q(A)\nend\n"
#define PROC(n) "proc " n "(c)\n fence ingress c\nend\n"

START_TEST(includes_are_found_beside_the_file_and_in_the_library)
{
	write_file("a.rly",
	    HEAD "include \"b.rly\"\ninclude \"c.rly\"\n"
		 "include \"b.rly\"\n" TAIL);
	write_file("b.rly", HEAD "include \"lib/c.rly\"\n" PROC("p"));
	write_file("lib/c.rly", "rly 1\ndialect any\n" PROC("q"));
	check_load("a.rly", "lib", "");
	check_load("a.rly", NULL,
	    "a.rly:4:9: cannot read \"c.rly\": No such file or directory\n");
}
END_TEST

START_TEST(a_cycle_of_includes_is_named)
{
	write_file("a.rly", HEAD "include \"b.rly\"\n");
	write_file("b.rly", HEAD "include \"lib/c.rly\"\n");
	write_file("lib/c.rly", HEAD "include \"../a.rly\"\n");
	check_load("a.rly", NULL,
	    "lib/c.rly:3:9: \"../a.rly\" includes itself, over this line\n");
	write_file("a.rly", HEAD "include \"a.rly\"\n");
	check_load("a.rly", NULL,
	    "a.rly:3:9: \"a.rly\" includes itself, over this line\n");
}
END_TEST

START_TEST(errors_of_an_included_file_name_that_file)
{
	write_file("a.rly", HEAD "include \"b.rly\"\nlet x\n");
	write_file("b.rly", HEAD "proc p(c)\n c -> Pnig\n sleep\nend\n");
	check_load("a.rly", NULL,
	    "b.rly:5:7: expected a time such as 300ms or 2s, found the end of "
	    "the line\n"
	    "a.rly:4:5: expected a variable such as $x, found \"x\"\n");
	write_file("a.rly", HEAD "include \"b.rly\"\n");
	write_file("b.rly", HEAD TAIL);
	check_load("a.rly", NULL,
	    "b.rly:3:1: only procedures, frames and constants can be "
	    "included\n");
}
END_TEST

START_TEST(what_is_no_ordinary_file_is_not_read)
{
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	check_load("fifo", NULL,
	    "fifo: cannot read: no ordinary file, or more than 4 MiB\n");
	check_load("lib", NULL, "lib: cannot read: Is a directory\n");
	check_load("none.rly", NULL,
	    "none.rly: cannot read: No such file or directory\n");
	write_file("a.rly", HEAD "include \"fifo\"\n");
	check_load("a.rly", NULL,
	    "a.rly:3:9: cannot read \"fifo\": no ordinary file, or more than "
	    "4 MiB\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("scenario files");
	TCase *files = tcase_create("files");

	tcase_add_checked_fixture(files, make_folder, remove_folder);
	tcase_add_test(files,
	    includes_are_found_beside_the_file_and_in_the_library);
	tcase_add_test(files, a_cycle_of_includes_is_named);
	tcase_add_test(files, errors_of_an_included_file_name_that_file);
	tcase_add_test(files, what_is_no_ordinary_file_is_not_read);
	suite_add_tcase(s, files);
	return run_suite(s);
}
