/* What arrives, on stdout: data for pipes, lines for people, JSON. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "relay-cli/options.h"

struct printer {
	const struct options *options;
	bool terminal; /* of stdout */
	int64_t start_ns;
	uint64_t n; /* of JSON events */
};

void printer_init(struct printer *p, const struct options *o);

/*
 * A packet: on a terminal one line with the sender and the data escaped; in
 * a pipe the bytes alone, with --lines a newline behind them; with --json an
 * object.  Any other frame: an object with --json, else a line on stderr.
 * False if stdout is gone; the reason is in errno.
 */
bool print_frame(struct printer *p, const struct rk_frame *f);

#endif
