#!/bin/sh
# conformance/embed.sh SRCDIR FILE…: the FILEs below SRCDIR (scenarios,
# requirements, targets, deviations) as C on stdout.  One that is there and is not named
# is an error: the suite would be without it and nobody would notice.
set -eu
LC_ALL=C
export LC_ALL
cd "$1"
shift

find conformance/scenarios conformance/requirements conformance/targets \
    conformance/deviations \( -name '*.rly' -o -name '*.tsv' \
    -o -name '*.target' -o -name '*.dev' \) -type f |
while IFS= read -r path; do
	case " $* " in
	*" $path "*) ;;
	*)
		echo "embed.sh: $path is not listed in conformance/include.am" >&2
		exit 1
		;;
	esac
done

cat <<'END'
/* Made by conformance/embed.sh. */
#include "config.h"

#include "conformance/suite.h"

const struct embedded_file embedded_files[] = {
END
for path; do
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
