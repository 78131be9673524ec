#!/bin/sh
# Give each fuzz target the files of its corpus; one TAP line a target.
n=0
lines=
for target in $FUZZ_TARGETS; do
	n=$((n + 1))
	name=${target##*/fuzz_}
	corpus=$RELAYKIT_SRCDIR/fuzz/corpus/$name
	set -- "$corpus"/*
	if [ ! -e "$1" ]; then
		lines="$lines
not ok $n - $name: no corpus in fuzz/corpus/$name"
	elif "$RELAYKIT_BUILDDIR/$target" "$@" >&2; then
		lines="$lines
ok $n - $name: $# files"
	else
		lines="$lines
not ok $n - $name: failed on a file of fuzz/corpus/$name"
	fi
done
if [ "$n" -eq 0 ]; then
	echo "1..0 # SKIP no fuzz targets"
	exit 0
fi
echo "1..$n$lines"
