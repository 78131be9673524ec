#!/bin/sh
# relay-conformance run, again: until a run fails.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
verb=run
one='ping.echo[raw,p=#1]'

start relayd "$build/relayd/relayd" --listen 127.0.0.1:0
relayd=$started
url=http://$(listening relayd http)
start pong "$build/tests/bad_relay" only-pong
pong=http://$(listening pong http)

# ---- until it fails

expect 0 "--until-fail ends with --repeat" "$url" "$one" --until-fail --repeat 3 --report tap=until.tap --report verdicts=until
said out "$one (round 3)" "rounds are told"
said out "3 selected of " "and counted"
same "$(grep -c '^ok' until.tap) $(grep -n '^1\.\.' until.tap)" "3 5:1..3" "TAP has its plan at the end"
verb='' expect 0 "a recording of it is judged" judge until
said out "3 selected of " "with every round"
expect 1 "it ends with the first run that fails" "$pong" --time-scale 0.1 --until-fail 'seed.io-basic[raw]'
! grep -q 'round 2' out
ok $? "even if that is the first"
RELAY_CONFORMANCE_UNTIL_FAIL=yes expect 5 "and where nothing is tested" "$url" http.tls-204
# The relay is ended behind the fifth round, however fast that is.
start mortal "$build/relayd/relayd" --listen 127.0.0.1:0
mortal=$started
"$runner" run "http://$(listening mortal http)" "$one" --until-fail >out 2>err </dev/null &
run=$!
until grep -q 'round 5' out || ! kill -0 $run 2>/dev/null; do
	sleep 0.05
done
stop "$mortal"
wait $run
same $? 4 "without a number it goes on till then"

stop "$relayd"
echo "1..$n"
exit $failed
