/* Lines of text -> words. */
#include "config.h"

#include "conformance/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

static char
escaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	default:
		return c;
	}
}

/* A quoted string at |p|, which stands behind its quote; where it ends, or
 * NULL if it does not. */
static const char *
read_quoted(const char *p, struct text *out)
{
	while (*p != '\0' && *p != '"') {
		char c = *p++;

		if (c == '\\' && *p != '\0')
			c = escaped(*p++);
		text_add_n(out, &c, 1);
	}
	return *p == '"' ? p + 1 : NULL;
}

/* Where the word ends; NULL for a quote that is not closed. */
static const char *
read_word(const char *p, char **out)
{
	struct text word;

	text_init(&word);
	if (*p == '"') {
		p = read_quoted(p + 1, &word);
	} else {
		size_t n = strcspn(p, " \t\r");

		text_add_n(&word, p, n);
		p += n;
	}
	*out = text_take(&word);
	return p;
}

int
line_words(const char *line, char **word, size_t max, size_t *n, char *err,
    size_t err_size)
{
	const char *p = line;

	*n = 0;
	for (;;) {
		p += strspn(p, " \t\r");
		if (*p == '\0' || *p == '#')
			return 0;
		if (*n == max) {
			snprintf(err, err_size, "more than %zu words", max);
			return -1;
		}
		p = read_word(p, &word[(*n)++]);
		if (p == NULL) {
			snprintf(err, err_size,
			    "the string has no closing quote");
			return -1;
		}
	}
}

int
line_word_column(const char *line, size_t i)
{
	const char *p = line + strspn(line, " \t\r");

	for (; i > 0; i--) {
		char *word;

		p = read_word(p, &word);
		free(word);
		p += strspn(p, " \t\r");
	}
	return (int)(p - line) + 1;
}

void
each_line(const char *text, size_t len,
    void (*read)(void *arg, int number, const char *line), void *arg)
{
	const char *end = text + len;

	text = text_skip_mark(text, len);
	for (int number = 1; text < end; number++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl != NULL ? nl : end) - text);
		char *line = xstrndup(text, n);

		read(arg, number, memchr(text, '\0', n) == NULL ? line : NULL);
		free(line);
		text = nl != NULL ? nl + 1 : end;
	}
}
