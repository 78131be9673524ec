/*
 * .rly text -> tokens, a line at a time.  The lexer knows no keywords; what
 * it cannot read (a bad escape, an odd hex digit, a character that means
 * nothing) it reports and steps over, so that one run finds all errors.
 */
#ifndef SCENARIO_LEXER_H
#define SCENARIO_LEXER_H

#include "base/text.h"
#include "scenario/arena.h"
#include "scenario/scenario.h"

/* A literal longer than this is a mistake: fill(n) is there for that. */
#define LEX_BYTES_MAX (1 << 20)

enum token_kind {
	TOKEN_END, /* of the line */
	TOKEN_WORD,
	TOKEN_INT,
	TOKEN_DURATION,
	TOKEN_STRING, /* "…" */
	TOKEN_HEX,    /* x"…" */
	TOKEN_VAR,    /* $name; text without the $ */
	TOKEN_PUNCT
};

enum punct {
	PUNCT_SET, /* = */
	PUNCT_EQ,  /* == */
	PUNCT_NE,
	PUNCT_LT,
	PUNCT_LE,
	PUNCT_GT,
	PUNCT_GE,
	PUNCT_MATCH,   /* ~ */
	PUNCT_VERDICT, /* => */
	PUNCT_SEND,    /* -> */
	PUNCT_RECEIVE, /* <- */
	PUNCT_OPEN,    /* { */
	PUNCT_SHUT,    /* } */
	PUNCT_LPAREN,
	PUNCT_RPAREN,
	PUNCT_COMMA,
	PUNCT_COLON,
	PUNCT_AT,
	PUNCT_RANGE, /* .. */
	PUNCT_PLUS,
	PUNCT_MINUS,
	PUNCT_STAR,
	PUNCT_SLASH,
	PUNCT_NKINDS
};

struct token {
	enum token_kind kind;
	enum punct punct;
	const char *start; /* in the file's text */
	size_t size;       /* bytes of it as written */
	int col;           /* from 1, in characters */
	int len;           /* in characters */
	bool spaced;       /* blanks, or nothing, in front of it */
	char *text;        /* WORD, VAR: the name */
	int64_t number;    /* INT; DURATION in ns */
	uint8_t *bytes;    /* STRING, HEX */
	size_t nbytes;
};

/* One line of the file as tokens; the last is TOKEN_END. */
struct line {
	int number; /* from 1 */
	const char *start;
	size_t size; /* without its end */
	struct token *tokens;
	size_t ntokens;
	bool bad; /* something on it could not be read */
};

/* So many are worth reading. */
#define COMPLAINTS_MAX 100

/* Where errors go: "FILE:LINE:COL: …", one a line, none twice. */
struct complaints {
	struct text *out;
	size_t count;
};

void complain(struct complaints *c, const struct place *at, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

struct lexer {
	struct arena *arena;
	struct complaints *complaints;
	const char *file;
	const char *p;
	const char *end;
	int number; /* of the line that lexer_next gave last */
};

/*
 * |text| stays the caller's and must outlive the tokens.  A byte order mark
 * in front is skipped; lines end with LF or CR LF, the last one with nothing
 * if it likes.
 */
void lexer_init(struct lexer *lx, struct arena *arena, struct complaints *c,
    const char *file, const char *text, size_t len);
/* The next line, empty ones too; false at the end of the text. */
bool lexer_next(struct lexer *lx, struct line *out);

/* "=", "->", …; for messages. */
const char *punct_text(enum punct p);

#endif
