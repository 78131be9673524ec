#!/bin/sh
# relay-conformance run, again: until a run fails, byte by byte, within a
# budget, and what failed in the last one.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154,SC2034 # they are from there, or for it
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
expect 1 "it ends with the first run that fails" "$pong" --time-scale 0.03 --until-fail 'seed.io-basic[raw]'
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

# ---- every byte

ping='000000  0[cd] 00 00 00 08 00 00 00  00 00 00 00 00           \.\{13\}$'
expect 0 "-v shows the transcript" -v "$url" "$one"
! grep -q '^ *000000 ' out
ok $? "and not every byte"
expect 0 "-vv does" -vv "$url" "$one"
same "$(grep -c "$ping" out)" 2 "with headers, Ping and Pong"
said out "47 45 54 20 2f 72 65 6c  61 79 20 48 54 54 50 2f  GET /relay HTTP/" "and HTTP heads"
expect 0 "over WebSocket" -vv "$url" 'ping.echo[ws,p=#1]'
same "$(grep -c '000000  0[cd] 00 00 00 00 00 00 00  00  ' out)" 2 "a header is the type"
RELAY_CONFORMANCE_BYTES=yes expect 0 "the environment can say so" "$url" "$one"
same "$(grep -c "$ping" out)" 2 "too"
RELAY_CONFORMANCE_VERBOSE=yes expect 0 "one -v there and one here" -v "$url" "$one"
! grep -q '^ *000000 ' out
ok $? "are one"

# ---- relays that send without end

flooded() {
	mode=$1
	shift
	start "$mode" "$build/tests/bad_relay" "$mode"
	expect 4 "a relay that does $mode fails its canary" "http://$(listening "$mode" http)" "$@" --keep-going --no-controls --time-scale 0.1 --report jsonl=flood.jsonl
	said out " FAIL " "and its cases"
}
flooded flood 'relay.basic*' 'relay.sizes[raw*'
flooded half-frame 'relay.sizes[raw*'

# ---- a budget

# liveness.keepalive waits for a minute and more, ping.echo for an answer.
expect 0 "a case that would take too long is not begun" "$url" --budget 20s 'liveness.keepalive[raw]' "$one" --report tap=over.tap --report junit=over.xml --report md=over.md --report json=over.json --report verdicts=over
said out "1 pass" "the others are"
said out "1 skipped" "it is counted as skipped"
said out "over the budget: 1 case not begun" "which the summary explains"
said over.tap "# SKIP over the budget" "so does TAP"
said over.md "**Over the budget:** 1 case not begun" "and Markdown"
said over.xml 'message="skipped: over the budget"' "and JUnit"
said over '"reason":"over the budget"' "and JSON lines"
said over.json '"over the budget"' "and JSON"
verb='' expect 0 "and a judgement of that" judge over
said out "over the budget: 1 case not begun" "too"
expect 5 "where none fits nothing was tested" "$url" --budget 20s 'liveness.keepalive[raw]'
expect 5 "nor where the time is over before any" "$url" --budget 1ns -j 1 "$one"
expect 5 "not in round after round" "$url" --budget 1ns --until-fail "$one"
stalled='relay.stalled-reader[raw]' # for a second
expect 5 "the scale counts" "$url" --budget 600s --time-scale 1000 "$stalled"
expect 0 "a small one makes it fit" "$url" --budget 600s --time-scale 0.1 "$stalled"
RELAY_CONFORMANCE_BUDGET=0s expect 2 "no time is no budget" "$url" "$one"

# ---- what failed last

XDG_STATE_HOME=$work/state
export XDG_STATE_HOME
state=state/relay-conformance/last-failed
expect 2 "without an earlier run there is no last-failed" "$url" --rerun-failed
said err "no earlier run on $url is known to $work/$state" "which is said"
expect 1 "a run in which a case fails" "$pong" --time-scale 0.03 'seed.io-basic[raw]' "$one"
same "$(cat $state)" "$pong	seed.io-basic[raw]" "leaves its name"
same "$(stat -c %a state/relay-conformance $state | tr '\n' ' ')" "700 600 " "to its owner"
expect 1 "--rerun-failed" "$pong" --time-scale 0.03 --rerun-failed
said out "1 selected of " "plays it alone"
said out "FAIL         seed.io-basic[raw]" "again"
verb='' expect 0 "list knows it" list --cases last-failed
said out "1 cases of " "alone"
verb='' expect 0 "and show" show last-failed
said out "scenario seed.io-basic" "shows it"
verb='' expect 2 "list of another target knows none" list "$url" last-failed
expect 0 "so does --skip" "$pong" "$one" 'seed.io-basic[raw]' --skip last-failed
said out "1 skipped" "which takes it out"
expect 2 "in the last run nothing failed" "$pong" last-failed
said err "nothing failed in the last run on $pong" "which is said"
expect 2 "of another target nothing is known" "$url" last-failed
expect 0 "a run of that one" "$url" "$one"
same "$(cut -f 1 $state | tr '\n' ' ')" "$url  $pong " "leaves what is known of others"
expect 1 "a run in which another case fails" "$pong" --time-scale 0.03 'seed.io-basic[ws]' "$one"
expect 4 "and one on a target that is not there" http://127.0.0.1:1 'ping.echo[raw,p=#2]'
verb='' expect 0 "list of no target" list --cases last-failed
said out "1 cases of " "knows the last run only"
said out "ping.echo[raw,p=#2]" "whatever failed on other targets"
verb='' expect 0 "list of the other target" list --cases "$pong" last-failed
said out "1 cases of " "knows its last run"
said out "seed.io-basic[ws]" "and what failed in it"
printf 'a\tseed.io-basic[raw]\nb\tseed.io-basic[ws]\n' >$state
verb='' expect 0 "of a file that does not tell the runs apart" list --cases last-failed
said out "1 cases of " "it is the first target's"
expect 0 "a run in which nothing fails" "$url" "$one"
verb='' expect 2 "leaves nothing to list" list last-failed
said err "last-failed: nothing failed in the last run" "though something did on other targets"
short='framing.short-packet[raw,payload=#1]'
expect 0 "a nonstrict case" "$pong" --time-scale 0.03 "$short"
said out "1 nonstrict" "is none that failed"
grep -q "^$pong	\$" $state
ok $? "and is not kept"
expect 1 "but with --strict it is" "$pong" --time-scale 0.03 "$short" --strict
said $state "$pong	$short" "and is kept"
expect 4 "a case that could not be played" http://127.0.0.1:1 "$one"
said $state "http://127.0.0.1:1	$one" "counts"
printf 'x\ty\nrubbish\n' >$state
expect 2 "a damaged file is 2" "$url" last-failed
said err "$state:2: damaged" "with its place"
expect 0 "another run" "$url" "$one"
same "$(cat $state)" "$url	" "writes it anew"
rm -r state
: >state
expect 0 "a run that cannot write it goes on" -v "$url" "$one"
said err "not kept for last-failed: $work/state/relay-conformance: Not a directory" "and says so with -v"
expect 0 "without -v" "$url" "$one"
[ ! -s err ]
ok $? "it says nothing"
(unset HOME XDG_STATE_HOME && exec "$runner" run "$url" --rerun-failed) >out 2>err
same $? 2 "without HOME nothing is known"
said err "without HOME" "which is said"

stop "$relayd"
echo "1..$n"
exit $failed
