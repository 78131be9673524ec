/* Lines of scenarios -> the same with one expectation changed.  Not made are
 * changes that a relay may be right not to notice:
 * - a shorter "within" alone: what came before a step began is in time;
 * - that an "optional" or a "count 0..N" does not come, which is lawful; and
 *   of a drain that may be empty, the fields;
 * - "never" for what captures a variable, which others need;
 * - fields of a "never": another value only makes it forbid less;
 * - what a branch of a oneof says that ends in "fail": nobody takes it;
 * - "target assert alive", "increasing", "quiet", which have no opposite. */
#include "config.h"

#include "conformance/mutate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/files.h"
#include "conformance/mutate_line.h"
#include "conformance/suite_check.h"

#define MAX_DEPTH 32

/* A file as lines; [0] is unused. */
struct mutate_file {
	const char *path;
	bool embedded;
	char *text;
	char **line;
	size_t nlines;
};

enum block {
	BLOCK_OTHER,
	BLOCK_ONEOF,
	BLOCK_ANYORDER
};

/* Lines [from, to] of a file are being mutated. */
struct gen {
	struct mutants *all;
	const struct script *script;
	const struct scenario *sc;
	const struct mutate_file *file, *of_script;
	const struct proc *proc; /* NULL: the scenario itself */
	int from, to;
	const char *preamble;
	int at;      /* the line */
	bool proven; /* a living relay is asked for at the end */
	enum block block[MAX_DEPTH];
	int block_line[MAX_DEPTH];
	int depth;
	size_t branch;
};

/* ---- files ---- */

static void
split_lines(struct mutate_file *f)
{
	char *p = f->text, *end;

	f->line = xcalloc(2, sizeof(char *));
	while (*p != '\0') {
		end = p + strcspn(p, "\n");
		f->line = xreallocarray(f->line, f->nlines + 3, sizeof(char *));
		f->line[++f->nlines] = p;
		p = *end != '\0' ? end + 1 : end;
		*end = '\0';
	}
}

/* Borrowed; NULL with a line in |errors|. */
static const struct mutate_file *
file_of(struct mutants *all, const char *path, struct text *errors)
{
	const struct embedded_file *e = embedded_find(path);
	struct mutate_file f = { .path = path, .embedded = e != NULL };
	char err[512];
	size_t len;

	for (size_t i = 0; i < all->nfiles; i++)
		if (strcmp(all->files[i].path, path) == 0)
			return &all->files[i];
	f.text = e != NULL ? xstrndup(e->text, e->len)
			   : file_read(path, &len, err, sizeof(err));
	if (f.text == NULL) {
		text_addf(errors, "%s\n", err);
		return NULL;
	}
	split_lines(&f);
	all->files =
	    xreallocarray(all->files, all->nfiles + 1, sizeof(*all->files));
	all->files[all->nfiles] = f;
	return &all->files[all->nfiles++];
}

void
mutants_clear(struct mutants *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->m[i].before);
		free(all->m[i].after);
		free(all->m[i].id);
		free(all->m[i].text);
	}
	for (size_t i = 0; i < all->nfiles; i++) {
		free(all->files[i].line);
		free(all->files[i].text);
	}
	free(all->m);
	free(all->files);
	*all = (struct mutants){ NULL, 0, NULL, 0 };
}

/* ---- mutants ---- */

static enum block
block_now(const struct gen *g)
{
	return g->depth > 0 ? g->block[g->depth - 1] : BLOCK_OTHER;
}

/* The line with |suffix| behind the name that begins at token |word|; an id
 * may be several tokens. */
static void
add_renamed(struct text *out, const char *line, size_t word, const char *suffix)
{
	struct lexed x;
	char *s;

	lexed_read(&x, line);
	while (!x.line.tokens[word + 1].spaced &&
	    !token_is_punct(&x.line.tokens[word + 1], PUNCT_LPAREN))
		word++;
	s = line_replaced(&x.line, token_end(&x.line.tokens[word]),
	    token_end(&x.line.tokens[word]), suffix);
	text_addf(out, "%s\n", s);
	free(s);
	lexed_clear(&x);
}

/* Does the line call that procedure?  Then its name is at *word. */
static bool
calls(const char *line, const char *name, size_t *word)
{
	struct lexed x;
	bool yes = false;

	if (lexed_read(&x, line)) {
		*word = line_first(&x.line) + 1;
		yes = token_is_word(&x.line.tokens[*word - 1], "call") &&
		    token_is_word(&x.line.tokens[*word], name);
	}
	lexed_clear(&x);
	return yes;
}

/* "end" closes it.  A scenario that has no expectation left is not written
 * like that: a dead relay would pass it. */
static void
add_end(struct text *out, const struct gen *g)
{
	text_addf(out, "%send\n",
	    g->proven ? "conn Mutant = login key=mutant carrier=raw\n" : "");
}

static void
add_changed(struct text *out, const struct gen *g, const char *after,
    size_t word, const char *suffix)
{
	for (int i = g->from; i <= g->to; i++) {
		const char *line = i == g->at ? after : g->file->line[i];

		if (i == g->from)
			add_renamed(out, line, word, suffix);
		else if (i == g->to && g->proc == NULL)
			add_end(out, g);
		else
			text_addf(out, "%s\n", line);
	}
}

/* The scenario, calling the changed procedure. */
static void
add_caller(struct text *out, const struct gen *g, const char *id,
    const char *proc)
{
	for (int i = g->sc->at.line; i <= g->sc->end_line; i++) {
		const char *line = g->of_script->line[i];
		size_t word;

		if (i == g->sc->at.line)
			add_renamed(out, line, 1, id);
		else if (calls(line, g->proc->name, &word))
			add_renamed(out, line, word, proc);
		else if (i == g->sc->end_line)
			add_end(out, g);
		else
			text_addf(out, "%s\n", line);
	}
}

static char *
text_of(const struct gen *g, const char *after, size_t number)
{
	char id[32], proc[32];
	struct text out = { 0 };

	text_init(&out);
	snprintf(id, sizeof(id), ".m%zu", number);
	snprintf(proc, sizeof(proc), "_m%zu", number);
	add_changed(&out, g, after, 1, g->proc != NULL ? proc : id);
	if (g->proc != NULL)
		add_caller(&out, g, id, proc);
	return text_take(&out);
}

static bool
is_refused(const struct gen *g, const char *text)
{
	struct text whole = { 0 }, errors = { 0 };
	struct script *s;
	bool sound;

	text_init(&whole);
	text_init(&errors);
	text_addf(&whole, "%s%s", g->preamble, text);
	s = script_parse(g->script->file, text_str(&whole), whole.len, NULL,
	    &errors);
	sound = s != NULL;
	for (size_t i = 0; sound && i < s->nscenarios; i++)
		sound = suite_check_alone(s->scenarios[i], &errors) == 0;
	script_free(s);
	text_clear(&whole);
	text_clear(&errors);
	return !sound;
}

/* Takes |after|. */
static void
add_take(struct gen *g, char *after, const char *how)
{
	struct mutants *all = g->all;
	struct mutant *m;

	all->m = xreallocarray(all->m, all->n + 1, sizeof(*all->m));
	m = &all->m[all->n];
	*m = (struct mutant){
		.script = g->script,
		.scenario = g->sc,
		.file = g->file->path,
		.line = g->at,
		.before = xstrdup(g->file->line[g->at]),
		.after = after,
		.how = how,
		.id = xasprintf("%s.m%zu", g->sc->id, all->n),
		.text = text_of(g, after, all->n),
		.block = block_now(g) == BLOCK_ONEOF
		    ? g->block_line[g->depth - 1]
		    : 0,
		.branch = g->branch,
	};
	m->refused = is_refused(g, m->text);
	if (m->refused) {
		g->proven = true;
		free(m->text);
		m->text = text_of(g, after, all->n);
		m->refused = is_refused(g, m->text);
		g->proven = false;
	}
	all->n++;
}

static void
change(struct gen *g, const struct line *l, const char *from, const char *to,
    const char *with, const char *how)
{
	add_take(g, line_replaced(l, from, to, with), how);
}

/* ---- fields ---- */

static const char *
opposite(enum punct p)
{
	switch (p) {
	case PUNCT_EQ:
		return "!=";
	case PUNCT_NE:
		return "==";
	case PUNCT_LT:
		return ">=";
	case PUNCT_LE:
		return ">";
	case PUNCT_GT:
		return "<=";
	default:
		return "<";
	}
}

/* |op| stands between a field and its value. */
static void
change_field(struct gen *g, const struct line *l, const struct token *op,
    bool bytes)
{
	const struct token *value = op + 1, *end = token_value_end(value);
	const char *to = token_end(end - 1);
	int size = (int)(to - value->start);
	char *other = NULL;

	if (op->punct == PUNCT_MATCH)
		other =
		    xasprintf("cat(\"no such \", %.*s)", size, value->start);
	else if (bytes && op->punct == PUNCT_EQ)
		/* "!=" would be about all that are there. */
		other = xasprintf("flip(%.*s, bit=0)", size, value->start);
	if (other != NULL) {
		change(g, l, value->start, to, other, "another value");
		free(other);
	} else {
		change(g, l, op->start, token_end(op), opposite(op->punct),
		    "another value");
	}
}

/* Those of the event, whose word is at |i|. */
static void
change_fields(struct gen *g, const struct line *l, size_t i)
{
	bool bytes = token_is_word(&l->tokens[i], "bytes");

	for (; &l->tokens[i] < line_verdict(l); i++)
		if (token_is_comparison(&l->tokens[i]))
			change_field(g, l, &l->tokens[i], bytes);
}

/* ---- clauses ---- */

/* The least and the most; false if they are no plain numbers. */
static bool
count_of(const struct line *l, size_t i, const struct token **clause,
    int64_t *low, int64_t *high)
{
	const struct token *t = line_find_clause(l, i, "count");

	*clause = t;
	*low = *high = 1;
	if (t == NULL || t[1].kind != TOKEN_INT)
		return t == NULL;
	*low = *high = t[1].number;
	if (token_is_punct(&t[2], PUNCT_RANGE)) {
		if (t[3].kind != TOKEN_INT)
			return false;
		*high = t[3].number;
	}
	return true;
}

static void
change_count(struct gen *g, const struct line *l, const struct token *clause,
    int64_t high)
{
	char with[32];

	snprintf(with, sizeof(with), "%" PRId64, high + 1);
	change(g, l, clause[1].start,
	    token_end(token_value_end(clause + 1) - 1), with, "one more");
}

static void
change_time(struct gen *g, const struct line *l, const char *from,
    const char *to, const char *word, int64_t ns, const char *how)
{
	char with[64];

	snprintf(with, sizeof(with), "%s%" PRId64 "ms", word, ns / NS_PER_MS);
	change(g, l, from, to, with, how);
}

/* A window ends soon after it begins, or begins soon before it ends. */
static void
change_window(struct gen *g, const struct line *l, size_t i)
{
	const struct token *end = line_find_clause(l, i, "within");
	const struct token *begin = line_find_clause(l, i, "not-before");
	int64_t little;

	if (end == NULL || (++end)->kind != TOKEN_DURATION)
		return;
	if (begin == NULL) {
		change_time(g, l, token_end(end), token_end(end),
		    " not-before ", end->number / 10 * 9, "a later time");
	} else if ((++begin)->kind == TOKEN_DURATION) {
		little = (end->number - begin->number) / 20;
		change_time(g, l, end->start, token_end(end), "",
		    begin->number + little, "a shorter time");
		change_time(g, l, begin->start, token_end(begin), "",
		    end->number - little, "a later time");
	}
}

/* ---- kinds of lines ---- */

/* A branch that the relay takes must be noticed when it means failure; false
 * if it means that already. */
static bool
change_branch(struct gen *g, const struct line *l)
{
	const struct token *v = line_verdict(l);
	bool says = v->kind != TOKEN_END;

	g->branch = MUTANT_NONE;
	if (block_now(g) != BLOCK_ONEOF)
		return true;
	if (says && token_is_word(&v[1], "fail"))
		return false;
	if (says)
		change(g, l, v[1].start, token_end(&v[1]), "fail",
		    "the branch fails");
	else
		change(g, l, token_end(v - 1), token_end(v - 1), " => fail",
		    "the branch fails");
	g->branch = g->all->n - 1;
	return true;
}

static bool
captures(const struct token *from, const struct token *to)
{
	while (from < to &&
	    !(token_is_word(from, "as") && from[1].kind == TOKEN_VAR))
		from++;
	return from < to;
}

/* For as long as it would be waited for. */
static void
change_to_never(struct gen *g, const struct line *l, size_t i,
    const struct token *event_end, const struct token *within)
{
	const struct token *name = &l->tokens[i];
	const struct token *v = line_verdict(l);
	char *never = xasprintf("never %.*s for %.*s ",
	    (int)(token_end(event_end) - name->start), name->start,
	    within != NULL ? (int)within[1].size : 2,
	    within != NULL ? within[1].start : "2s");

	change(g, l, name->start, v->kind == TOKEN_END ? line_end(l) : v->start,
	    never, "never instead of an expectation");
	free(never);
}

/* NAME at |i|, "<-", the event. */
static void
expect_line(struct gen *g, const struct line *l, size_t i)
{
	const struct token *event = &l->tokens[i + 2], *count;
	const struct token *within = line_find_clause(l, i + 2, "within");
	const struct token *event_end = line_first_clause(l, i + 2) - 1;
	int64_t low, high;
	bool counted = count_of(l, i + 2, &count, &low, &high);

	if (!change_branch(g, l))
		return;
	change_fields(g, l, i + 2);
	if (counted && count != NULL)
		change_count(g, l, count, high);
	if (line_find_clause(l, i + 2, "optional") != NULL || !counted ||
	    low == 0)
		return;
	change_window(g, l, i + 2);
	if (captures(event, event_end))
		return;
	if (block_now(g) == BLOCK_ANYORDER)
		/* No never may stand there. */
		change(g, l, event->start, token_end(event_end),
		    "Pong data==x\"6d 75 74 61 6e 74 00 00\"", "another event");
	else
		change_to_never(g, l, i, event_end, within);
}

/* "never" at |i|. */
static void
never_line(struct gen *g, const struct line *l, size_t i)
{
	const struct token *name = &l->tokens[i + 1];
	const struct token *clause = line_find_clause(l, i + 3, "for");
	const struct token *event_end = line_first_clause(l, i + 3) - 1;
	char *expect;

	if (!change_branch(g, l))
		return;
	expect = xasprintf("%.*s within %.*s ",
	    (int)(token_end(event_end) - name->start), name->start,
	    clause != NULL ? (int)clause[1].size : 5,
	    clause != NULL ? clause[1].start : "500ms");
	change(g, l, l->tokens[i].start,
	    line_verdict(l)->kind == TOKEN_END ? line_end(l)
					       : line_verdict(l)->start,
	    expect, "an expectation instead of never");
	free(expect);
}

/* "assert" at |i|, or a target's. */
static void
assert_line(struct gen *g, const struct line *l, size_t i)
{
	for (; l->tokens[i].kind != TOKEN_END; i++)
		if (token_is_comparison(&l->tokens[i])) {
			change_field(g, l, &l->tokens[i], false);
			return;
		}
}

/* "target" at |i|: what is behind "==", "<=" or "increments" is changed. */
static void
target_line(struct gen *g, const struct line *l, size_t i)
{
	const struct token *end = line_find_clause(l, i, "within");
	const char *with = "999999";

	if (end == NULL)
		end = &l->tokens[l->ntokens - 1];
	for (; &l->tokens[i + 1] < end; i++) {
		const struct token *t = &l->tokens[i];

		if (!token_is_comparison(t) && !token_is_word(t, "increments"))
			continue;
		if (token_is_punct(t, PUNCT_LE) || token_is_punct(t, PUNCT_LT))
			with = "1";
		else if (token_is_punct(t, PUNCT_EQ))
			with = "77";
		change(g, l, t[1].start, token_end(end - 1), with,
		    "another value");
		return;
	}
}

/* NAME at |i|, "drain". */
static void
drain_line(struct gen *g, const struct line *l, size_t i)
{
	const struct token *count;
	int64_t low, high;

	if (!count_of(l, i + 2, &count, &low, &high) || count == NULL)
		return;
	change_count(g, l, count, high);
	if (low > 0)
		change_fields(g, l, i + 2);
}

static void
follow_blocks(struct gen *g, const struct line *l)
{
	const struct token *kind = &l->tokens[line_first(l)];

	if (token_is_punct(&l->tokens[0], PUNCT_SHUT) && g->depth > 0)
		g->depth--;
	if (!token_is_punct(&l->tokens[l->ntokens - 2], PUNCT_OPEN) ||
	    g->depth == MAX_DEPTH)
		return;
	g->block_line[g->depth] = g->at;
	g->block[g->depth++] = token_is_word(kind, "oneof") ? BLOCK_ONEOF
	    : token_is_word(kind, "anyorder")               ? BLOCK_ANYORDER
							    : BLOCK_OTHER;
}

static void
mutate_line(struct gen *g, const struct line *l)
{
	size_t i = line_first(l);
	const struct token *t = &l->tokens[i];

	g->branch = MUTANT_NONE;
	if (token_is_word(t, "never"))
		never_line(g, l, i);
	else if (token_is_word(t, "assert"))
		assert_line(g, l, i);
	else if (token_is_word(t, "target"))
		target_line(g, l, i);
	else if (t->kind == TOKEN_WORD && token_is_punct(&t[1], PUNCT_RECEIVE))
		expect_line(g, l, i);
	else if (t->kind == TOKEN_WORD && token_is_word(&t[1], "drain"))
		drain_line(g, l, i);
	follow_blocks(g, l);
}

static void
mutate(struct gen *g)
{
	/* The first line is its name; the last is "end". */
	for (g->at = g->from + 1; g->at < g->to; g->at++) {
		struct lexed x;

		if (lexed_read(&x, g->file->line[g->at]))
			mutate_line(g, &x.line);
		lexed_clear(&x);
	}
}

/* ---- the interface ---- */

/* Whoever reads it elsewhere finds what lies beside it here. */
static void
add_include(struct text *out, const struct mutate_file *f, const char *line,
    const struct token *name)
{
	const char *slash = strrchr(f->path, '/');
	char *path = xasprintf("%.*s%.*s",
	    slash != NULL ? (int)(slash + 1 - f->path) : 0, f->path,
	    (int)name->nbytes, (const char *)name->bytes);
	char *whole = f->embedded ? NULL : realpath(path, NULL);

	if (whole != NULL)
		text_addf(out, "include \"%s\"\n", whole);
	else
		text_addf(out, "%s\n", line);
	free(whole);
	free(path);
}

char *
mutate_preamble(struct mutants *all, const struct script *script,
    struct text *errors)
{
	const struct mutate_file *f = file_of(all, script->file, errors);
	struct text out = { 0 };
	size_t next = 0;

	if (f == NULL)
		return NULL;
	text_init(&out);
	for (int i = 1; i <= (int)f->nlines; i++) {
		struct lexed x;

		if (next < script->nscenarios &&
		    i == script->scenarios[next]->at.line) {
			i = script->scenarios[next++]->end_line;
			continue;
		}
		if (lexed_read(&x, f->line[i]) &&
		    token_is_word(&x.line.tokens[0], "include") &&
		    x.line.tokens[1].kind == TOKEN_STRING)
			add_include(&out, f, f->line[i], &x.line.tokens[1]);
		else
			text_addf(&out, "%s\n", f->line[i]);
		lexed_clear(&x);
	}
	return text_take(&out);
}

bool
mutate_scenario(struct mutants *all, const struct script *script,
    const struct scenario *sc, struct text *errors)
{
	char *preamble = mutate_preamble(all, script, errors);
	struct gen g = {
		.all = all,
		.script = script,
		.sc = sc,
		.from = sc->at.line,
		.to = sc->end_line,
		.preamble = preamble,
	};

	if (preamble == NULL)
		return false;
	g.file = g.of_script = file_of(all, script->file, errors);
	mutate(&g);
	free(preamble);
	return true;
}

static int
end_of_proc(const struct mutate_file *f, int from)
{
	int i = from;
	bool end = false;

	while (!end && ++i < (int)f->nlines) {
		struct lexed x;

		end = lexed_read(&x, f->line[i]) &&
		    token_is_word(&x.line.tokens[0], "end");
		lexed_clear(&x);
	}
	return i;
}

bool
mutate_proc(struct mutants *all, const struct script *script,
    const struct proc *proc, const struct scenario *sc, struct text *errors)
{
	char *preamble = mutate_preamble(all, script, errors);
	struct gen g = {
		.all = all,
		.script = script,
		.sc = sc,
		.proc = proc,
		.from = proc->at.line,
		.preamble = preamble,
	};
	size_t word;

	/* Twice, since the list of files may move. */
	if (preamble != NULL && file_of(all, proc->at.file, errors) != NULL) {
		g.file = file_of(all, proc->at.file, errors);
		g.of_script = file_of(all, script->file, errors);
		g.to = end_of_proc(g.file, g.from);
	}
	for (int i = sc->at.line; g.file != NULL && i <= sc->end_line; i++)
		if (calls(g.of_script->line[i], proc->name, &word)) {
			mutate(&g);
			break;
		}
	free(preamble);
	return g.file != NULL;
}
