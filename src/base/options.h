/*
 * Command lines by a table: one row an option, for all subcommands of a
 * program.  The table is what getopt_long() reads, what --help prints, and
 * where a word that is none finds the one that was meant.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPTION_FLAG,     /* bool */
	OPTION_STRING,   /* const char *, into argv */
	OPTION_DURATION, /* int64_t, nanoseconds */
	OPTION_NUMBER,   /* int64_t, from 1 */
	OPTION_CALL      /* |call| sees to it */
};

struct option_row {
	const char *name;
	char letter;       /* 0: none */
	unsigned commands; /* a bit for each that takes it */
	enum option_kind kind;
	size_t offset; /* into the program's struct */
	/* 0, or the exit status of what was said on stderr */
	int (*call)(void *options, const char *arg);
	const char *arg; /* in --help; NULL: takes none */
	const char *help;
};

struct option_table {
	const struct option_row *rows;
	size_t n;
};

/*
 * Read the options of |command| (one bit) into |options|; argv[0] is the
 * command's name.  *first is the first word that is none.  With --help the
 * table is printed and *help set; nothing else is to be done then.  0, or the
 * usage status after one line on stderr.
 */
int options_read(const struct option_table *t, unsigned command,
    const char *synopsis, void *options, int argc, char **argv, int *first,
    bool *help);

/* Set one that was named elsewhere; |arg| is not NULL where it takes one.  0,
 * or the usage status after one line on stderr. */
int options_set(const struct option_row *row, void *options, const char *arg);

/* getopt_long(), but the beginning of an option is not that option. */
int options_getopt(int argc, char *const *argv, const char *letters,
    const struct option *longs);

#endif
