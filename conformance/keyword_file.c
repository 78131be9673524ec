/* Lines of words -> the functions of a table. */
#include "config.h"

#include "conformance/keyword_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/ws.h"
#include "conformance/words.h"

void
keyword_complain(struct keyword_reader *r, const char *fmt, ...)
{
	char line[512];

	FORMAT_ARGS(line, sizeof(line), fmt);
	text_addf(r->errors, "%s:%d: ", r->path, r->line);
	text_add_escaped(r->errors, line, strlen(line));
	text_add(r->errors, "\n");
	r->failed = true;
}

void
keyword_set_once(struct keyword_reader *r, char **slot)
{
	if (*slot != NULL)
		keyword_complain(r, "%s was said before", r->word[0]);
	else if (r->word[1][0] == '\0')
		keyword_complain(r, "%s is empty", r->word[0]);
	free(*slot);
	*slot = xstrdup(r->word[1]);
}

static void
unknown_word(struct keyword_reader *r)
{
	const char **names = xcalloc(r->nkeywords + 1, sizeof(*names));
	const char *near;

	for (size_t i = 0; i < r->nkeywords; i++)
		names[i] = r->keywords[i].name;
	near = text_nearest(r->word[0], names);
	keyword_complain(r, "unknown word \"%s\"%s%s%s", r->word[0],
	    near != NULL ? "; is \"" : "", near != NULL ? near : "",
	    near != NULL ? "\" meant?" : "");
	free(names);
}

static void
wrong_count(struct keyword_reader *r, const struct keyword *k)
{
	if (k->min == k->max)
		keyword_complain(r, "%s takes %zu word%s", k->name, k->min,
		    k->min == 1 ? "" : "s");
	else
		keyword_complain(r, "%s takes %zu to %zu words", k->name,
		    k->min, k->max);
}

static void
read_known(struct keyword_reader *r, const struct keyword *k)
{
	int *first = &r->lines[k - r->keywords];

	if (k->once && *first != 0)
		keyword_complain(r, "%s was said before, in line %d", k->name,
		    *first);
	else
		*first = r->line;
	k->read(r);
}

static void
read_statement(struct keyword_reader *r)
{
	const struct keyword *k = r->keywords;
	const struct keyword *end = k + r->nkeywords;

	if (!r->begun && strcmp(r->word[0], k->name) != 0)
		keyword_complain(r, "the first line must be \"%s\"", r->first);
	r->begun = true;
	while (k < end && strcmp(r->word[0], k->name) != 0)
		k++;
	if (k == end)
		unknown_word(r);
	else if (r->nwords - 1 < k->min || r->nwords - 1 > k->max)
		wrong_count(r, k);
	else
		read_known(r, k);
}

static void
read_line(void *arg, int number, const char *line)
{
	struct keyword_reader *r = arg;
	char err[128];

	r->line = number;
	r->said = line;
	if (line == NULL)
		keyword_complain(r, "the line holds a NUL byte");
	else if (!rk_utf8_ok(line, strlen(line)))
		keyword_complain(r, "the line is no UTF-8");
	else if (line_words(line, r->word, KEYWORD_MAX_WORDS, &r->nwords, err,
		     sizeof(err)) != 0)
		keyword_complain(r, "%s", err);
	else if (r->nwords > 0)
		read_statement(r);
	for (; r->nwords > 0; r->nwords--)
		free(r->word[r->nwords - 1]);
}

void
keyword_file_read(struct keyword_reader *r, const char *text, size_t len)
{
	each_line(text, len, read_line, r);
}
