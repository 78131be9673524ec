/* A file's lines outside of steps; includes; loading and freeing. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "scenario/check.h"
#include "scenario/parser.h"

#define FILE_MAX     (4 << 20) /* bytes of a script */
#define INCLUDES_MAX 64

struct seen_file {
	dev_t dev;
	ino_t ino;
	bool open; /* it is being read: to include it again is a cycle */
};

static void parse_file(struct parser *p, const char *file, const char *text,
    size_t len);

/* ---- reading ---- */

/* The whole of an ordinary file; NULL with errno set.  A device or a pipe
 * could hang us or never end. */
static char *
read_file(const char *path, struct stat *st, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	ssize_t n = 0;

	if (fd < 0)
		return NULL;
	*len = 0;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	    st->st_size <= FILE_MAX) {
		text = xmalloc((size_t)st->st_size + 1);
		while (*len < (size_t)st->st_size &&
		    (n = read(fd, text + *len, (size_t)st->st_size - *len)) > 0)
			*len += (size_t)n;
	} else {
		errno = S_ISDIR(st->st_mode) ? EISDIR : EFBIG;
	}
	if (n < 0) {
		free(text);
		text = NULL;
	}
	int saved = errno;
	close(fd);
	errno = saved;
	return text;
}

/* ---- includes ---- */

static struct seen_file *
find_seen(struct parser *p, const struct stat *st)
{
	for (size_t i = 0; i < p->nfiles; i++)
		if (p->files[i].dev == st->st_dev &&
		    p->files[i].ino == st->st_ino)
			return &p->files[i];
	return NULL;
}

static script_include_fn find_include;

void
script_set_includes(script_include_fn find)
{
	find_include = find;
}

/* What lies in no folder; its text's address is what tells it apart. */
static char *
read_found(const char *path, const char *name, struct stat *st, size_t *len)
{
	const char *text =
	    find_include != NULL ? find_include(path, name, len) : NULL;

	if (text == NULL) {
		errno = ENOENT;
		return NULL;
	}
	*st = (struct stat){ .st_ino = (ino_t)(uintptr_t)text };
	return xmemdup(text, *len);
}

/* |name| beside the file being read, then in the library's folder. */
static char *
read_include(struct parser *p, const char *name, char **path, struct stat *st,
    size_t *len)
{
	const char *slash = strrchr(p->file, '/');
	int folder = slash != NULL ? (int)(slash - p->file) + 1 : 0;
	char *beside, *text = NULL;

	beside = arena_printf(p->arena, "%.*s%s", folder, p->file, name);
	*path = beside;
	if (p->from_text)
		text = read_found(beside, name, st, len);
	if (text == NULL)
		text = read_file(beside, st, len);
	if (text == NULL && p->lib_dir != NULL && errno == ENOENT) {
		*path = arena_printf(p->arena, "%s/%s", p->lib_dir, name);
		text = read_file(*path, st, len);
	}
	if (text == NULL && !p->from_text && errno == ENOENT)
		text = read_found(beside, name, st, len);
	return text;
}

/* Read |text| with a cursor of its own, then go on here. */
static void
parse_included(struct parser *p, const char *path, const char *text, size_t len)
{
	struct lexer lx = p->lx;
	struct line line = p->line;
	const char *file = p->file;
	bool included = p->included;
	size_t at = p->at;

	p->included = true;
	parse_file(p, path, text, len);
	p->included = included;
	p->file = file;
	p->line = line;
	p->lx = lx;
	p->at = at;
}

static bool
top_include(struct parser *p)
{
	char *name;
	char *path = NULL;
	char *text;
	struct stat st;
	struct seen_file *seen;
	struct seen_file self;
	size_t len = 0;
	size_t index = p->nfiles;

	if (tok(p)->kind != TOKEN_STRING)
		return expected(p, "a \"file\"");
	name = need_text(p, "a \"file\"");
	if (name == NULL || !need_end(p))
		return false;
	p->at--;
	if (name[0] == '/' || name[0] == '\0')
		return refuse(p,
		    "an included file is named relative to this "
		    "one");
	if (p->nfiles >= INCLUDES_MAX)
		return refuse(p, "more than %d files are included",
		    INCLUDES_MAX);
	text = read_include(p, name, &path, &st, &len);
	if (text == NULL)
		return refuse(p, "cannot read \"%s\": %s", name,
		    errno == EFBIG ? "no ordinary file, or more than 4 MiB"
				   : strerror(errno));
	seen = find_seen(p, &st);
	if (seen != NULL) {
		free(text);
		return !seen->open ||
		    refuse(p, "\"%s\" includes itself, over this line", name);
	}
	self = (struct seen_file){ st.st_dev, st.st_ino, true };
	ARENA_PUSH(p->arena, p->files, p->nfiles, self);
	parse_included(p, path, text, len);
	p->files[index].open = false;
	free(text);
	return true;
}

/* ---- the other lines outside ---- */

/* "iroh-v3, or any" */
static const char *
known_dialects(struct parser *p)
{
	const char *list = "";

	for (size_t i = 0; rk_dialects()[i] != NULL; i++)
		list = arena_printf(p->arena, "%s%s, ", list,
		    rk_dialects()[i]->id);
	return arena_printf(p->arena, "%sor any", list);
}

static const struct rk_dialect *
need_dialect(struct parser *p)
{
	const char *words[16] = { "any" };
	size_t n = 1;
	const struct rk_dialect *d;

	for (size_t i = 0; rk_dialects()[i] != NULL && n < 15; i++)
		words[n++] = rk_dialects()[i]->id;
	d = tok(p)->kind == TOKEN_WORD ? rk_dialect_by_id(tok(p)->text) : NULL;
	if (d == NULL)
		expected_one_of(p, known_dialects(p), words);
	else
		p->at++;
	return d;
}

static bool
top_let(struct parser *p)
{
	struct step *s = arena_alloc(p->arena, sizeof(*s));

	s->kind = STEP_LET;
	s->at = place_here(p);
	s->source = source_between(p, 0, p->line.ntokens - 1);
	if (!step_let(p, s))
		return false;
	for (size_t i = 0; i < p->script->nlets; i++)
		if (strcmp(p->script->lets[i]->name, s->name) == 0) {
			complain(p->complaints, &s->at,
			    "there is a constant $%s already", s->name);
			return false;
		}
	ARENA_PUSH(p->arena, p->script->lets, p->script->nlets, s);
	return true;
}

static const struct {
	const char *word;
	enum rk_field_type type;
	enum rk_field_class field_class;
	size_t len;
} field_types[] = {
	{ "key", RK_FIELD_KEY, RK_CLASS_KEY, 32 },
	{ "u8", RK_FIELD_UINT, RK_CLASS_COUNTER, 1 },
	{ "u16", RK_FIELD_UINT, RK_CLASS_COUNTER, 2 },
	{ "u32", RK_FIELD_UINT, RK_CLASS_COUNTER, 4 },
	{ "u64", RK_FIELD_UINT, RK_CLASS_COUNTER, 8 },
	{ "bytes", RK_FIELD_BYTES, RK_CLASS_PAYLOAD, 0 },
	{ "text", RK_FIELD_TEXT, RK_CLASS_TEXT, 0 },
};

/* name: type */
static bool
parse_field(struct parser *p, struct rk_field_spec *field)
{
	const char *words[8] = { 0 };

	field->name = need_word(p, "a field's name");
	if (field->name == NULL || !need_punct(p, PUNCT_COLON))
		return false;
	for (size_t i = 0; i < sizeof(field_types) / sizeof(field_types[0]);
	     i++) {
		words[i] = field_types[i].word;
		if (!accept_word(p, field_types[i].word))
			continue;
		field->type = field_types[i].type;
		field->field_class = field_types[i].field_class;
		field->len = field_types[i].len;
		return true;
	}
	return expected_one_of(p, "key, u8, u16, u32, u64, bytes or text",
	    words);
}

/* A carrier whose header has one byte for it takes no more. */
static uint32_t
greatest_type(const struct rk_dialect *d)
{
	for (int c = 0; d != NULL && c < RK_NCARRIERS; c++)
		if (d->header[c] != RK_HEADER_NONE &&
		    d->header[c] != RK_HEADER_VARINT)
			return UINT8_MAX;
	return UINT32_MAX;
}

/* frame NAME type INT { field: type … } */
static bool
top_frame(struct parser *p)
{
	struct rk_frame_spec *f = arena_alloc(p->arena, sizeof(*f));
	size_t n = 0;

	f->name = need_word(p, "a frame's name");
	if (f->name == NULL)
		return false;
	for (size_t i = 0; i < p->script->nframes; i++)
		if (strcmp(p->script->frames[i]->name, f->name) == 0)
			return refuse(p, "there is a frame \"%s\" already",
			    f->name);
	if (p->script->dialect != NULL &&
	    rk_frame_spec_by_name(p->script->dialect, f->name) != NULL) {
		p->at--;
		return refuse(p, "%s has a frame \"%s\": take another name",
		    p->script->dialect->id, f->name);
	}
	if (!accept_word(p, "type"))
		return expected(p, "\"type\"");
	if (tok(p)->kind != TOKEN_INT || tok(p)->number > UINT32_MAX)
		return expected(p, "a number, the frame's type");
	if (tok(p)->number > greatest_type(p->script->dialect))
		return refuse(p, "a frame's type in %s is a number up to %u",
		    p->script->dialect->id,
		    (unsigned)greatest_type(p->script->dialect));
	f->type = (uint32_t)tok(p)->number;
	f->sender = RK_FROM_BOTH;
	f->max = SIZE_MAX;
	p->at++;
	if (!need_punct(p, PUNCT_OPEN))
		return false;
	while (!accept_punct(p, PUNCT_SHUT)) {
		if (n + 1 >= RK_FRAME_MAX_FIELDS)
			return refuse(p, "a frame has at most %d fields",
			    RK_FRAME_MAX_FIELDS - 1);
		if (!parse_field(p, &f->field[n++]))
			return false;
		accept_punct(p, PUNCT_COMMA);
	}
	if (!need_end(p))
		return false;
	ARENA_PUSH(p->arena, p->script->frames, p->script->nframes, f);
	return true;
}

static bool
parse_proc_head(struct parser *p, struct proc *proc)
{
	proc->name = need_word(p, "a procedure's name");
	if (proc->name == NULL || !need_punct(p, PUNCT_LPAREN))
		return false;
	if (script_proc(p->script, proc->name) != NULL)
		return refuse(p, "there is a procedure \"%s\" already",
		    proc->name);
	if (accept_punct(p, PUNCT_RPAREN))
		return need_end(p);
	do {
		char *param = need_word(p, "a parameter's name");

		if (param == NULL)
			return false;
		ARENA_PUSH(p->arena, proc->params, proc->nparams, param);
	} while (accept_punct(p, PUNCT_COMMA));
	return need_punct(p, PUNCT_RPAREN) && need_end(p);
}

static bool
top_proc(struct parser *p)
{
	struct proc *proc = arena_alloc(p->arena, sizeof(*proc));
	size_t before = p->complaints->count;

	proc->at = place_here(p);
	parse_proc_head(p, proc);
	parse_steps(p, "end", &proc->steps, &proc->nsteps);
	if (p->complaints->count > before)
		return false;
	ARENA_PUSH(p->arena, p->script->procs, p->script->nprocs, proc);
	return true;
}

static bool
parse_scenario_head(struct parser *p, struct scenario *sc)
{
	sc->at = place_here(p);
	sc->id = need_word(p, "the scenario's name");
	if (sc->id == NULL)
		return false;
	for (size_t i = 0; i < p->script->nscenarios; i++)
		if (strcmp(p->script->scenarios[i]->id, sc->id) == 0)
			return refuse(p,
			    "there is a scenario \"%s\" already (line %d)",
			    sc->id, p->script->scenarios[i]->at.line);
	sc->title = need_text(p, "a \"sentence\" that says what is tested");
	if (sc->title == NULL)
		return false;
	if (sc->title[0] == '\0') {
		p->at--;
		return expected(p, "a sentence that says what is tested");
	}
	return need_end(p);
}

static bool
has_marks(struct step *const *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (steps[i]->run != RUN_ALWAYS ||
		    has_marks(steps[i]->body, steps[i]->nbody))
			return true;
	return false;
}

static bool
top_scenario(struct parser *p)
{
	struct scenario *sc = arena_alloc(p->arena, sizeof(*sc));
	struct token name = *tok(p);
	size_t before = p->complaints->count;

	parse_scenario_head(p, sc);
	if (p->included) {
		p->at = 0;
		refuse(p,
		    "only procedures, frames and constants can be "
		    "included");
	}
	sc->dialect = p->script->dialect;
	p->in = sc;
	p->meta_seen = 0;
	while (next_line(p)) {
		if (is_meta_line(p)) {
			parse_meta(p, sc);
		} else if (!refuse_misspelt_meta(p)) {
			p->held = true;
			break;
		}
	}
	/* The closing "end" is named with the line of the scenario. */
	parse_steps(p, "end", &sc->steps, &sc->nsteps);
	p->in = NULL;
	sc->end_line = p->line.number;
	sc->at.len = name.len;
	/* What has an error is not looked at any further. */
	if (p->complaints->count > before)
		return true;
	ARENA_PUSH(p->arena, p->script->scenarios, p->script->nscenarios, sc);
	return true;
}

static const struct {
	const char *word;
	bool (*parse)(struct parser *p);
} top[] = {
	{ "include", top_include },
	{ "let", top_let },
	{ "frame", top_frame },
	{ "proc", top_proc },
	{ "scenario", top_scenario },
};

static const char *const top_words[] = { "include", "let", "frame", "proc",
	"scenario", NULL };

static bool
at_top_word(const struct parser *p)
{
	for (size_t i = 0; i < sizeof(top) / sizeof(top[0]); i++)
		if (at_word(p, top[i].word))
			return true;
	return false;
}

/* The line makes no sense here; neither does what follows, up to an "end" or
 * something that does. */
static void
skip_to_sense(struct parser *p)
{
	while (next_line(p)) {
		if (at_word(p, "end"))
			return;
		if (at_top_word(p)) {
			p->held = true;
			return;
		}
	}
}

static bool
parse_top(struct parser *p)
{
	for (size_t i = 0; i < sizeof(top) / sizeof(top[0]); i++)
		if (accept_word(p, top[i].word))
			return top[i].parse(p);
	expected_one_of(p, "include, let, frame, proc or scenario", top_words);
	skip_to_sense(p);
	return false;
}

/* "rly 1", then "dialect NAME". */
static bool
parse_head(struct parser *p)
{
	const struct rk_dialect *d = NULL;

	if (!next_line(p)) {
		struct place at = { p->file, 1, 1, 0 };

		complain(p->complaints, &at,
		    "expected \"rly 1\", but the file is empty");
		return false;
	}
	if (!accept_word(p, "rly"))
		return expected(p, "\"rly 1\", the first line of a script");
	if (tok(p)->kind != TOKEN_INT || tok(p)->number != 1)
		return expected(p, "1, the version of the language");
	p->at++;
	if (!need_end(p))
		return false;
	if (!next_line(p))
		return expected(p, "\"dialect\" and a name on the next line");
	if (!accept_word(p, "dialect"))
		return expected(p, "\"dialect\" and a name");
	if (!accept_word(p, "any")) {
		d = need_dialect(p);
		if (d == NULL)
			return false;
	}
	if (!p->included)
		p->script->dialect = d;
	else if (d != NULL && d != p->script->dialect) {
		p->at--;
		return refuse(p, "the including script speaks %s",
		    p->script->dialect != NULL ? p->script->dialect->id
					       : "any dialect");
	}
	return need_end(p);
}

static void
parse_file(struct parser *p, const char *file, const char *text, size_t len)
{
	p->file = file;
	p->held = false;
	lexer_init(&p->lx, p->arena, p->complaints, file, text, len);
	if (!parse_head(p)) {
		p->unsound = true;
		return;
	}
	while (next_line(p))
		if (!parse_top(p))
			p->unsound = true;
}

/* ---- what the rest of the house calls ---- */

/* The main file's lines, for messages. */
static void
keep_lines(struct script *s, struct arena *a, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((lf != NULL ? lf : end) - text);
		size_t shown = n > 0 && text[n - 1] == '\r' ? n - 1 : n;

		ARENA_PUSH(a, s->lines, s->nlines,
		    arena_strndup(a, text, shown));
		text += lf != NULL ? n + 1 : n;
	}
}

static void
find_controls(struct script *s)
{
	for (size_t i = 0; i < s->nscenarios; i++)
		s->scenarios[i]->has_control =
		    has_marks(s->scenarios[i]->steps, s->scenarios[i]->nsteps);
}

static struct script *
parse_script(const char *file, const char *text, size_t len,
    const char *lib_dir, struct text *errors, const struct stat *st)
{
	struct complaints c = { .out = errors };
	struct parser p = {
		.complaints = &c,
		.lib_dir = lib_dir,
		.from_text = st == NULL,
	};
	struct script *s;

	p.arena = arena_new();
	s = arena_alloc(p.arena, sizeof(*s));
	s->arena = p.arena;
	s->file = arena_strdup(p.arena, file);
	p.script = s;
	if (st != NULL) {
		struct seen_file self = { st->st_dev, st->st_ino, true };

		ARENA_PUSH(p.arena, p.files, p.nfiles, self);
	}
	keep_lines(s, p.arena, text, len);
	parse_file(&p, s->file, text, len);
	if (!p.unsound) {
		expand_calls(&p);
		find_controls(s);
		check_script(s, &c);
	}
	if (c.count > COMPLAINTS_MAX)
		text_addf(errors, "%s: %zu more errors are not shown\n", file,
		    c.count - COMPLAINTS_MAX);
	if (c.count == 0)
		return s;
	script_free(s);
	return NULL;
}

struct script *
script_parse(const char *file, const char *text, size_t len,
    const char *lib_dir, struct text *errors)
{
	return parse_script(file, text, len, lib_dir, errors, NULL);
}

struct script *
script_load(const char *file, const char *lib_dir, struct text *errors)
{
	struct stat st;
	size_t len;
	char *text = read_file(file, &st, &len);
	struct script *s;

	if (text == NULL) {
		text_addf(errors, "%s: cannot read: %s\n", file,
		    errno == EFBIG ? "no ordinary file, or more than 4 MiB"
				   : strerror(errno));
		return NULL;
	}
	s = parse_script(file, text, len, lib_dir, errors, &st);
	free(text);
	return s;
}

void
script_free(struct script *s)
{
	if (s != NULL)
		arena_free(s->arena);
}

const struct proc *
script_proc(const struct script *s, const char *name)
{
	for (size_t i = 0; i < s->nprocs; i++)
		if (strcmp(s->procs[i]->name, name) == 0)
			return s->procs[i];
	return NULL;
}
