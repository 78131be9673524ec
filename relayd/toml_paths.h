/* Which keys and tables of a TOML file were defined, and by what: each may be
 * once. */
#ifndef RELAYD_TOML_PATHS_H
#define RELAYD_TOML_PATHS_H

#include <stdbool.h>
#include <stddef.h>

struct toml_path;

struct toml_paths {
	struct toml_path *all;
	size_t n;
};

void toml_paths_clear(struct toml_paths *p);

/* [key], or [[key]] if |array|; false: that may not be there (again). */
bool toml_paths_table(struct toml_paths *p, const char *key, bool array,
    int line);
/* key = value, within |table|, which is there or "". */
bool toml_paths_value(struct toml_paths *p, const char *table, const char *key,
    int line);
/* The line that it was defined in first, with those of what is in it; 0: it
 * was not. */
int toml_paths_line(const struct toml_paths *p, const char *key);

#endif
