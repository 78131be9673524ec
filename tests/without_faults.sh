#!/bin/sh
# A relayd that was built without faults is one, and has none.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

echo "1..4"
bare=$build/tests/relayd_without_faults
start bare "$bare" --listen 127.0.0.1:0
url=http://$(awk '/^listening http /{ print $3 }' "$work/bare.out")
if "$runner" run -q "$url" @core >"$work/log" 2>&1; then
	echo "ok 1 - it relays"
else
	echo "not ok 1 - it relays"
	sed 's/^/# /' "$work/log"
fi
"$bare" --fault ping.never 2>"$work/log"
status=$?
if [ "$status" = 2 ] && grep -q 'unknown option --fault' "$work/log"; then
	echo "ok 2 - it knows no --fault"
else
	echo "not ok 2 - it knows no --fault (status $status)"
fi
if "$bare" --help | grep -q -e --fault; then
	echo "not ok 3 - nor does its help"
else
	echo "ok 3 - nor does its help"
fi
if grep -qaE 'fault_(run|enable)|ping\.never|--fault' "$bare"; then
	echo "not ok 4 - nothing of them is left in the program"
else
	echo "ok 4 - nothing of them is left in the program"
fi
