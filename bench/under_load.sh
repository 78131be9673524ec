#!/bin/sh
# Does a busy machine make the suite say what is not so?  Plays the fast cases
# against relayd again and again while every CPU has other work, and counts
# the verdicts: a fail is a lie, and less than one in a hundred may be
# inconclusive.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
runs=100
load=$(nproc)
keep=

usage() {
	cat <<END
usage: bench/under_load.sh [OPTION]... [SELECT]...
  --build DIR    the build tree ($build)
  --runs N       runs, one after the other ($runs)
  --load N       processes that do nothing but keep a CPU busy ($load)
  --keep DIR     what runs said that did not end well (a folder that it names)
Exit status: 0 no fail, no error and under 1% inconclusive; else 1.
END
}

while [ $# -gt 0 ]; do
	case $1 in
	--build) build=$(cd "$2" && pwd) || exit 2; shift ;;
	--runs) runs=$2; shift ;;
	--load) load=$2; shift ;;
	--keep) keep=$2; shift ;;
	--help) usage; exit 0 ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
	shift
done
keep=${keep:-$(mktemp -d)}
mkdir -p "$keep" || exit 2

busy=
finish() {
	for pid in $busy; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rmdir "$keep" 2>/dev/null
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
i=0
while [ "$i" -lt "$load" ]; do
	sh -c 'while :; do :; done' &
	busy="$busy $!"
	i=$((i + 1))
done

# count WORD: of the verdicts of this run.
count() {
	grep -c "\"verdict\":\"$1\"" "$keep/verdicts"
}

cases=0 fails=0 errors=0 open=0 n=0
while [ "$n" -lt "$runs" ]; do
	n=$((n + 1))
	"$build/conformance/relay-conformance" run relayd "$@" \
	    --report verdicts="$keep/verdicts" >"$keep/run-$n.txt" 2>&1
	status=$?
	f=$(count fail) e=$(count error) o=$(count inconclusive)
	cases=$((cases + $(grep -c '"type":"verdict"' "$keep/verdicts")))
	fails=$((fails + f)) errors=$((errors + e)) open=$((open + o))
	took=$(sed -n 's/.*"duration_ms":\([0-9]*\).*"exit".*/\1/p' "$keep/verdicts")
	echo "run $n: $f fail, $e error, $o inconclusive, exit $status, $took ms"
	grep -h -o '"case":"[^"]*","verdict":"\(fail\|error\|inconclusive\)","code":"[^"]*"' \
	    "$keep/verdicts" | sed 's/^/  /'
	[ "$status" -ne 0 ] || rm -f "$keep/run-$n.txt"
	rm -f "$keep/verdicts"
done
echo "$runs runs, $cases cases: $fails fail, $errors error, $open inconclusive"
find "$keep" -type f
[ "$fails" -eq 0 ] && [ "$errors" -eq 0 ] && [ $((open * 100)) -lt "$cases" ] &&
    [ "$cases" -gt 0 ]
