#!/bin/sh
# Every MUST and SHOULD that a black box can check has a scenario; and what
# coverage makes of runs.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
# shellcheck disable=SC2034 # for points.sh
verb=coverage

expect 0 "every checkable MUST and SHOULD has a scenario"
grep -q '^MUST  *\([1-9][0-9]*\) of *\1 checkable covered (100.0 %)' out &&
    grep -q '^SHOULD  *\([1-9][0-9]*\) of *\1 checkable covered (100.0 %)' out
ok $? "which is all of both levels"
! grep '^stale reason' out
ok $? "and none of them is said to be uncheckable"

# One MUST without a scenario: it is missed.
verdict() { # CASE VERDICT IDS
	printf '{"type":"verdict","v":1,"target":"a","case":"%s","verdict":"%s","requirements":[%s]}\n' "$1" "$2" "$3"
}
{
	printf '{"type":"run","v":1}\n'
	verdict x.y pass '"iroh-v3/R-129","iroh-v3/R-120"'
	verdict x.z fail '"iroh-v3/R-120"'
	verdict x.u unsupported '"iroh-v3/R-129"'
	printf '{"type":"event","v":1,"target":"a","ev'
} >run.jsonl
expect 0 "verdicts of a run that was cut off are read" --runs run.jsonl
grep -q '^iroh-v3/R-129 .* pass ' out && grep -q '^iroh-v3/R-120 .* FAIL ' out &&
    grep -q '^iroh-v3/R-001 .* untested ' out
ok $? "and the worst of each requirement is shown"
expect 0 "as JSON too" --runs run.jsonl --json
python3 -c '
import json
rows = {o["requirement"]: o for o in map(json.loads, open("out"))}
assert rows["iroh-v3/R-120"]["targets"] == {"a": "FAIL"}
assert rows["iroh-v3/R-129"]["scenarios"]
assert rows["iroh-v3/R-198"]["unchecked"] and not rows["iroh-v3/R-198"]["cases"]
' 2>err
ok $? "one object a requirement"
{
	sed '$d' run.jsonl
	printf '{"type":"end","v":1}\n{"type":"run","v":1}\n'
	verdict x.y fail '"iroh-v3/R-129"'
	printf '{"type":"end","v":1}\n'
} >two.jsonl
expect 0 "two runs in a file are read" --runs two.jsonl
grep -q '^iroh-v3/R-129 .* FAIL ' out && grep -q '^iroh-v3/R-120 .* FAIL ' out
ok $? "and the worst of both is shown"
printf 'no\n{"type":"run"}\n' >bad.jsonl
expect 6 "a file that is none is 6" --runs bad.jsonl
grep -q '^bad.jsonl:1: ' err
ok $? "with its place"
{ printf '{"type":"run","v":1}\n'; printf '{"verdict"\n{"type":"end"}\n'; } >bad.jsonl
expect 6 "as is a line in its middle" --runs bad.jsonl
expect 2 "a file that is not there is 2" --runs nosuch.jsonl
expect 2 "an argument is 2" ping.echo

echo "1..$n"
exit $failed
