/* Programs with subcommands, and what every program does the same way. */
#ifndef BASE_CLI_H
#define BASE_CLI_H

#include <stddef.h>

struct cli_command {
	const char *name;
	const char *summary;               /* one line for --help */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

struct cli_program {
	const char *name;
	const char *summary;
	const struct cli_command *commands; /* ends: name NULL */
	const char *epilogue; /* exit codes and the like; may be NULL */
	/* The exit status where stdout could not be written, instead of 1 and
	 * before what the command says; usage errors stay what they are. */
	int output_status;
};

/* The running program's name, for messages. */
extern const char *cli_program_name;

/*
 * First thing in main() (cli_main does it): name the program, and see to it
 * that no socket is ever opened as descriptor 0, 1 or 2.
 */
void cli_start(const char *program);

/*
 * Dispatch argv[1]: --help, --version, help COMMAND, a command, or a usage
 * error that names the word that may have been meant.  Returns the exit status;
 * makes sure that what was printed reached stdout (else it says so, and the
 * status is not 0).
 */
int cli_main(const struct cli_program *p, int argc, char **argv);

/* One line on stderr, "PROGRAM: text"; returns 2, the usage status. */
int cli_usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One line on stderr, "PROGRAM: text". */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Flush stdout; 0, or |status| with a line on stderr if that failed.
 * EPIPE is silent. */
int cli_finish_stdout(int status);
void cli_print_version(const char *program);

#endif
