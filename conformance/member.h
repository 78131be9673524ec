/* Members of JSON objects. */
#ifndef CONFORMANCE_MEMBER_H
#define CONFORMANCE_MEMBER_H

#include <jansson.h>

/* The string of that name, which lives as long as |o|; NULL if there is no
 * such member, or it is none. */
const char *member_string(const json_t *o, const char *name);
/* The same as a copy, for free(). */
char *member_copy(const json_t *o, const char *name);

#endif
