#!/bin/sh
# relay-conformance shrink on a relay with a fault.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154,SC2034 # they are from there, or for it
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"

if ! "$build/relayd/relayd" --fault help >/dev/null 2>&1; then
	echo "1..0 # SKIP relayd was built without faults"
	exit 0
fi
shown="out err small.rly"
verb=shrink

cat >case.rly <<'EOS'
rly 1
dialect iroh-v3
# Much beside the point.
let $word = "hello, world"
proc talk(X, y)
  X -> SendPacket key=pub(y) data="one"
end
scenario relay.much "A packet reaches its addressee, among other things"
  covers R-120
  over   raw ws
  param  p in x"00*8" x"0102030405060708"
  conn A = login key=alice
  conn B = login key=bob
  A -> Ping data=$p
  A <- Pong data==$p
  A -> SendPacket key=pub(bob) data=$word
  B <- RecvPacket key==pub(alice) data==$word
  repeat 3 {
    A -> SendPacket key=pub(bob) data=fill(700)
    B <- RecvPacket key==pub(alice)
  }
  call talk(A, bob)
  B <- RecvPacket data=="one"
end
scenario other.one "Something else"
  covers R-129
  conn A = login key=alice
  A -> Ping data=x"11*8"
  A <- Pong data==x"11*8"
end
EOS

start bad "$build/relayd/relayd" --listen 127.0.0.1:0 --fault relay.source-is-receiver
bad=http://$(listening bad http)
start good "$build/relayd/relayd" --listen 127.0.0.1:0
good=http://$(listening good http)

expect 0 "a failing scenario is made smaller" --while E-WRONG --passes-on "$good" \
    -o small.rly case.rly "$bad"
[ "$(wc -l <small.rly)" -le 9 ] && grep -q 'RecvPacket key==pub(alice)' small.rly &&
    ! grep -qE 'scenario other|proc|let |repeat|Ping|#' small.rly
ok $? "to what it takes"
grep -q ' runs$' err
ok $? "and progress is shown"
cp small.rly kept.rly
"$runner" run "$bad" kept.rly >out 2>err
[ $? -eq 1 ] && grep -q E-WRONG out
ok $? "the relay still fails it, in the same way"
"$runner" run "$good" kept.rly >out 2>err && "$runner" fmt --check small.rly >out 2>err
ok $? "the other one passes it, and it is laid out"

expect 1 "what shows nothing is not shrunk" --while E-WRONG -o none.rly case.rly "$good"
grep -q 'nothing to shrink' err && [ ! -e none.rly ]
ok $? "and it is said, and no file is left"
expect 0 "to stdout, within so many runs" --while E-WRONG --max-runs 3 case.rly "$bad" relay.much
grep -q '^scenario relay.much' out && grep -q 'there may be a smaller one' err
ok $? "what was reached by then"
expect 124 "and within a time" --while E-WRONG --timeout 1ms case.rly "$bad"
expect 4 "nothing is written over" --while E-WRONG -o small.rly case.rly "$bad"
expect 2 "a code that is none is 2" --while E-FOO case.rly "$bad"
expect 2 "none is 2" case.rly "$bad"
expect 6 "a script that is none is 6" --while E-WRONG /dev/null "$bad"

echo "1..$n"
exit $failed
