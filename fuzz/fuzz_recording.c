/*
 * Any text as the jsonl report of a run: it is refused, or it can be judged
 * again with every report, counted as coverage, and does not differ from
 * itself.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/judge.h"
#include "file_of.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
call(int (*command)(int argc, char **argv), const char *const *words,
    const char *path, int paths)
{
	char *argv[16];
	int argc = 0;

	while (words[argc] != NULL) {
		argv[argc] = (char *)(uintptr_t)words[argc];
		argc++;
	}
	while (paths-- > 0)
		argv[argc++] = (char *)(uintptr_t)path;
	argv[argc] = NULL;
	return command(argc, argv);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const judge[] = { "judge", "--no-deviations", "-v",
		NULL };
	/* A report holds one run: of several it is refused. */
	static const char *const report[] = { "judge", "--no-deviations",
		"--report=jsonl=/dev/null", "--report=json=/dev/null",
		"--report=junit=/dev/null", "--report=md=/dev/null",
		"--report=tap=/dev/null", NULL };
	static const char *const diff[] = { "diff", "--runs", NULL };
	static const char *const coverage[] = { "coverage", "--runs", NULL };
	const char *path = file_of(data, size);
	int judged, differs;

	REQUIRE(freopen("/dev/null", "w", stdout) != NULL);
	judged = call(cmd_judge, judge, path, 1);
	REQUIRE(judged >= 0 && judged != EXIT_USAGE);
	REQUIRE(call(cmd_judge, report, path, 1) >= 0);
	differs = call(cmd_diff, diff, path, 2);
	REQUIRE(differs >= 0 && differs != EXIT_FAILED);
	REQUIRE(call(cmd_coverage, coverage, path, 1) >= 0);
	return 0;
}
