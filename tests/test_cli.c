/* Programs with subcommands: each run is a child with its own stdout. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cli.h"
#include "support.h"

static int
run_hello(int argc, char **argv)
{
	printf("%s %d\n", argv[0], argc);
	return 0;
}

/* More than any buffer holds. */
static int
run_flood(int argc, char **argv)
{
	for (int i = 0; i < 100000 && !ferror(stdout); i++)
		puts("0123456789");
	return 0;
}

static int
run_fail(int argc, char **argv)
{
	puts("half");
	return 7;
}

static int
run_quiet(int argc, char **argv)
{
	return 0;
}

/* Descriptors that a socket would get. */
static int
run_descriptors(int argc, char **argv)
{
	int fd = open("/dev/null", O_RDWR);

	return fd > 2 ? 0 : 1;
}

static const struct cli_command commands[] = {
	{ "hello", "say hello", run_hello },
	{ "flood", "say a lot", run_flood },
	{ "fail", "say half of it", run_fail },
	{ "quiet", "say nothing", run_quiet },
	{ "descriptors", "open a file", run_descriptors },
	{ NULL, NULL, NULL },
};

static const struct cli_program program = { "relay-test", "a test program",
	commands, "exit codes: 0 good", 0 };

enum out {
	TO_PIPE,
	TO_FULL,
	TO_BROKEN_PIPE,
	TO_CLOSED
};

struct outcome {
	int status; /* -1: by a signal */
	char out[8192];
	char err[2048];
};

static void
set_stdout(enum out kind, int pipe_fd)
{
	int ends[2];
	int fd = pipe_fd;

	if (kind == TO_FULL)
		fd = open("/dev/full", O_WRONLY);
	if (kind == TO_BROKEN_PIPE) {
		if (pipe(ends) < 0)
			_exit(99);
		close(ends[0]);
		fd = ends[1];
		signal(SIGPIPE, SIG_IGN);
	}
	if (fd < 0)
		_exit(98);
	dup2(fd, STDOUT_FILENO);
	if (kind == TO_CLOSED)
		close(STDOUT_FILENO);
}

static void
read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	close(fd);
}

static void
run(struct outcome *o, enum out kind, const char *const *words)
{
	char *argv[8];
	int out[2], err[2], status, argc = 0;
	pid_t pid;

	for (; words[argc] != NULL; argc++)
		argv[argc] = strdup(words[argc]);
	argv[argc] = NULL;
	ck_assert_int_eq(pipe(out), 0);
	ck_assert_int_eq(pipe(err), 0);
	fflush(stdout);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		set_stdout(kind, out[1]);
		dup2(err[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		close(err[0]);
		close(err[1]);
		_exit(cli_main(&program, argc, argv));
	}
	close(out[1]);
	close(err[1]);
	read_all(out[0], o->out, sizeof(o->out));
	read_all(err[0], o->err, sizeof(o->err));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	o->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}

#define RUN(o, kind, ...)                                                      \
	run(o, kind, (const char *const[]){ "relay-test", __VA_ARGS__, NULL })

static const struct {
	const char *name;
	enum out out;
	const char *words[3];
	int status;
	const char *out_has;
	const char *err_is; /* beginning; "": nothing at all */
} rows[] = {
	{ "a command runs", TO_PIPE, { "hello", "x" }, 0, "hello 2\n", "" },
	{ "its status is kept", TO_PIPE, { "fail" }, 7, "half\n", "" },
	{ "nothing", TO_PIPE, { NULL }, 2, "", "relay-test: which command" },
	{ "an unknown command", TO_PIPE, { "helo" }, 2, "",
	    "relay-test: unknown command 'helo'; did you mean 'hello'?\n" },
	{ "nothing is near", TO_PIPE, { "zzzzzz" }, 2, "",
	    "relay-test: unknown command 'zzzzzz'; see 'relay-test --help'\n" },
	{ "an unknown option", TO_PIPE, { "--versoin" }, 2, "",
	    "relay-test: unknown option '--versoin'; did you mean "
	    "'--version'?\n" },
	{ "help for a command", TO_PIPE, { "help", "hello" }, 0, "hello 2\n",
	    "" },
	{ "help for none", TO_PIPE, { "help", "helo" }, 2, "",
	    "relay-test: unknown command 'helo'; did you mean 'hello'?\n" },
	{ "version", TO_PIPE, { "--version" }, 0,
	    "relay-test (relaykit) " PACKAGE_VERSION "\n", "" },
	{ "a full disk", TO_FULL, { "hello" }, 1, "",
	    "relay-test: cannot write to stdout: No space left on device\n" },
	{ "a full disk early", TO_FULL, { "flood" }, 1, "",
	    "relay-test: cannot write to stdout: " },
	{ "a full disk and a failure", TO_FULL, { "fail" }, 7, "",
	    "relay-test: cannot write to stdout: No space left on device\n" },
	{ "a full disk, --help", TO_FULL, { "--help" }, 1, "",
	    "relay-test: cannot write to stdout: No space left on device\n" },
	{ "a full disk, nothing to say", TO_FULL, { "quiet" }, 0, "", "" },
	{ "the reader left", TO_BROKEN_PIPE, { "hello" }, 1, "", "" },
	{ "the reader left early", TO_BROKEN_PIPE, { "flood" }, 1, "", "" },
	{ "no stdout", TO_CLOSED, { "hello" }, 1, "",
	    "relay-test: cannot write to stdout: Bad file descriptor\n" },
	{ "no stdout, nothing to say", TO_CLOSED, { "quiet" }, 0, "", "" },
	{ "no stdout for a socket to take", TO_CLOSED, { "descriptors" }, 0, "",
	    "" },
};

START_TEST(a_run_ends_as_it_should)
{
	struct outcome o;

	RUN(&o, rows[_i].out, rows[_i].words[0], rows[_i].words[1]);
	ck_assert_msg(o.status == rows[_i].status, "%s: status %d, stderr %s",
	    rows[_i].name, o.status, o.err);
	ck_assert_msg(strcmp(o.out, rows[_i].out_has) == 0, "%s: stdout %s",
	    rows[_i].name, o.out);
	if (rows[_i].err_is[0] == '\0')
		ck_assert_msg(o.err[0] == '\0', "%s: stderr %s", rows[_i].name,
		    o.err);
	else
		ck_assert_msg(strncmp(o.err, rows[_i].err_is,
				  strlen(rows[_i].err_is)) == 0,
		    "%s: stderr %s", rows[_i].name, o.err);
}
END_TEST

START_TEST(help_names_everything_on_one_screen)
{
	static const char *const flags[] = { "--help", "-h", "help" };
	struct outcome o;
	int nlines = 0;

	RUN(&o, TO_PIPE, flags[_i]);
	ck_assert_int_eq(o.status, 0);
	ck_assert_str_eq(o.err, "");
	for (int i = 0; commands[i].name != NULL; i++) {
		ck_assert_ptr_nonnull(strstr(o.out, commands[i].name));
		ck_assert_ptr_nonnull(strstr(o.out, commands[i].summary));
	}
	ck_assert_ptr_nonnull(strstr(o.out, "exit codes: 0 good"));
	ck_assert_ptr_nonnull(strstr(o.out, "usage: relay-test COMMAND"));
	for (const char *p = o.out; (p = strchr(p, '\n')) != NULL; p++)
		nlines++;
	ck_assert_int_le(nlines, 24);
}
END_TEST

static Suite *
cli_suite(void)
{
	Suite *s = suite_create("cli");
	TCase *tc = tcase_create("cli");

	tcase_add_rows(tc, a_run_ends_as_it_should, rows);
	tcase_add_loop_test(tc, help_names_everything_on_one_screen, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(cli_suite());
}
