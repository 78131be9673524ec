/* The words of a line, as .target and .dev files have them. */
#ifndef CONFORMANCE_WORDS_H
#define CONFORMANCE_WORDS_H

#include <stddef.h>

/*
 * Blanks part words, a string in double quotes is one (\n, \t, \r, and a
 * backslash before anything else means that), '#' at the beginning of a word
 * ends the line.  At most |max| words for free(), their number in *n, whatever
 * is returned: 0, or -1 with one line in |err|.
 */
int line_words(const char *line, char **word, size_t max, size_t *n, char *err,
    size_t err_size);

/* Where the word |i| of a line begins that line_words has read: from 1. */
int line_word_column(const char *line, size_t i);

/*
 * Each line of |text|, NUL-terminated and without its newline, with its
 * number from 1.  A NUL byte inside makes |line| NULL.  A byte order mark at
 * the beginning is passed over.
 */
void each_line(const char *text, size_t len,
    void (*read)(void *arg, int number, const char *line), void *arg);

#endif
