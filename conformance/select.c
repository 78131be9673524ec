/* Selectors: parsing them and comparing them with cases. */
#include "config.h"

#include "conformance/select.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define LAST_FAILED "last-failed"

bool
glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
is_wild(const char *pattern)
{
	return strpbrk(pattern, "*?") != NULL;
}

/* ---- parsing ---- */

static int
parse_level(const char *word, struct selector *out, char *err, size_t err_size)
{
	out->kind = SELECT_LEVEL;
	out->level = level_parse(word);
	out->wild = true; /* wholesale */
	if (out->level >= 0)
		return 0;
	snprintf(err, err_size,
	    "level:%s: the levels are MUST, SHOULD, MAY, UNSPECIFIED", word);
	return -1;
}

/* Behind "FILE.rly": nothing, ":LINE" or ":ID". */
static int
parse_file(const char *text, const char *end, struct selector *out, char *err,
    size_t err_size)
{
	out->kind = SELECT_FILE;
	out->file = xstrndup(text, (size_t)(end - text));
	out->wild = true;
	if (*end == '\0')
		return 0;
	end++;
	if (*end == '\0') {
		snprintf(err, err_size, "%s: a line number or an id is missing",
		    text);
		return -1;
	}
	if (number_parse(end, 1, INT32_MAX, &out->line)) {
		out->wild = false;
		return 0;
	}
	out->pattern = xstrdup(end);
	out->wild = is_wild(end);
	return 0;
}

/* The end of ".rly" at the end of |text| or before a colon, or NULL. */
static const char *
file_end(const char *text)
{
	for (const char *p = text; (p = strstr(p, ".rly")) != NULL;) {
		p += 4;
		if (*p == '\0' || *p == ':')
			return p;
	}
	return NULL;
}

int
selector_parse(const char *text, struct selector *out, char *err,
    size_t err_size)
{
	const char *end = file_end(text);
	int status = 0;

	memset(out, 0, sizeof(*out));
	out->text = xstrdup(text);
	if (text[0] == '\0') {
		snprintf(err, err_size, "an empty selector selects nothing");
		status = -1;
	} else if (end != NULL) {
		status = parse_file(text, end, out, err, err_size);
	} else if (strncmp(text, "level:", 6) == 0) {
		status = parse_level(text + 6, out, err, err_size);
	} else if (strcmp(text, LAST_FAILED) == 0) {
		out->kind = SELECT_LAST;
	} else if (text[0] == '@') {
		out->kind = SELECT_TAG;
		out->pattern = xstrdup(text + 1);
		out->wild = strcmp(text, "@slow") != 0;
	} else if (strncmp(text, "req:", 4) == 0) {
		out->kind = SELECT_REQ;
		out->pattern = xstrdup(text + 4);
		out->wild = is_wild(text);
	} else {
		out->kind = SELECT_ID;
		out->pattern = xstrdup(text);
		out->wild = is_wild(text);
	}
	if (status != 0)
		selector_clear(out);
	return status;
}

void
selector_clear(struct selector *s)
{
	free(s->text);
	free(s->pattern);
	free(s->file);
	memset(s, 0, sizeof(*s));
}

/* ---- matching ---- */

/* The next item of "a,b]": its length. */
static size_t
item_length(const char *p)
{
	return strcspn(p, ",]");
}

/* Does one of the items in the brackets of |name| match? */
static bool
has_item(const char *name, const char *item, size_t len)
{
	const char *p = strchr(name, '[');
	char *want = xstrndup(item, len);
	bool found = false;

	while (p != NULL && *p != '\0' && *p != ']' && !found) {
		size_t n = item_length(++p);
		char *have = xstrndup(p, n);

		found = glob_match(want, have);
		free(have);
		p += n;
	}
	free(want);
	return found;
}

/* "login.ok[ws]" is every instance of login.ok whose items have "ws". */
static bool
matches_items(const char *pattern, const char *id, const char *name)
{
	const char *open = strchr(pattern, '[');
	char *head;
	bool same;

	if (open == NULL)
		return false;
	head = xstrndup(pattern, (size_t)(open - pattern));
	same = glob_match(head, id);
	free(head);
	for (const char *p = open; same && *p != '\0' && *p != ']';) {
		size_t n = item_length(++p);

		same = has_item(name, p, n);
		p += n;
	}
	return same;
}

static bool
matches_id(const char *pattern, const struct suite_case *c)
{
	const char *id = c->scenario->id, *name = c->instance->name;

	return glob_match(pattern, id) || glob_match(pattern, name) ||
	    matches_items(pattern, id, name);
}

static bool
matches_tag(const char *pattern, const struct suite_case *c)
{
	for (size_t i = 0; i < c->scenario->ntags; i++)
		if (glob_match(pattern, c->scenario->tags[i]))
			return true;
	return false;
}

static bool
matches_requirement(const char *pattern, const struct suite_case *c)
{
	for (size_t i = 0; i < c->nrequirements; i++) {
		const char *id = c->requirements[i];
		const char *slash = strchr(id, '/');

		if (glob_match(pattern, id) ||
		    (slash != NULL && glob_match(pattern, slash + 1)))
			return true;
	}
	return false;
}

static bool
matches_file(const struct selector *s, const struct suite_case *c)
{
	const char *path = c->script->file;
	size_t have = strlen(path), want = strlen(s->file);
	bool same = strcmp(path, s->file) == 0;

	if (!same && !s->on_disk)
		same = (have > want && path[have - want - 1] == '/' &&
			   strcmp(path + have - want, s->file) == 0) ||
		    (is_wild(s->file) && glob_match(s->file, path));
	if (!same || c->from_file != s->on_disk)
		return false;
	if (s->line != 0)
		return s->line >= c->scenario->at.line &&
		    s->line <= c->scenario->end_line;
	return s->pattern == NULL || matches_id(s->pattern, c);
}

bool
selector_matches(const struct selector *s, const struct suite_case *c)
{
	switch (s->kind) {
	case SELECT_ID:
		return matches_id(s->pattern, c);
	case SELECT_TAG:
		return matches_tag(s->pattern, c);
	case SELECT_REQ:
		return matches_requirement(s->pattern, c);
	case SELECT_LEVEL:
		return (int)c->level == s->level;
	case SELECT_FILE:
		return matches_file(s, c);
	case SELECT_LAST:
		break;
	}
	return false;
}

/* ---- selections ---- */

static int
add_to(struct selector **list, size_t *n, const char *text, char *err,
    size_t err_size)
{
	struct selector s;

	if (selector_parse(text, &s, err, err_size) != 0)
		return -1;
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = s;
	return 0;
}

int
selection_add(struct selection *s, const char *text, char *err, size_t err_size)
{
	return add_to(&s->select, &s->nselect, text, err, err_size);
}

int
selection_add_skip(struct selection *s, const char *text, char *err,
    size_t err_size)
{
	return add_to(&s->skip, &s->nskip, text, err, err_size);
}

/* Without comment and the blanks around; in place. */
static char *
bare_line(char *line)
{
	size_t n;

	for (char *p = line; (p = strchr(p, '#')) != NULL; p++)
		if (p == line || p[-1] == ' ' || p[-1] == '\t') {
			*p = '\0';
			break;
		}
	line += strspn(line, " \t");
	n = strlen(line);
	while (n > 0 && strchr(" \t\r\n", line[n - 1]) != NULL)
		line[--n] = '\0';
	return line;
}

static int
add_line(struct selection *s, char *line, char *err, size_t err_size)
{
	char *bare = bare_line(line);

	if (*bare == '\0')
		return 0;
	if (strncmp(bare, "skip ", 5) == 0)
		return selection_add_skip(s, bare + 5 + strspn(bare + 5, " \t"),
		    err, err_size);
	return selection_add(s, bare, err, err_size);
}

int
selection_add_file(struct selection *s, const char *path, char *err,
    size_t err_size)
{
	FILE *f = fopen(path, "r");
	char *line = NULL, reason[512];
	size_t cap = 0, number = 0, before = s->nselect + s->nskip;
	int status = 0;

	if (f == NULL) {
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
		return -1;
	}
	while (status == 0 && getline(&line, &cap, f) >= 0) {
		number++;
		status = add_line(s, line, reason, sizeof(reason));
		if (status != 0)
			snprintf(err, err_size, "%s:%zu: %s", path, number,
			    reason);
	}
	if (status == 0 && ferror(f)) {
		snprintf(err, err_size, "%s: cannot be read", path);
		status = -1;
	} else if (status == 0 && s->nselect + s->nskip == before) {
		snprintf(err, err_size, "%s: holds no selector", path);
		status = -1;
	}
	free(line);
	fclose(f);
	return status;
}

void
selection_clear(struct selection *s)
{
	for (size_t i = 0; i < s->nselect; i++)
		selector_clear(&s->select[i]);
	for (size_t i = 0; i < s->nskip; i++)
		selector_clear(&s->skip[i]);
	free(s->select);
	free(s->skip);
	last_failed_clear(&s->last);
	memset(s, 0, sizeof(*s));
}

static bool
wants_last(const struct selector *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].kind == SELECT_LAST)
			return true;
	return false;
}

/* What is known of a target, NULL: of the last run, can be selected from. */
static int
check_last(const struct selection *s, const char *target, char *err,
    size_t err_size)
{
	const char *on = target != NULL ? " on " : "";
	const char *name = target != NULL ? target : "";

	if (last_failed_has_any(&s->last, target))
		return 0;
	if (last_failed_knows(&s->last, target))
		snprintf(err, err_size,
		    LAST_FAILED ": nothing failed in the last run%s%s", on,
		    name);
	else if (s->last.path == NULL)
		snprintf(err, err_size,
		    LAST_FAILED ": without HOME no earlier run is known");
	else
		snprintf(err, err_size,
		    LAST_FAILED ": no earlier run%s%s is known to %s", on, name,
		    s->last.path);
	return -1;
}

int
selection_read_last(struct selection *s, const char *const *targets, size_t n,
    char *err, size_t err_size)
{
	const char *target = NULL;
	bool any = false;

	if (!wants_last(s->select, s->nselect) &&
	    !wants_last(s->skip, s->nskip))
		return 0;
	if (last_failed_read(&s->last, err, err_size) != 0)
		return -1;
	/* One that is not known is worse than one where nothing failed. */
	for (size_t i = 0; i < n; i++) {
		any |= last_failed_has_any(&s->last, targets[i]);
		if (target == NULL || !last_failed_knows(&s->last, targets[i]))
			target = targets[i];
	}
	if (any && last_failed_knows(&s->last, target))
		return 0;
	return check_last(s, target, err, err_size);
}

static bool
matches(const struct selection *s, const struct selector *one,
    const struct suite_case *c)
{
	return one->kind == SELECT_LAST
	    ? last_failed_has(&s->last, s->target, c->instance->name)
	    : selector_matches(one, c);
}

/* Whether a selector takes the case, counting; *matched if it would but for
 * the case being slow. */
static bool
wanted(struct selection *s, const struct suite_case *c, bool *matched)
{
	bool taken = false;

	if (s->nselect == 0) {
		*matched = true;
		return !c->slow || s->slow;
	}
	for (size_t i = 0; i < s->nselect; i++) {
		struct selector *one = &s->select[i];

		if (!matches(s, one, c))
			continue;
		*matched = true;
		one->matched++;
		if (c->slow && !s->slow && one->wild)
			continue;
		one->taken++;
		taken = true;
	}
	return taken;
}

enum selected
selection_take(struct selection *s, const struct suite_case *c)
{
	bool matched = false, skipped = false;
	bool taken = wanted(s, c, &matched);

	for (size_t i = 0; i < s->nskip; i++)
		if (matches(s, &s->skip[i], c)) {
			s->skip[i].matched++;
			skipped = true;
		}
	if (taken)
		return skipped ? SELECTED_SKIP : SELECTED_YES;
	return matched ? SELECTED_SLOW : SELECTED_NOT;
}

/* The scenario id or tag nearest to what was written; NULL if none is. */
static const char *
nearest(const struct selector *s, const struct case_list *cases)
{
	const char **words;
	const char *found;
	size_t n = 0;

	words = xcalloc(cases->n * 8 + 1, sizeof(*words));
	for (size_t i = 0; i < cases->n; i++) {
		const struct scenario *sc = cases->cases[i].scenario;

		if (s->kind == SELECT_ID)
			words[n++] = sc->id;
		for (size_t k = 0;
		     s->kind == SELECT_TAG && k < sc->ntags && k < 8; k++)
			words[n++] = sc->tags[k];
	}
	found = s->pattern != NULL ? text_nearest(s->pattern, words) : NULL;
	free(words);
	return found;
}

/* Why none of the cases that it matches was there to be selected; NULL if it
 * matches none. */
static const char *
left_out(const struct selector *s, const struct case_list *cases)
{
	size_t n = 0, clients = 0;

	for (size_t i = 0; s->kind != SELECT_LAST && i < cases->n; i++)
		if (selector_matches(s, &cases->cases[i])) {
			n++;
			clients += suite_needs(&cases->cases[i], "client");
		}
	if (n == 0)
		return NULL;
	return clients == n
	    ? "only cases for clients; --client plays them"
	    : "only cases that --client or --carrier leaves out";
}

static int
complain(const struct selector *s, const struct case_list *cases, char *err,
    size_t err_size)
{
	const char *near = nearest(s, cases);
	const char *why = left_out(s, cases);

	if (s->matched > 0)
		snprintf(err, err_size,
		    "%s: selects only @slow cases; --slow adds them", s->text);
	else if (why != NULL)
		snprintf(err, err_size, "%s: selects %s", s->text, why);
	else if (s->kind == SELECT_LAST)
		snprintf(err, err_size,
		    "%s: what failed then cannot be selected now", s->text);
	else if (near != NULL)
		snprintf(err, err_size, "%s: selects nothing; is %s%s meant?",
		    s->text, s->kind == SELECT_TAG ? "@" : "", near);
	else
		snprintf(err, err_size,
		    "%s: selects nothing; `relay-conformance list` shows what "
		    "there is",
		    s->text);
	return -1;
}

int
selection_check(const struct selection *s, const struct case_list *cases,
    char *err, size_t err_size)
{
	for (size_t i = 0; i < s->nselect; i++)
		if (s->select[i].taken == 0)
			return complain(&s->select[i], cases, err, err_size);
	for (size_t i = 0; i < s->nskip; i++)
		if (s->skip[i].matched == 0)
			return complain(&s->skip[i], cases, err, err_size);
	return 0;
}
