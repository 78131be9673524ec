/* Members of JSON objects. */
#include "config.h"

#include "conformance/member.h"

#include "base/xalloc.h"

const char *
member_string(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

char *
member_copy(const json_t *o, const char *name)
{
	const char *s = member_string(o, name);

	return s != NULL ? xstrdup(s) : NULL;
}
