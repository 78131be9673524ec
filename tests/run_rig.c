/* Runs inside a test; see run_rig.h. */
#include "config.h"

#include "run_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "codec/keys.h"
#include "conformance/commands.h"
#include "conformance/files.h"
#include "support.h"

static char folder[64];

void
run_rig_setup(void)
{
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	strcpy(folder, "/tmp/test_run.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	unsetenv("NO_COLOR");
}

void
run_rig_teardown(void)
{
	static const char *const names[] = { "out.txt", "out.tap", "out.jsonl",
		"out.xml", "out.md", "out.json", "my.rly", "my.dev" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_msg(rmdir(folder) == 0, "left over in %s: %s", folder,
	    strerror(errno));
}

struct fake_end
all_well(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	return (struct fake_end){ .code = CODE_OK };
}

struct fake_end
one_fails(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strncmp(name, "relay.alone", 11) == 0)
		e = (struct fake_end){ .code = CODE_WRONG,
			.message = "expected \"a\"\n, got \033[31m<b>\x01" };
	if (strncmp(name, "ping.order", 10) == 0)
		e = (struct fake_end){ .code = CODE_LATE,
			.message = "late by 83 ms" };
	if (strncmp(name, "ping.long", 9) == 0)
		e = (struct fake_end){ .code = CODE_NEVER,
			.message = "nothing" };
	if (strncmp(name, "relay.basic", 11) == 0)
		e.named = "silent,told";
	return e;
}

struct fake_end
one_is_late(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.order[ws]") == 0)
		e = (struct fake_end){ .code = CODE_HARNESS_LATE,
			.message = "late by 30 ms" };
	return e;
}

int
play_command(int (*command)(int argc, char **argv), fake_play how,
    const char *words)
{
	char *line = xstrdup(words), *argv[32], *p = line;
	int argc = 0, status, saved = dup(STDOUT_FILENO);

	fake_engine_set(how);
	for (; (argv[argc] = strsep(&p, " ")) != NULL; argc++)
		ck_assert_int_lt(argc, 31);
	fflush(stdout);
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
	status = command(argc, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	free(line);
	return status;
}

int
play(fake_play how, const char *args)
{
	char *words = xasprintf("run %s", args);
	int status = play_command(cmd_run, how, words);

	free(words);
	return status;
}

void
spill(const char *name, const char *text)
{
	char err[256];

	ck_assert_msg(file_write(name, text, strlen(text), err, sizeof(err)) ==
		0,
	    "%s", err);
}

char *
slurp(const char *name)
{
	char err[256];
	size_t len;
	char *text = file_read(name, &len, err, sizeof(err));

	ck_assert_msg(text != NULL, "%s", err);
	return text;
}

/* Both texts are long: show where they part. */
void
check_same(const char *have, const char *want)
{
	size_t at = 0;

	while (have[at] != '\0' && have[at] == want[at])
		at++;
	ck_assert_msg(have[at] == want[at],
	    "at byte %zu: have\n%.300s\nwant\n%.300s", at, have + at,
	    want + at);
}

/* Does the file hold exactly these lines? */
void
check_file(const char *name, const char *want)
{
	char *have = slurp(name);

	check_same(have, want);
	free(have);
}

void
check_holds(const char *name, const char *part)
{
	char *have = slurp(name);

	ck_assert_msg(strstr(have, part) != NULL, "no \"%s\" in:\n%s", part,
	    have);
	free(have);
}

void
check_holds_not(const char *name, const char *part)
{
	char *have = slurp(name);

	ck_assert_msg(strstr(have, part) == NULL, "\"%s\" in:\n%s", part, have);
	free(have);
}
