/*
 * The configuration file: lines "key = value" and "[section]", values as in
 * TOML as far as the reference's plain files use it.
 */
#ifndef RELAYD_CONF_FILE_H
#define RELAYD_CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct conf;

/*
 * Apply |path| to |c|.  Unknown keys and those that have no effect are warned
 * about with their line; unknown ones are errors if c->check.  False with one
 * line in |err|, "PATH:LINE: what".
 */
bool conf_file_read(struct conf *c, const char *path, char *err,
    size_t err_size);

/* Write |path|, which is not there, with the defaults, as the reference does;
 * folders above it are made.  False with one line in |err|. */
bool conf_file_write(const char *path, char *err, size_t err_size);

#endif
