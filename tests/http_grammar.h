/*
 * A second opinion on HTTP heads: RFC 9112 as regular expressions, and heads
 * with mistakes in them.
 */
#ifndef TESTS_HTTP_GRAMMAR_H
#define TESTS_HTTP_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum grammar {
	GRAMMAR_REQUEST_STRICT,
	GRAMMAR_REQUEST_TOLERANT,
	GRAMMAR_RESPONSE_STRICT,
	GRAMMAR_RESPONSE_TOLERANT,
	NGRAMMARS
};

/* The length of the head at the front of |p|, 0 if there is no whole one. */
size_t grammar_match(enum grammar g, const void *p, size_t len);

/* Is there something that could follow and make a whole head of it? */
bool grammar_can_go_on(enum grammar g, const void *p, size_t len);

#define MUTANT_MAX 1024

/* A head, right in about one case of three; its length. */
size_t grammar_mutant(bool is_response, uint64_t *seed,
    uint8_t out[MUTANT_MAX]);

#endif
