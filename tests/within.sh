#!/bin/sh
# What tests/within makes of tests that end and of those that do not.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
within=$RELAYKIT_SRCDIR/tests/within
bail='Bail out! it went on for more than 1 s and was ended'
echo "1..11"

# ended STATUS SENTENCE COMMAND…: with this status, whatever it printed in out.
ended() {
	want=$1 sentence=$2
	shift 2
	# A pipe ends when nobody is left who could write into it.
	{ sh "$within" "$@" 2>err; echo $? >status; } | cat >out
	same "$(cat status)" "$want" "$sentence"
}

ended 0 "a test that ends in time is left alone" 60 60 echo "ok 1"
same "$(cat out)" "ok 1" "… and so is what it prints"
ended 3 "its exit status is passed on" 60 60 sh -c 'exit 3'
ended 130 "an interrupt ends a test, as it would without" \
    60 60 sh -c 'kill -INT $$; sleep 1000'
ended 137 "a test that is killed by others is not said to have hung" \
    60 60 sh -c 'kill -KILL $$'
same "$(cat out)" "" "… nor by the harness's words"

ended 124 "a test that hangs is ended with all that it started" \
    1 60 sh -c 'echo "ok 1"; printf "half a line"; sleep 1000 &
	setsid sh -c "echo \$\$ >pid; exec sleep 60" >/dev/null & sleep 1000'
! tr '\0' ' ' <"/proc/$(cat pid)/cmdline" 2>err | grep sleep >pid.left
ok $? "… be it in a session of its own"
same "$(tail -1 out)" "$bail" "… and the harness is told, on a line of its own"
ended 137 "one that will not end is killed" \
    1 1 sh -c 'trap "" TERM; while :; do sleep 1; done'

sh "$RELAYKIT_SRCDIR/build-aux/tap-driver.sh" --test-name hung --log-file log \
    --trs-file trs -- sh "$within" 1 60 sleep 1000 >out 2>err
said out "ERROR: hung - $bail" "automake's harness counts an error"
exit "$failed"
