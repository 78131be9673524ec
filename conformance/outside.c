/* A file and the environment -> options by name. */
#include "config.h"

#include "conformance/outside.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/files.h"

#define PREFIX    "RELAY_CONFORMANCE_"
#define FILE_NAME "relay-conformance.conf"

extern char **environ;

static void
add_take(struct outside *o, char *origin, char *name, char *value)
{
	o->options = xreallocarray(o->options, o->n + 1, sizeof(o->options[0]));
	o->options[o->n++] = (struct outside_option){
		.origin = origin,
		.name = name,
		.value = value,
	};
}

/* ---- the file ---- */

static void
read_line(struct outside *o, const char *path, int number, char *line)
{
	static const char blank[] = " \t\r";
	char *name = line + strspn(line, blank), *value;
	size_t len = strcspn(name, blank);

	value = name + len + strspn(name + len, blank);
	if (*name == '\0' || *name == '#')
		return;
	for (size_t n = strlen(value);
	     n > 0 && isspace((unsigned char)value[n - 1]);)
		value[--n] = '\0';
	add_take(o, xasprintf("%s:%d", path, number), xstrndup(name, len),
	    xstrdup(value));
}

static int
read_file(struct outside *o)
{
	const char *path = getenv(PREFIX "CONF");
	char err[512], *text, *line, *end;
	size_t len;
	int number = 0, status = 0;

	if (path == NULL && access(FILE_NAME, F_OK) != 0)
		return 0;
	if (path != NULL && *path == '\0')
		return 0;
	if (path == NULL)
		path = FILE_NAME;
	text = file_read(path, &len, err, sizeof(err));
	if (text == NULL)
		return cli_usage_error("%s", err);
	for (line = text; status == 0 && line < text + len; line = end) {
		end = line + strcspn(line, "\n");
		number++;
		if (*end == '\0' && end < text + len)
			status =
			    cli_usage_error("%s:%d: the line holds a NUL byte",
				path, number);
		*end++ = '\0';
		read_line(o, path, number, line);
	}
	free(text);
	return status;
}

/* ---- the environment ---- */

static bool
is_ours(const char *entry)
{
	return strncmp(entry, PREFIX, strlen(PREFIX)) == 0;
}

static void
read_variable(struct outside *o, const char *entry)
{
	size_t len = strcspn(entry, "=");
	char *origin = xstrndup(entry, len);
	char *name = xstrdup(origin + strlen(PREFIX));

	for (char *p = name; *p != '\0'; p++)
		*p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	add_take(o, origin, name,
	    xstrdup(entry[len] == '=' ? entry + len + 1 : ""));
}

int
outside_read(struct outside **out)
{
	struct outside *o = *out = xcalloc(1, sizeof(*o));
	int status = read_file(o);

	for (char **e = environ; *e != NULL; e++)
		if (is_ours(*e) &&
		    strncmp(*e, PREFIX "CONF=", strlen(PREFIX "CONF=")) != 0)
			read_variable(o, *e);
	return status;
}

void
outside_free(struct outside *o)
{
	for (unsigned i = 0; o != NULL && i < o->n; i++) {
		free(o->options[i].origin);
		free(o->options[i].name);
		free(o->options[i].value);
	}
	if (o != NULL)
		free(o->options);
	free(o);
}

void
outside_forget(void)
{
	char **e = environ;

	while (*e != NULL) {
		char *name;

		if (!is_ours(*e)) {
			e++;
			continue;
		}
		name = xstrndup(*e, strcspn(*e, "="));
		unsetenv(name);
		free(name);
		e = environ;
	}
	setenv(PREFIX "CONF", "", 1);
}
