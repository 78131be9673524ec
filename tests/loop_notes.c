/* See loop_notes.h. */
#include "config.h"

#include "loop_notes.h"

#include "base/clock.h"
#include "support.h"

struct loop *loop;
struct text notes;

void
notes_setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	text_init(&notes);
}

void
notes_teardown(void)
{
	loop_free(loop);
	text_clear(&notes);
	clock_unfake();
}

void
note(void *arg)
{
	text_add(&notes, arg);
}
