/*
 * Who may log in: everyone, those on a list, all but those on a list, or
 * whom a service lets in that is asked.
 */
#ifndef RELAYD_ACCESS_H
#define RELAYD_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

struct conf;
struct rk_key;

struct access;
struct access_service;

/*
 * Take the keys of |conf| and read its files: one key a line, hex or base32;
 * empty lines and what follows a # are ignored.  NULL with one line in |err|
 * that names file and line.
 */
struct access *access_new(const struct conf *conf, char *err, size_t err_size);
void access_free(struct access *a); /* NULL is fine */

/* The service that is to be asked about each key; NULL: access_allows() knows.
 * Borrowed. */
struct access_service *access_service_of(const struct access *a);
bool access_allows(const struct access *a, const struct rk_key *key);

#endif
