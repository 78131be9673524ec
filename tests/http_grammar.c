/* See http_grammar.h. */
#include "config.h"

#include "http_grammar.h"

#include <regex.h>
#include <string.h>

#include "fuzz/require.h"
#include "support.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* RFC 9110 section 5.6.2, RFC 9112 sections 3 to 5; bytes in locale C. */
#define TOKENS    "[!#$%&'*+.0-9A-Z^_`a-z|~-]+"
#define VISIBLE   "[!-~]"
#define TEXT      "[\t -~\x80-\xff]"
/* Targets: RFC 9112 section 3.2 as the reference reads it. */
#define CHAR      "[!$&'()*+,.0-9;=A-Z_a-z~-]" /* of a host */
#define PART      "[!$%&'()*+,.0-9:;=@A-Z_a-z~-]*"
#define HOST      "(" CHAR "+(:" CHAR "*)?|:" CHAR "*)"
#define BRACKETS  "(" CHAR "|:)*\\[" PART "](" PART "@" HOST "|" HOST "?)"
#define AUTHORITY "(" PART "@)?(" HOST "|" BRACKETS ")"
#define TAIL      "(\\?([!$-;=]|[?-~])*)?(#" VISIBLE "*)?"
#define SEGMENTS  "([!\"]|[$-;]|=|[@-_]|[a-z{|}~])*"
#define TARGET                                                                 \
	"(/" SEGMENTS TAIL "|\\*|"                                             \
	"[A-Za-z0-9+.~-]*://" AUTHORITY "(/" SEGMENTS ")?" TAIL ")"
#define HTTP1X      " HTTP/1\\.[01]"
#define REQUEST     "(CONNECT " AUTHORITY "|" TOKENS " " TARGET ")" HTTP1X
#define LAX_REQUEST TOKENS " (" AUTHORITY "|" TARGET ")" HTTP1X
#define STATUS      "HTTP/1\\.[01] [1-9][0-9][0-9]"
#define CRLF        "\r\n"
#define EOL         "\r?\n"

static const char *const patterns[NGRAMMARS] = {
	[GRAMMAR_REQUEST_STRICT] =
	    "^" REQUEST CRLF "(" TOKENS ":" TEXT "*" CRLF ")*" CRLF,
	[GRAMMAR_REQUEST_TOLERANT] =
	    "^(" EOL ")*" LAX_REQUEST EOL "(" TOKENS ":" TEXT "*" EOL ")*" EOL,
	[GRAMMAR_RESPONSE_STRICT] =
	    "^" STATUS " " TEXT "*" CRLF "(" TOKENS ":" TEXT "*" CRLF ")*" CRLF,
	[GRAMMAR_RESPONSE_TOLERANT] =
	    "^(" EOL ")*" STATUS "( " TEXT "*)?" EOL "(" TOKENS ":" TEXT "*" EOL
	    "([ \t]" TEXT "*" EOL ")*)*" EOL,
};

size_t
grammar_match(enum grammar g, const void *p, size_t len)
{
	static regex_t compiled[NGRAMMARS];
	static bool ready[NGRAMMARS];
	regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)len };

	if (!ready[g])
		REQUIRE(regcomp(&compiled[g], patterns[g], REG_EXTENDED) == 0);
	ready[g] = true;
	return regexec(&compiled[g], p, 1, &m, REG_STARTEND) == 0
	    ? (size_t)m.rm_eo
	    : 0;
}

/* Whatever a head has come to, the rest of one of these completes it. */
static const char *const endings[] = {
	"\nGET http://x HTTP/1.1\r\na:b\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n",
	"HTTP/1.1 200 OK\r\na:b\r\n\r\n",
};

bool
grammar_can_go_on(enum grammar g, const void *p, size_t len)
{
	char text[MUTANT_MAX + 64];

	REQUIRE(len <= MUTANT_MAX);
	memcpy(text, p, len);
	for (size_t e = 0; e < COUNT(endings); e++)
		for (const char *s = endings[e]; *s != '\0'; s++) {
			memcpy(text + len, s, strlen(s));
			if (grammar_match(g, text, len + strlen(s)) > len)
				return true;
		}
	return false;
}

static const char *const requests[] = {
	"GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\nhost: b\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n",
	"GET http://a.example/relay/probe?x HTTP/1.0\r\nA: b\r\nC:\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
	"GET /a HTTP/1.1\nA:b\n\n",
	"\r\nHEAD /?q HTTP/1.1\r\nA:\t b \t\r\nX-Y: z\r\n\r\n",
	"CONNECT a.example:443 HTTP/1.1\r\n\r\n",
};

static const char *const responses[] = {
	"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
	"HTTP/1.1 101\nDate: Mon,\n 01 Jan\r\n\t2024\r\nA:\r\n\r\n",
	"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\nA:\t b \t\r\n\r\n",
};

static const char *const splinters[] = { "\r\n", "\n", "\r", " ", "\t", ":",
	",", "\x01", "\x7f", "\x80", "\"", "A: b\r\n", " c\r\n", "HTTP/1.0",
	"HTTP/2.0", "//", "?", "#", "%", "*", "{", "<", "^", "@", "://", "[",
	"\\", ";", "1", "0" };

/* Put |n| bytes of |p| in the place of |gone| bytes at |at|. */
static size_t
splice(uint8_t *out, size_t len, size_t at, size_t gone, const void *p,
    size_t n)
{
	if (gone > len - at)
		gone = len - at;
	if (len - gone + n > MUTANT_MAX)
		return len;
	memmove(out + at + n, out + at + gone, len - at - gone);
	if (n > 0)
		memcpy(out + at, p, n);
	return len - gone + n;
}

static size_t
mutate(uint8_t *out, size_t len, uint64_t *seed)
{
	size_t at = test_random(seed) % (len + 1);
	const char *splinter = splinters[test_random(seed) % COUNT(splinters)];

	switch (test_random(seed) % 4) {
	case 0:
		if (at < len)
			out[at] ^= (uint8_t)(1 << test_random(seed) % 8);
		return len;
	case 1:
		return splice(out, len, at, test_random(seed) % 4, NULL, 0);
	case 2:
		return splice(out, len, at, 0, splinter, strlen(splinter));
	default:
		return splice(out, len, at, 1, splinter, strlen(splinter));
	}
}

size_t
grammar_mutant(bool is_response, uint64_t *seed, uint8_t out[MUTANT_MAX])
{
	const char *text = is_response
	    ? responses[test_random(seed) % COUNT(responses)]
	    : requests[test_random(seed) % COUNT(requests)];
	size_t len = strlen(text);

	memcpy(out, text, len);
	for (uint64_t n = test_random(seed) % 4; n > 0; n--)
		len = mutate(out, len, seed);
	if (test_random(seed) % 8 == 0)
		len = test_random(seed) % (len + 1);
	return len;
}
