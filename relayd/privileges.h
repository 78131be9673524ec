/* From root to an ordinary user, for good. */
#ifndef RELAYD_PRIVILEGES_H
#define RELAYD_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

struct conf;

/*
 * Become |user| with its groups, once all that needs root is open; fine if
 * that is who runs already.  False with one line in |err|.
 */
bool privileges_drop(const char *user, char *err, size_t err_size);

/* Is there such a user?  False with one line in |err|. */
bool privileges_find(const char *user, char *err, size_t err_size);

/* Warn about each file of |conf| that a reload could not read now. */
void privileges_check_files(const struct conf *conf);

#endif
