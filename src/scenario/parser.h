/*
 * What the files of the parser share: a cursor over the tokens of a line.
 * Every parse function returns false (or NULL) after it has complained; the
 * rest of the line is then given up, the next line is tried.
 */
#ifndef SCENARIO_PARSER_H
#define SCENARIO_PARSER_H

#include "scenario/lexer.h"
#include "scenario/parse.h"

/* Deeper than anybody writes; keeps recursion bounded. */
#define PARSE_DEPTH_MAX 16

struct parser {
	struct arena *arena;
	struct script *script;
	struct complaints *complaints;
	const char *lib_dir;
	bool from_text; /* not from a file: see script_set_includes */
	/* the file being read */
	const char *file;
	struct lexer lx;
	struct line line;
	size_t at; /* token */
	bool included;
	bool unsound;        /* something outside of scenarios has an error */
	bool held;           /* the line is to be read once more */
	int depth;           /* of blocks */
	struct scenario *in; /* being read; NULL outside */
	unsigned
	    meta_seen; /* in front of its steps: 1 << place in meta_words */
	struct seen_file *files; /* that were opened, for cycles */
	size_t nfiles;
};

/* ---- the cursor: parse_cursor.c ---- */

const struct token *tok(const struct parser *p);
const struct token *tok_ahead(const struct parser *p, size_t n);
bool at_end(const struct parser *p);
bool at_punct(const struct parser *p, enum punct want);
bool at_word(const struct parser *p, const char *word);
/* Step over it if it is there. */
bool accept_punct(struct parser *p, enum punct want);
bool accept_word(struct parser *p, const char *word);
/* Step over it, or complain that it was expected. */
bool need_punct(struct parser *p, enum punct want);
bool need_end(struct parser *p);
/* A word's text; NULL after a complaint that |what| was expected. */
char *need_word(struct parser *p, const char *what);
char *need_text(struct parser *p, const char *what); /* of a "string" */
struct expr *need_duration(struct parser *p);

struct place place_of(const struct parser *p, const struct token *t);
struct place place_here(const struct parser *p);
/* "expected WHAT, found …"; returns false. */
bool expected(struct parser *p, const char *what);
/* The same, and the word of |words| that was probably meant. */
bool expected_one_of(struct parser *p, const char *what,
    const char *const *words);
/* Complain at the current token; returns false. */
bool refuse(struct parser *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The text of the tokens [from, to) as written. */
char *source_between(struct parser *p, size_t from, size_t to);
/* ", did you mean "x"?", or "". */
const char *did_you_mean(struct parser *p, const char *word,
    const char *const *words);
/* Next line that has tokens; false at the end of the file. */
bool next_line(struct parser *p);
bool line_opens_block(const struct parser *p);

/* ---- expressions: parse_expr.c ---- */

/* A value. */
struct expr *parse_value(struct parser *p);
/* A value, or two joined by + - * /. */
struct expr *parse_expr(struct parser *p);
/* The same, or two compared. */
struct expr *parse_condition(struct parser *p);
/* "==" and its like at the cursor: true, and stepped over. */
bool accept_comparison(struct parser *p, enum op *op);
bool at_comparison(const struct token *t);
/* name = value */
bool at_setting(const struct parser *p);
bool parse_setting(struct parser *p, struct setting *s);

/* ---- steps: parse_step.c, parse_send.c, parse_watch.c ---- */

/* The steps up to the line that closes them ("end" or "}"), which is
 * consumed; false if the file ended first. */
bool parse_steps(struct parser *p, const char *closer, struct step ***steps,
    size_t *nsteps);
bool parse_outcome(struct parser *p, struct outcome *o);
bool step_let(struct parser *p, struct step *s);
bool step_send(struct parser *p, struct step *s);
bool step_expect(struct parser *p, struct step *s);
bool step_never(struct parser *p, struct step *s);
bool step_fence(struct parser *p, struct step *s);
bool step_drain(struct parser *p, struct step *s);
bool step_target(struct parser *p, struct step *s);
/* A line in front of the steps whose first word is misspelt: complained of. */
bool refuse_misspelt_meta(struct parser *p);
extern const char *const step_words[];
extern const char *const meta_words[];

/* ---- what stands in front of a scenario's steps: parse_meta.c ---- */

bool is_meta_line(const struct parser *p);
bool parse_meta(struct parser *p, struct scenario *sc);

/* Put the procedures' steps where they are called: parse_call.c. */
void expand_calls(struct parser *p);

#endif
