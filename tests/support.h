/* What every check program shares. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Run a suite, print TAP on stdout; the exit status for main().  A test that
 * prints to stdout must begin its lines with "# ".
 */
int run_suite(Suite *s);

/*
 * Say that the test that runs cannot be run here, and why, in one line; the
 * test returns then, and its TAP point is "ok N … # SKIP why" unless it fails.
 */
void test_skip(const char *why, ...) __attribute__((format(printf, 1, 2)));

/*
 * check tells its parent of every assertion that holds, to say behind which a
 * test crashed: a write each time, and 64 kB moved for each that is read.
 * Loops of assertions took minutes; here each place is told of once a test.
 */
void point_reached(const char *file, int line);
#define _mark_point(file, line) point_reached(file, line)

/* Run |test| once for each row |_i| of a static table. */
#define NROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define tcase_add_rows(tcase, test, table)                                     \
	tcase_add_loop_test(tcase, test, 0, NROWS(table))

/* Hex text -> bytes in a static buffer that the next eight calls keep;
 * blanks are ignored.  Fails the test on anything else. */
const uint8_t *hex(const char *text, size_t *len);

/* Fail unless both byte strings are equal; shows both in hex. */
void assert_bytes(const void *got, size_t got_len, const void *want,
    size_t want_len, const char *file, int line);
#define ck_assert_bytes(got, got_len, want, want_len)                          \
	assert_bytes(got, got_len, want, want_len, __FILE__, __LINE__)

/* "$RELAYKIT_SRCDIR/relative", in a static buffer: fixtures. */
const char *source_path(const char *relative);
/* "$RELAYKIT_BUILDDIR/relative": programs. */
const char *build_path(const char *relative);

/* A small seeded generator, so that random tests repeat. */
uint64_t test_random(uint64_t *state);
void test_fill(uint64_t *state, void *p, size_t len);

#endif
