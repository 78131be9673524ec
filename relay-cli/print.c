/* Frames on stdout; see print.h. */
#include "config.h"

#include "relay-cli/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "transcript/transcript_json.h"

void
printer_init(struct printer *p, const struct options *o)
{
	*p = (struct printer){ .options = o,
		.terminal = isatty(STDOUT_FILENO) == 1,
		.start_ns = clock_mono_ns() };
}

static void
print_json(struct printer *p, const struct rk_frame *f)
{
	const struct transcript_json_options whole = { .snap = SIZE_MAX };
	struct event e = { .kind = EVENT_FRAME,
		.dir = DIR_S2C,
		.time_ns = clock_mono_ns() - p->start_ns,
		.dialect = p->options->session.dialect,
		.type = f->type,
		.len = f->payload.len };
	char *line;

	/* Read only: the event is not kept. */
	e.bytes = (uint8_t *)(uintptr_t)f->payload.p;
	line = event_to_json_line(NULL, &e, p->n++, &whole);
	fputs(line, stdout);
	free(line);
}

static void
print_for_people(const struct rk_frame *f)
{
	struct rk_span data = rk_frame_field(f, "data");
	char from[RK_KEY_SHORT_SIZE];
	struct rk_key key;
	struct text t;

	text_init(&t);
	rk_frame_key(f, &key);
	rk_key_short(&key, from);
	text_addf(&t, "%s: ", from);
	text_add_escaped(&t, data.p, data.len);
	puts(text_str(&t));
	text_clear(&t);
}

static void
print_note(const struct rk_frame *f)
{
	char line[256];

	rk_frame_text(f, 64, line, sizeof(line));
	fprintf(stderr, "* %s\n", line);
}

bool
print_frame(struct printer *p, const struct rk_frame *f)
{
	struct rk_span data = rk_frame_field(f, "data");

	if (p->options->json) {
		print_json(p, f);
	} else if (f->kind != RK_FRAME_RECV) {
		print_note(f);
	} else if (p->terminal) {
		print_for_people(f);
	} else {
		fwrite(data.p, 1, data.len, stdout);
		if (p->options->lines)
			putchar('\n');
	}
	return fflush(stdout) == 0;
}
