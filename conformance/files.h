/* Whole files, in and out. */
#ifndef CONFORMANCE_FILES_H
#define CONFORMANCE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/types.h>

/* The file's bytes with a NUL behind them, for free(); at most 64 MiB.  NULL
 * with one line in |err| that names the file, which may be a pipe that somebody
 * writes into. */
char *file_read(const char *path, size_t *len, char *err, size_t err_size);
/* 0, or -1 with one line in |err|.  New files are for the owner only. */
int file_write(const char *path, const void *p, size_t len, char *err,
    size_t err_size);

/* A folder and those it is in, as far as they are not there.  0, or -1 with
 * errno. */
int make_directories(const char *dir, mode_t mode);
/* A folder and the files in it. */
void remove_dir(const char *dir);

/*
 * A file that appears whole or not at all: written beside its final name and
 * renamed.  "-" is stdout.
 */
struct output {
	char *path;
	char *temporary; /* NULL: stdout, a device, a pipe */
	FILE *f;
	bool appends; /* to what was there: it must be so still at the end */
	ino_t before; /* its inode, 0: none; and size */
	off_t size_before;
};

/*
 * What is there already is written over only with --force: else the exit
 * status, said on stderr.  0 if no ordinary file is there; NULL is stdout.
 */
int output_refuse(const char *path, bool force);
int output_is_in_the_way(const char *path);
/* 0, or -1 with one line in |err|. */
int output_open(struct output *o, const char *path, char *err, size_t err_size);
/*
 * Go on behind what the file holds, if there is one, whose last line must be
 * whole and begin with |last|.  *some says whether anything is there.  0, or
 * -1 with one line in |err|.  It is an error of output_commit, too, if the
 * file is another by then.
 */
int output_append(struct output *o, const char *last, bool *some, char *err,
    size_t err_size);
/* Give it its name; 0, or -1 with one line in |err|. */
int output_commit(struct output *o, char *err, size_t err_size);
/* Throw it away. */
void output_discard(struct output *o);

#endif
