/*
 * Who may log in: everyone, those on a list, or all but those on a list.
 */
#ifndef RELAYD_ACCESS_H
#define RELAYD_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

struct conf;
struct rk_key;

struct access;

/*
 * Take the keys of |conf| and read its files: one key a line, hex or base32;
 * empty lines and what follows a # are ignored.  NULL with one line in |err|
 * that names file and line.
 */
struct access *access_new(const struct conf *conf, char *err, size_t err_size);
void access_free(struct access *a); /* NULL is fine */

bool access_allows(const struct access *a, const struct rk_key *key);

#endif
