/*
 * A scenario as plain structs: what the parser makes and the engine plays.
 * Everything is owned by its struct script and freed with it.
 *
 * What the words mean where the structs alone do not say it:
 *
 * - Events have the fields of their frame.  http: status, minor, reason,
 *   body (and, listening, method and target), count.NAME (how many fields of
 *   that name there are); any other name is a header field, compared as text,
 *   "absent" where it is not there.  ws: opcode, payload, code, reason.
 *   bytes: data (the next so many bytes are these) or none (any byte).
 *   tls: version, cipher, alpn.  On UDP bytes are a datagram: data, size; stun
 *   has type, id, attributes (how many), family, address, port, and these.
 * - "~" compares as a pattern over the whole value, without regard to case:
 *   "*" stands for any bytes, "?" for one.
 * - http sends: settings are header fields in their order, several of one
 *   name allowed; "body" is what follows the head.  Host is added unless it
 *   is given; Host=absent leaves it out.  Nothing else is added.
 * - ws sends: opcode, fin, rsv, mask (yes, no), payload.
 * - A conn step that is played again (in a repeat) gives the name to a new
 *   connection; the old one stays open, and nothing waits for it any more.
 * - A proc's parameter p is a connection's or a key's name as the bare word
 *   p, and a value as $p; the parser puts the arguments in place.
 */
#ifndef SCENARIO_SCENARIO_H
#define SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "codec/dialect.h"

struct place {
	const char *file; /* as it was opened */
	int line;         /* from 1 */
	int col;          /* from 1, in characters */
	int len;          /* characters; 0: unknown */
};

/* ---- expressions ---- */

enum expr_kind {
	EXPR_INT,      /* 7, +1, -1 */
	EXPR_DURATION, /* number: nanoseconds */
	EXPR_BYTES,    /* "text\n", x"00 ff", x"11*8" */
	EXPR_VAR,      /* $name, $target.host */
	EXPR_WORD,     /* a bare word: a key's name, an enum, an address */
	EXPR_CALL,     /* word(arg, …): pub, sign, fill, … */
	EXPR_RANGE,    /* 1..5: arg[0], arg[1] */
	EXPR_ABSENT,
	EXPR_BINARY /* op, arg[0], arg[1] */
};

enum op {
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_MATCH, /* ~ */
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV
};

struct expr {
	enum expr_kind kind;
	struct place at;
	int64_t number;
	uint8_t *bytes;
	size_t len;
	char *word; /* VAR (without $), WORD, CALL; keyword arguments */
	enum op op;
	struct expr **arg;
	size_t nargs;
	char **argname; /* per arg: "bit" in flip(v, bit=0); NULL: none */
	char *source;   /* the text it was written as, for messages */
};

/* name = value */
struct setting {
	char *name;
	struct expr *value;
	struct place at;
};

/* field op value, or field as $var */
struct pred {
	char *field;
	enum op op;
	struct expr *value; /* NULL where |capture| is set */
	char *capture;      /* without $ */
	struct place at;
};

/* ---- steps ---- */

enum step_kind {
	STEP_CONN,   /* conn A = login key=alice */
	STEP_SEND,   /* A -> … */
	STEP_EXPECT, /* A <- … */
	STEP_NEVER,  /* never A <- … for 300ms | fence … */
	STEP_FENCE,  /* fence ingress A */
	STEP_LIFE,   /* A shut, A close, A abort, A pause, A start ws */
	STEP_ONEOF,
	STEP_ANYORDER,
	STEP_REPEAT,
	STEP_DURING,
	STEP_WRITE, /* A write { sends }: one write */
	STEP_DRAIN, /* A drain F … quiet D */
	STEP_SLEEP,
	STEP_LET,
	STEP_ASSERT,
	STEP_CALL, /* body: the proc's steps with the arguments put in */
	STEP_NOTE,
	STEP_TARGET,
	STEP_NKINDS
};

enum step_run {
	RUN_ALWAYS,
	RUN_DEFECT,
	RUN_CONTROL
};

enum conn_kind {
	CONN_TCP,
	CONN_HTTP,
	CONN_UPGRADE,
	CONN_LOGIN,
	CONN_UDP,
	CONN_LISTEN
};

enum send_kind {
	SEND_FRAME,
	SEND_RAW,
	SEND_HTTP,
	SEND_WS
};

enum event_match {
	MATCH_FRAME,  /* a frame by name */
	MATCH_ANY,    /* any frame that is not background */
	MATCH_BYTES,  /* raw bytes, outside framing */
	MATCH_HTTP,   /* a response (or, listening, a request) */
	MATCH_WS,     /* a WebSocket control or text message */
	MATCH_CLOSED, /* eof, reset or truncated */
	MATCH_EOF,
	MATCH_RESET,
	MATCH_TRUNCATED,
	MATCH_TLS, /* the handshake and its facts */
	MATCH_STUN /* a STUN message, on UDP */
};

enum fence_kind {
	FENCE_NONE,
	FENCE_INGRESS,
	FENCE_DATA,
	FENCE_GONE
};

enum life_kind {
	LIFE_SHUT,
	LIFE_CLOSE,
	LIFE_ABORT,
	LIFE_PAUSE,
	LIFE_RESUME,
	LIFE_START_RAW,
	LIFE_START_WS,
	LIFE_START_TLS
};

/* Steps about the target's process. */
enum target_word {
	TARGET_SIGNAL, /* name: "TERM" */
	TARGET_RESTART,
	TARGET_EXIT, /* value: the status */
	TARGET_ALIVE,
	TARGET_FDS,    /* op, value, from_baseline */
	TARGET_RSS,    /* the same, in kB */
	TARGET_METRIC, /* name; value: a number or a range */
	TARGET_FILE    /* op, value: of what it was told to write */
};

enum verdict_word {
	WORD_NONE,
	WORD_OK,
	WORD_NONSTRICT,
	WORD_INFO,
	WORD_FAIL
};

/* What an expectation or a never watches for. */
struct watch_for {
	struct place at; /* of the event's word */
	enum event_match match;
	const struct rk_frame_spec *frame; /* MATCH_FRAME */
	char *frame_name;
	struct pred *preds;
	size_t npreds;
};

/* => ok named told "text" */
struct outcome {
	enum verdict_word word; /* NONE: by the case's level */
	char *named;
	char *text;
};

/* What follows the event, and may be what is missed. */
enum step_clause {
	CLAUSE_WITHIN,
	CLAUSE_NOT_BEFORE,
	CLAUSE_COUNT,
	CLAUSE_TIME, /* for, quiet */
	CLAUSE_FENCE,
	CLAUSE_INCREASING,
	CLAUSE_OTHER,
	CLAUSE_NKINDS
};

struct fence {
	enum fence_kind kind;
	char *a; /* connection names */
	char *b; /* DATA: to */
};

struct step {
	enum step_kind kind;
	enum step_run run;
	struct place at;
	char *source; /* the line as written, trimmed */
	char *conn;   /* the connection it is about; may be NULL */

	enum conn_kind conn_kind; /* CONN */
	struct setting *settings; /* CONN: keys; SEND: fields and headers */
	size_t nsettings;

	enum send_kind send_kind;          /* SEND */
	const struct rk_frame_spec *frame; /* SEND_FRAME */
	char *name; /* frame, HTTP method, proc, variable */
	struct place name_at;
	struct expr *value;     /* RAW, LET, ASSERT, path of HTTP */
	struct expr *chop;      /* bytes per write */
	struct expr *every;     /* pause between them */
	struct expr *cut;       /* only the first n bytes */
	struct expr *len_delta; /* len=+1: wrong length field */
	struct patch {
		struct expr *offset; /* of the payload */
		struct expr *bytes;
	} * patches;
	size_t npatches;

	struct watch_for watch; /* EXPECT, NEVER, DRAIN */
	struct expr *within;
	struct expr *not_before;
	bool optional;
	struct expr *count;     /* INT or RANGE */
	struct watch_for *then; /* the very next event; may be NULL */
	struct outcome outcome;
	struct expr *watch_time; /* never … for D; sleep; during; quiet */
	/* With their words; len 0: not written. */
	struct place clause_at[CLAUSE_NKINDS];
	struct fence fence; /* FENCE, or behind a never */
	char *increasing;   /* DRAIN: field */

	enum life_kind life;
	char *repeat_var;   /* REPEAT n as $i */
	struct expr **args; /* CALL, as written */
	size_t nargs;
	char *text; /* NOTE */

	enum target_word target;
	enum op op;         /* TARGET_FDS, RSS, FILE */
	bool from_baseline; /* |value| is what may be added to the baseline,
			       NULL for nothing */
	int64_t value_sign; /* … or taken off: -1 */

	struct step **body; /* blocks; ONEOF: one step a branch */
	size_t nbody;
};

/* The first of that name; NULL if there is none. */
static inline const struct setting *
step_setting(const struct step *s, const char *name)
{
	for (size_t i = 0; i < s->nsettings; i++)
		if (strcmp(s->settings[i].name, name) == 0)
			return &s->settings[i];
	return NULL;
}

/* ---- scenarios ---- */

struct param {
	char *name;
	struct place at;
	struct expr **values;
	size_t nvalues;
};

struct scenario {
	char *id;    /* "ping.echo" */
	char *title; /* one plain sentence */
	struct place at;
	int end_line;
	const struct rk_dialect *dialect; /* NULL: any */
	char **covers;                    /* full ids, "iroh-v3/R-129" */
	unsigned *cover_carriers; /* of each: 1 << RK_CARRIER_…; 0: all */
	struct place *cover_at;   /* of each */
	size_t ncovers;
	char **tags;
	size_t ntags;
	char **needs;
	size_t nneeds;
	char **unless;
	size_t nunless;
	unsigned carriers; /* 1 << RK_CARRIER_…; 0: all of the dialect */
	struct param *params;
	size_t nparams;
	int64_t timeout_ns; /* 0: the default, 10 s */
	bool own;
	bool serial; /* alone on its relay */
	bool calm;   /* beside others of its kind only */
	bool background_strict;
	enum {
		LEFTOVER_DEFAULT,
		LEFTOVER_FAIL,
		LEFTOVER_LIST,
		LEFTOVER_IGNORE
	} leftover;
	struct step **steps;
	size_t nsteps;
	bool has_control; /* some step is marked defect or control */
};

struct proc {
	char *name;
	char **params;
	size_t nparams;
	struct step **steps;
	size_t nsteps;
	struct place at;
};

struct script {
	char *file;
	const struct rk_dialect *dialect; /* NULL: any */
	struct scenario **scenarios;
	size_t nscenarios;
	struct proc **procs; /* included ones too */
	size_t nprocs;
	struct step **lets; /* at file level, included ones first */
	size_t nlets;
	struct rk_frame_spec **frames; /* of this script only: to be sent */
	size_t nframes;
	char **lines; /* of the main file, for messages */
	size_t nlines;
	/* private to the parser: arena, included files */
	void *arena;
};

#endif
