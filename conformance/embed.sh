#!/bin/sh
# conformance/embed.sh SRCDIR: the scenarios, requirements and targets below
# SRCDIR as C, sorted by path, on stdout.
set -eu
LC_ALL=C
export LC_ALL
cd "$1"

cat <<'END'
/* Made by conformance/embed.sh. */
#include "config.h"

#include "conformance/suite.h"

const struct embedded_file embedded_files[] = {
END
find conformance/scenarios conformance/requirements conformance/targets \
    \( -name '*.rly' -o -name '*.tsv' -o -name '*.target' \) -type f \
    2>/dev/null | sort | while IFS= read -r path; do
	size=$(wc -c <"$path")
	printf '\t{ "%s",\n' "$path"
	# Bytes as octal escapes: nothing to quote, nothing to misread.
	od -An -v -to1 "$path" |
	    sed 's/ *$//; s/ /\\/g; s/.*/\t    "&"/'
	printf '\t    "", %d },\n' "$size"
done
cat <<'END'
	{ .path = NULL },
};
END
