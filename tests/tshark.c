/* See tshark.h. */
#include "config.h"

#include "tshark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "support.h"

bool
tshark_is_there(void)
{
	return system("tshark --version >/dev/null 2>&1") == 0;
}

static FILE *
run(const char *path, bool tls, const char *keylog, size_t n)
{
	struct text command;
	FILE *out;

	text_init(&command);
	text_addf(&command, "tshark -n -q -r '%s'", path);
	if (keylog != NULL)
		text_addf(&command, " -o tls.keylog_file:'%s'", keylog);
	for (size_t i = 0; i < n; i++)
		text_addf(&command, " -z follow,%s,raw,%zu",
		    tls ? "tls" : "tcp", i);
	text_add(&command, " 2>/dev/null");
	out = popen(text_str(&command), "r");
	ck_assert_ptr_nonnull(out);
	text_clear(&command);
	return out;
}

static void
add_hex_line(struct tshark_stream *s, const char *line)
{
	struct blob *b = &s->sent[line[0] == '\t'];
	const char *digits = line + strspn(line, "\t");
	size_t len = strlen(digits), bad_at;
	uint8_t *bytes = xmalloc(len / 2 + 1);
	long n = hex_decode(digits, len, bytes, len / 2, &bad_at);

	ck_assert_msg(n >= 0, "tshark says %.60s", line);
	blob_add(b, bytes, (size_t)n);
	free(bytes);
}

void
tshark_follow(const char *path, bool tls, const char *keylog, size_t n,
    struct tshark_stream *streams)
{
	FILE *in = run(path, tls, keylog, n);
	struct tshark_stream *s = NULL;
	char *line = NULL;
	size_t cap = 0;
	unsigned i;

	while (getline(&line, &cap, in) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "Filter: tcp.stream eq %u", &i) == 1) {
			ck_assert_uint_lt(i, n);
			s = &streams[i];
		} else if (s != NULL && strncmp(line, "Node 0: ", 8) == 0) {
			snprintf(s->first, sizeof(s->first), "%s", line + 8);
		} else if (s != NULL && line[0] != '=' && line[0] != '\0' &&
		    line[0] != 'N' && line[0] != 'F') {
			add_hex_line(s, line);
		}
	}
	free(line);
	ck_assert_int_eq(pclose(in), 0);
}

void
tshark_clear(size_t n, struct tshark_stream *streams)
{
	for (size_t i = 0; i < n; i++) {
		blob_clear(&streams[i].sent[0]);
		blob_clear(&streams[i].sent[1]);
	}
}
