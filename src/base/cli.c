/* Dispatch of subcommands, usage errors, and stdout that may fail. */
#include "config.h"

#include "base/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"

#define STATUS_OUTPUT 1
#define STATUS_USAGE  2

const char *cli_program_name = "relaykit";

static void __attribute__((format(printf, 1, 0)))
error_va(const char *fmt, va_list ap)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", cli_program_name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int
cli_usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_va(fmt, ap);
	va_end(ap);
	return STATUS_USAGE;
}

void
cli_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_va(fmt, ap);
	va_end(ap);
}

/* A closed descriptor 0, 1 or 2 would be given to the next socket, which then
 * receives our messages.  Opened the wrong way round each use fails, as it
 * would have. */
static void
occupy_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

void
cli_start(const char *program)
{
	cli_program_name = program;
	/* What is over "ulimit -f" is an error like a full disk, no end. */
	signal(SIGXFSZ, SIG_IGN);
	occupy_standard_descriptors();
}

/* An earlier failure leaves no errno; a pipe still tells. */
static bool
reader_has_left(void)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLERR) != 0;
}

int
cli_finish_stdout(int status)
{
	bool failed = ferror(stdout) != 0;
	int error;

	errno = 0;
	if (fflush(stdout) == 0 && !failed)
		return 0;
	error = errno;
	if (error == EPIPE || (error == 0 && reader_has_left()))
		return status;
	cli_error("cannot write to stdout: %s",
	    error != 0 ? strerror(error) : "some output was lost");
	return status;
}

void
cli_print_version(const char *program)
{
	printf("%s (%s) %s\n", program, PACKAGE_NAME, PACKAGE_VERSION);
}

static void
print_help(const struct cli_program *p)
{
	int width = 0;

	printf("%s: %s\nusage: %s COMMAND [OPTION…] [ARGUMENT…]\n\n", p->name,
	    p->summary, p->name);
	for (const struct cli_command *c = p->commands; c->name != NULL; c++)
		if ((int)strlen(c->name) > width)
			width = (int)strlen(c->name);
	for (const struct cli_command *c = p->commands; c->name != NULL; c++)
		printf("  %-*s  %s\n", width, c->name, c->summary);
	printf("\n%s COMMAND --help tells more; --version prints the "
	       "version.\n",
	    p->name);
	if (p->epilogue != NULL)
		printf("%s\n", p->epilogue);
}

static const struct cli_command *
find_command(const struct cli_program *p, const char *name)
{
	for (const struct cli_command *c = p->commands; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int
unknown_word(const struct cli_program *p, const char *word)
{
	static const char *const options[] = { "--help", "--version", NULL };
	const char *kind = word[0] == '-' ? "option" : "command";
	const char *near;
	size_t n = 0;

	if (word[0] == '-') {
		near = text_nearest(word, options);
	} else {
		const char **names;

		while (p->commands[n].name != NULL)
			n++;
		names = xcalloc(n + 1, sizeof(names[0]));
		for (size_t i = 0; i < n; i++)
			names[i] = p->commands[i].name;
		near = text_nearest(word, names);
		free(names);
	}
	if (near != NULL)
		return cli_usage_error("unknown %s '%s'; did you mean '%s'?",
		    kind, word, near);
	return cli_usage_error("unknown %s '%s'; see '%s --help'", kind, word,
	    p->name);
}

/* "help COMMAND" */
static int
run_help(const struct cli_program *p, char *name)
{
	static char help[] = "--help";
	const struct cli_command *c = find_command(p, name);
	char *words[] = { name, help, NULL };

	return c != NULL ? c->run(2, words) : unknown_word(p, name);
}

static int
dispatch(const struct cli_program *p, int argc, char **argv)
{
	const struct cli_command *c;

	if (argc < 2)
		return cli_usage_error("which command? see '%s --help'",
		    p->name);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    (strcmp(argv[1], "help") == 0 && argc == 2)) {
		print_help(p);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		cli_print_version(p->name);
		return 0;
	}
	if (strcmp(argv[1], "help") == 0 && argc == 3)
		return run_help(p, argv[2]);
	c = find_command(p, argv[1]);
	if (c == NULL)
		return unknown_word(p, argv[1]);
	return c->run(argc - 1, argv + 1);
}

int
cli_main(const struct cli_program *p, int argc, char **argv)
{
	int status, output;

	cli_start(p->name);
	status = dispatch(p, argc, argv);
	output = cli_finish_stdout(
	    p->output_status != 0 ? p->output_status : STATUS_OUTPUT);
	if (output != 0 && p->output_status != 0 && status != STATUS_USAGE &&
	    status < 100)
		return output;
	return status != 0 ? status : output;
}
