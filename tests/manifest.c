/* See manifest.h. */
#include "config.h"

#include "manifest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "capture/capture.h"
#include "support.h"

/* Read before the suite runs: no ck_assert here. */
static void __attribute__((noreturn, format(printf, 1, 2)))
give_up(const char *fmt, ...)
{
	va_list ap;

	fputs("MANIFEST: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(99);
}

#define MAX_FIXTURES 128

const char *
fixture_path(const char *file)
{
	char relative[512];

	snprintf(relative, sizeof(relative), "pcap-fixtures/%s", file);
	return source_path(relative);
}

/* What follows the word |name| in |line|, or NULL. */
static const char *
value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(line, name, n) != 0 || (line[n] != ' ' && line[n] != '\0'))
		return NULL;
	return line[n] == ' ' ? line + n + 1 : "";
}

const struct fixture *
manifest_read(size_t *n)
{
	static struct fixture list[MAX_FIXTURES];
	FILE *in = fopen(fixture_path("MANIFEST"), "r");
	struct fixture *f = NULL;
	char line[1024];
	const char *v;

	if (in == NULL)
		give_up("cannot read %s", fixture_path("MANIFEST"));
	memset(list, 0, sizeof(list));
	*n = 0;
	while (fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if ((v = value_of(line, "capture")) != NULL) {
			if (*n == MAX_FIXTURES)
				give_up("too many entries");
			f = &list[(*n)++];
			f->capture = xstrdup(v);
			continue;
		}
		if (f == NULL)
			give_up("before the first entry: %s", line);
		if ((v = value_of(line, "expect")) != NULL)
			f->expect = xstrdup(v);
		else if ((v = value_of(line, "damaged")) != NULL)
			f->damaged = xstrdup(v);
		else if ((v = value_of(line, "foreign")) != NULL)
			f->foreign = xstrdup(v);
		else if ((v = value_of(line, "keys")) != NULL)
			f->keys = xstrdup(v);
		else if (value_of(line, "secrets") != NULL)
			f->secrets = true;
		else if (value_of(line, "what") == NULL &&
		    value_of(line, "peers") == NULL &&
		    value_of(line, "made") == NULL)
			give_up("unknown word: %s", line);
	}
	fclose(in);
	return list;
}

bool
fixture_is_tls(const struct fixture *f)
{
	return f->keys != NULL || f->secrets;
}

struct transcript *
fixture_decode(const struct fixture *f, int *result, char *err, size_t err_size)
{
	struct transcript *t = transcript_new();
	struct capture_options o;
	struct capture_summary sum;
	char keys[512];

	capture_options_default(&o);
	if (f->keys != NULL) {
		snprintf(keys, sizeof(keys), "%s", fixture_path(f->keys));
		o.keylog = keys;
	}
	*result =
	    capture_read(fixture_path(f->capture), &o, t, &sum, err, err_size);
	return t;
}
