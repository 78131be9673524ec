/* What goes over a party's wire, onto the tape of its case, each piece with
 * the line of the script that it belongs to. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "scenario/engine_play.h"

#define COMMENT_MAX 512

static const char *
file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* "Pong" of "A <- Pong data==$p"; 0 if it is not of that form. */
static int
expected_word(const char *source, const char **word)
{
	static const char arrow[] = "<- ";
	const char *p = strstr(source, arrow);

	if (p == NULL)
		return 0;
	*word = p + strlen(arrow);
	return (int)strcspn(*word, " ");
}

/* "ping.rly:12 A -> Ping data=$p", "ping.rly:13 expected Pong". */
static void
comment_on(const struct party *s, enum tap_kind kind, char *out, size_t size)
{
	const struct step *step = s->play->step;
	const struct scenario *sc = s->play->instance->scenario;
	const char *word = "", *source;
	int n = 0, len;

	if (step == NULL || s->play->done) {
		snprintf(out, size, "%s:%d behind the last step (%s)",
		    file_name(sc->at.file), sc->end_line, s->name);
		return;
	}
	source = step->source != NULL ? step->source : "";
	if (step->kind == STEP_EXPECT &&
	    (kind == TAP_IN || kind == TAP_IN_FIN || kind == TAP_IN_RST))
		n = expected_word(source, &word);
	if (n > 0)
		len = snprintf(out, size, "%s:%d expected %.*s",
		    file_name(step->at.file), step->at.line, n, word);
	else
		len = snprintf(out, size, "%s:%d %s", file_name(step->at.file),
		    step->at.line, source);
	/* Meanwhile on another connection. */
	if (len > 0 && (size_t)len < size &&
	    (step->conn == NULL || strcmp(step->conn, s->name) != 0))
		snprintf(out + len, size - (size_t)len, " (%s)", s->name);
}

void
party_tape(struct party *s, enum tap_kind kind, const void *p, size_t len)
{
	struct tape *t = s->play->tape;
	char comment[COMMENT_MAX];
	size_t before;

	if (t == NULL)
		return;
	before = t->held;
	if (!engine_has_room(s->play->engine))
		t->max = before;
	comment_on(s, kind, comment, sizeof(comment));
	tape_add(t, s->on_tape, kind, p, len, comment);
	s->play->taped += t->held - before;
	engine_hold(s->play->engine, (int64_t)(t->held - before));
}

static void
on_tap(void *arg, enum tap_kind kind, const void *p, size_t len)
{
	party_tape(arg, kind, p, len);
}

void
party_tape_begin(struct party *s, int fd)
{
	if (s->play->tape == NULL)
		return;
	s->on_tape = tape_add_conn(s->play->tape, s->name, fd, s->listening);
	if (s->stream != NULL)
		stream_set_tap(s->stream, on_tap, s);
}
