/* What every check program shares; see support.h. */
#include "config.h"

#include "support.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

/* check's four seconds are too short for a loaded machine under sanitizers;
 * the limit is for tests that hang.  It exits without a word at a message as
 * long as its own.  Read when a TCase is made. */
__attribute__((constructor)) static void
stretch_the_limits_of_check(void)
{
	setenv("CK_DEFAULT_TIMEOUT", "60", 0);
	setenv("CK_MAX_MSG_SIZE", "65536", 0);
}

void
point_reached(const char *file, int line)
{
	/* Of two places that share a slot, each is told of again. */
	static struct {
		const char *file;
		int line;
	} told[256];
	size_t slot = ((uintptr_t)file / 8 + (unsigned)line) % 256;

	if (told[slot].file == file && told[slot].line == line)
		return;
	told[slot].file = file;
	told[slot].line = line;
	(_mark_point)(file, line);
}

/* ---- TAP ---- */

/*
 * check knows no skipped tests.  It writes its TAP into a pipe, each point at
 * once when its test is over; a test that is skipped has written a line
 * before, and a process of its own puts the two together.
 */
#define SKIP_MARK "\x01SKIP "

static int tap_fd = -1; /* the pipe; tests inherit it */

void
test_skip(const char *why, ...)
{
	char line[512] = SKIP_MARK;
	size_t len = strlen(line);

	FORMAT_ARGS(line + len, sizeof(line) - len - 1, why);
	len = strcspn(line, "\n");
	line[len++] = '\n';
	if (write(tap_fd, line, len) != (ssize_t)len)
		abort();
}

/* The name of the test is between its file and what came of it. */
static void
print_skipped(const char *point, const char *why)
{
	const char *end = strrchr(point, ':');

	printf("%.*s # SKIP %s", end != NULL ? (int)(end - point) : 0, point,
	    why);
}

/* Up to the plan, which comes last: what a test has left behind may hold the
 * pipe open. */
static void
pass_tap_on(FILE *in)
{
	char *line = NULL, *why = NULL;
	size_t size = 0;

	while (getline(&line, &size, in) > 0) {
		if (strncmp(line, SKIP_MARK, strlen(SKIP_MARK)) == 0) {
			free(why);
			why = strdup(line + strlen(SKIP_MARK));
			continue;
		}
		if (why != NULL && strncmp(line, "ok ", 3) == 0)
			print_skipped(line, why);
		else
			fputs(line, stdout);
		fflush(stdout);
		free(why);
		why = NULL;
		if (strncmp(line, "1..", 3) == 0)
			break;
	}
	free(line);
}

static pid_t
start_filter(void)
{
	int fds[2];
	pid_t pid;

	fflush(stdout);
	if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		perror("TAP");
		exit(EXIT_FAILURE);
	}
	if (pid == 0) {
		close(fds[1]);
		pass_tap_on(fdopen(fds[0], "r"));
		_exit(EXIT_SUCCESS);
	}
	close(fds[0]);
	tap_fd = fds[1];
	return pid;
}

int
run_suite(Suite *s)
{
	SRunner *sr = srunner_create(s);
	pid_t filter = start_filter();
	char path[32];
	int failed;

	snprintf(path, sizeof(path), "/dev/fd/%d", tap_fd);
	srunner_set_tap(sr, path);
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	close(tap_fd);
	waitpid(filter, NULL, 0);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- bytes and files ---- */

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

const uint8_t *
hex(const char *text, size_t *len)
{
	static uint8_t *kept[8];
	static unsigned turn;
	uint8_t *out = malloc(strlen(text) / 2 + 1);
	size_t n = 0;
	int high = -1;

	ck_assert_ptr_nonnull(out);
	for (const char *p = text; *p != '\0'; p++) {
		int d;

		if (isspace((unsigned char)*p))
			continue;
		d = digit(*p);
		ck_assert_msg(d >= 0, "not hex: %s", p);
		if (high < 0) {
			high = d;
		} else {
			out[n++] = (uint8_t)(high * 16 + d);
			high = -1;
		}
	}
	ck_assert_msg(high < 0, "odd number of digits: %s", text);
	free(kept[turn % 8]);
	kept[turn++ % 8] = out;
	*len = n;
	return out;
}

static char *
hex_text(const uint8_t *p, size_t len)
{
	size_t shown = len > 4096 ? 4096 : len;
	char *s = malloc(shown * 2 + 4);

	ck_assert_ptr_nonnull(s);
	for (size_t i = 0; i < shown; i++)
		snprintf(s + i * 2, 3, "%02x", p[i]);
	strcpy(s + shown * 2, shown < len ? "..." : "");
	return s;
}

void
assert_bytes(const void *got, size_t got_len, const void *want, size_t want_len,
    const char *file, int line)
{
	if (got_len == want_len &&
	    (got_len == 0 || memcmp(got, want, got_len) == 0))
		return;
	ck_abort_msg("%s:%d: got %zu bytes %s, want %zu bytes %s", file, line,
	    got_len, hex_text(got, got_len), want_len,
	    hex_text(want, want_len));
}

static const char *
path_below(const char *variable, const char *relative)
{
	static char paths[4][4096];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	const char *top = getenv(variable);

	snprintf(path, sizeof(paths[0]), "%s/%s", top != NULL ? top : ".",
	    relative);
	return path;
}

const char *
source_path(const char *relative)
{
	return path_below("RELAYKIT_SRCDIR", relative);
}

const char *
build_path(const char *relative)
{
	return path_below("RELAYKIT_BUILDDIR", relative);
}

uint64_t
test_random(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void
test_fill(uint64_t *state, void *p, size_t len)
{
	uint8_t *out = p;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)test_random(state);
}
