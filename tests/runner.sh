#!/bin/sh
# relay-conformance as it is used: exit statuses, relays that are none,
# started processes, reports that are cut short.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
unset RELAYKIT_PEERS

start relayd "$build/relayd/relayd" --listen 127.0.0.1:0
relayd=$started
url=http://$(listening relayd http)
start pong "$build/tests/bad_relay" only-pong
pong=http://$(listening pong http)

# ---- exit statuses

expect 0 "a case that passes is 0" run "$url" 'ping.echo[raw]'
expect 0 "a report may be of verdicts only" run "$url" 'ping.echo[raw]' --report verdicts=verdicts
said verdicts '"type":"verdict"' "they are in it"
! grep -q '"type":"event"' verdicts
ok $? "and what happened is not"
expect 1 "a case that fails is 1" run "$pong" --time-scale 0.1 seed.io-basic
expect 1 "many that fail are 1 too" run "$pong" --time-scale 0.1 'relay.*' 'presence.*'
expect 2 "an unknown selector is 2" run "$url" pong.echo
said err "is ping.echo meant?" "and the one that may be meant is named"
expect 2 "one of two selectors that selects nothing is 2" run "$url" ping.echo nosuch.case
expect 2 "an unknown option is 2" run "$url" --strickt
said err "--strict" "and the one that may be meant is named"
expect 2 "no target is 2" run ping.echo
expect 2 "a target that is no URL is 2" run gopher://x ping.echo
expect 2 "a .target file that is not there is 2" run nosuch.target
expect 2 "peers that are not given are 2" run iroh-relay-0.28.2
said err "RELAYKIT_PEERS" "and it is said how to give them"
for wrong in '--stun nowhere' '--stun 127.0.0.1' '--metrics x' '--plain ftp://h' '--resolve a' '--sni=' \
    '--cafile /nosuch' '--caps raw,wss'; do
	# shellcheck disable=SC2086 # words
	expect 2 "so is what an option cannot mean: $wrong" run "$url" ping.echo $wrong
done
said err 'is "ws" meant?' "and what may be meant is named"
printf 'target t\nurl http://h:{prt}\n' >wrong.target
expect 6 "a placeholder that is none is 6" run wrong.target
printf 'target t\nurl http://h\nfile f "{prt}"\nmetrics x\n' >wrong.target
expect 6 "in the text of a file, too" run wrong.target
printf 'target t\nurl http://h\nmetrics x\n' >wrong.target
expect 6 "so is a place that is none" run wrong.target
TMPDIR=/nosuch expect 4 "no folder for a target is 4" run relayd ping.echo
expect 2 "no command is 2"
expect 2 "an unknown command is 2" rum
expect 2 "two reports to stdout are 2" run "$url" --report tap=- --report jsonl=-
expect 4 "nobody there is 4" run http://127.0.0.1:1
expect 4 "an unknown name is 4" run http://nosuch.invalid ping.echo
expect 4 "TLS to a plain port is 4" run "https://${url#http://}" ping.echo
expect 4 "a report that cannot be written is 4" run "$url" ping.echo --report tap=/nosuch/x
expect 4 "a report to a full device is 4" run "$url" ping.echo --report jsonl=/dev/full
said out "exit 4" "and so says the summary"
expect 5 "nothing that the target has is 5" run "$url" http.tls-204
expect 5 "everything taken out is 5" run "$url" ping.echo --skip 'ping.*'
expect 4 "so is a key log" run "https://${url#http://}" --keylog /nosuch/x
(
	ulimit -f 8
	"$runner" run "$url" 'ping.*' --report jsonl=limit.jsonl >out 2>err
)
[ $? -eq 4 ] && grep -q 'limit.jsonl: File too large' err && ! ls limit.* 2>/dev/null
ok $? "a report over the limit of file sizes is 4, and no half file"
expect 124 "the time that is over is 124" run "$url" --timeout 500ms liveness.keepalive --report tap=cut.tap
said cut.tap "Bail out! --timeout was over" "and the TAP report says so"
for full in "run $url ping.echo[raw]" "run $url ping.echo[raw] --report tap=-" \
    "diff $url http://localhost:${url##*:} ping.echo" list; do
	# shellcheck disable=SC2086 # words
	"$runner" $full >/dev/full 2>err
	[ $? -eq 4 ]
	ok $? "stdout that is full is 4: ${full%% *}"
done
said err "cannot write to stdout" "which is said"
expect 4 "a client that is not there is 4" run --client '/nosuch/client {url}' client.pong
said err "cannot start /nosuch/client: No such file" "and is named"
expect 4 "nor is it on PATH" run --client 'nosuch-client {url}' client.pong

# ---- parts

for part in 1 2 3; do
	expect 0 "part $part of three" run "$url" 'ping.*' relay.basic --shard $part/3 --report verdicts=part.$part
done
expect 0 "and all of it" run "$url" 'ping.*' relay.basic --report verdicts=whole
sed -n 's/.*"type":"verdict".*"case":"\([^"]*\)".*/\1/p' part.? | sort >parts
sed -n 's/.*"type":"verdict".*"case":"\([^"]*\)".*/\1/p' whole | sort >all
[ -s all ] && cmp parts all
ok $? "make up the whole, each case once"
for part in 0/3 4/3 2 a/b 1/0; do
	expect 2 "$part is no part" run "$url" ping.echo --shard $part
done

expect 5 "a part in which no case is left tests nothing" run "$url" 'ping.echo[raw,p=#1]' --shard 2/2

# ---- the first failure

printf 'rly 1\ndialect iroh-v3\nscenario my.wrong "T"\ncovers R-129\nover raw\nparam n in 1..4\nconn A = login key=alice\nA -> Ping data=x"01*8"\nlet $want = cat(u32(0), u32($n))\nA <- Pong data==$want\nend\n' >wrong.rly
expect 1 "--fail-fast ends at the first failure" run "$url" wrong.rly -j 1 --fail-fast
said out " 1 FAIL " "one has failed"
said out " 3 skipped " "and nothing was played behind it"

# ---- options from elsewhere

RELAY_CONFORMANCE_REPORT=verdicts=env.out RELAY_CONFORMANCE_STRICT=yes \
    expect 0 "options may be in the environment" run -v "$url" 'ping.echo[raw]'
said env.out '"type":"verdict"' "and are obeyed"
said err "RELAY_CONFORMANCE_STRICT: --strict" "and shown by -v"
RELAY_CONFORMANCE_STRICKT=1 expect 2 "an unknown one is 2" run "$url" ping.echo
said err "RELAY_CONFORMANCE_STRICKT" "with its name"
RELAY_CONFORMANCE_JOBS=many expect 2 "so is a bad value" run "$url" ping.echo
printf '# mine\nskip ping.echo\nslow no\njson yes\n' >relay-conformance.conf
expect 5 "or in a file" run -v "$url" ping.echo
said err "relay-conformance.conf:2: --skip ping.echo" "which is shown, too"
RELAY_CONFORMANCE_CONF='' expect 0 "that can be left aside" run "$url" 'ping.echo[raw]'
printf 'jbos 3\n' >relay-conformance.conf
expect 2 "an unknown option in it is 2" run "$url" ping.echo
said err "relay-conformance.conf:1" "with its line"
rm relay-conformance.conf

# ---- a target that is down, in TAP

expect 4 "TAP of a target that is down" run http://127.0.0.1:1 --report tap=- @core
{ head -1 out | grep -q '^TAP version 14$' && sed -n 2p out | grep -q '^1\.\.[1-9]' &&
    grep -q '^Bail out! ' out && ! grep -q '^ok' out; }
ok $? "has a version, a plan, no ok, and bails out"

# ---- files

printf '\357\273\277rly 1\ndialect iroh-v3\n\nscenario my.ping "Mine"\n  covers R-129\n\tover raw\n  conn A = login key=alice\n  A -> Ping data=x"01*8"\n  A <- Pong data==x"01*8"\nend' >my.rly
expect 0 "a file with BOM, tabs and no last newline is read" check my.rly
expect 0 "and played" run "$url" my.rly
said out "1 selected of " "and nothing else is"
expect 0 "by line" run "$url" my.rly:8
expect 0 "by id" run "$url" 'my.rly:my.ping[raw]'
expect 2 "a line outside is 2" run "$url" my.rly:1
sed 's/Pong/Pogn/' my.rly >bad.rly
expect 6 "a broken file is 6" run "$url" bad.rly
said err "bad.rly:9:" "with its line"
expect 6 "for check too" check bad.rly
sed 's/R-129/R-9999/' my.rly >bad.rly
expect 6 "a requirement that nobody knows is 6" check bad.rly
said err "bad.rly:5:10: my.ping covers iroh-v3/R-9999" "with the place of its name"
printf 'target x\nspwan "x"\n' >bad.target
expect 6 "a broken target file is 6" run bad.target
said err "bad.target:2: unknown word" "with its line"
printf 'target x\nurl %s\ncaps raw\nprobe ws = upgrade.ws-accpet\n' "$url" >bad.target
expect 6 "a probe that selects nothing is 6" run bad.target ping.echo
said err "bad.target:4:12: probe ws: upgrade.ws-accpet: selects nothing; is upgrade.ws-accept meant?" "with its place"
sed 's/accpet/accept/' bad.target >good.target
expect 0 "one that selects cases proves what they show" run good.target 'ping.echo[ws*'
said out "probed ws: ok, by upgrade.ws-accept" "and the summary says so"
expect 0 "list says what is to be proven" list good.target 'ping.echo' http.tls-204
{ grep -qF '(needs tls' out && grep -qxF 'ws: proven before a run, by upgrade.ws-accept' out; }
ok $? "and what the target lacks"
printf 'rly-deviations 1\ntarget x\ndeviates ping.echo observed E-LATE\n' >bad.dev
expect 6 "a deviation without a reason is 6" run "$url" ping.echo --deviations bad.dev
said err "bad.dev:3: ping.echo has no because" "with its line"
printf 'rly-deviations 1\n\ntarget another\n' >another.dev
printf 'target x\nurl %s\ndeviations another.dev\n' "$url" >x.target
expect 6 "deviations of another target are 6" run x.target ping.echo
said err 'another.dev:3: it is about target another, not x' "and have their place"
mkfifo pipe.target
timeout 60 "$runner" run pipe.target ping.echo >out 2>err </dev/null
[ $? -eq 2 ] && grep -qxF 'pipe.target: a pipe that nobody writes into' err
ok $? "no pipe is waited for that nobody writes into"
{ sleep 0.1; cat bad.dev; } | timeout 60 "$runner" run "$url" ping.echo --deviations /dev/stdin >out 2>err
[ $? -eq 6 ] && grep -q '^/dev/stdin:3: ping.echo has no because' err
ok $? "one that somebody has is read, from its first byte"
printf 'time-scale 2\nstrict\0yes\n' >nul.conf
RELAY_CONFORMANCE_CONF=nul.conf expect 2 "options with a NUL byte are 2" run "$url" ping.echo
said err "nul.conf:2: the line holds a NUL byte" "and have their place"
printf '  because "x"\n' >>bad.dev
expect 1 "a deviation that does not happen is 1" run "$url" 'ping.echo[raw]' --deviations bad.dev
said out "bad.dev:3: ping.echo: a case that it excuses passes" "with its line"
printf 'target x\nspawn "/nosuch/relay"\nurl http://127.0.0.1:{port}\n' >gone.target
expect 4 "a program that is not there is 4" run gone.target
said err "cannot start /nosuch/relay: No such file" "and is named"
printf 'target x\nspawn "sh -c '\''echo out of luck; exit 3'\''"\nurl http://127.0.0.1:{port}\nready http GET / 200 within 5s\nlogs {dir}/log\n' >dies.target
expect 4 "a program that ends at once is 4" run dies.target
{ grep -q 'exit status 3' err && grep -q 'log: out of luck' err; }
ok $? "with its status and its last words"
expect 0 "the suite inside the program has no error" check
expect 0 "the layout of the suite is what fmt makes" fmt --check "$src"/conformance/scenarios/*/*.rly

# ---- repeating a failure

expect 1 "a failing case says how to play it again" run "$pong" --time-scale 0.1 'seed.io-basic[raw]' 'ping.echo[raw]'
again=$(sed -n 's/^  again:   relay-conformance //p' out)
eval "set -- $again"
expect 1 "and that plays it again" "$@"
said out "1 selected of " "it alone"
said out "FAIL         seed.io-basic[raw]" "with the same verdict"

# ---- pipes

"$runner" list 2>err | head -1 >out
[ ! -s err ]
ok $? "list into head says nothing"
"$runner" run "$url" @core --report tap=- 2>err.full | head -1 >out
! grep -qi 'broken pipe\|cannot write' err.full
ok $? "a run into head says nothing of it"

# ---- a target of our own, and its end

cat >own.target <<END
target own
  spawn "sh -c 'echo \$\$ >$work/leader; $build/relayd/relayd --listen 127.0.0.1:{port} & echo \$! >$work/child; wait'"
  url   http://127.0.0.1:{port}
  ready http GET /relay/probe 200 within 10s
  logs  {dir}/log
  stop  TERM within 2s
END
expect 0 "relayd.target starts relayd" run relayd 'ping.echo[raw]'
expect 0 "relayd-tls.target starts it with TLS" run relayd-tls 'http.tls-versions[raw]' http.plain-204
expect 0 "and with a configuration file that is not there" run relayd-tls process.written
said out "1 pass" "which is there then"
expect 0 "relayd-off.target starts it without STUN and metrics" run relayd-off 'process.stun-off[raw]' 'process.metrics-off[raw]'
said out "1 pass   0 nonstrict   1 info" "and neither is there"
expect 0 "a target file starts a process" run own.target 'ping.echo[raw]'
gone() { ! kill -0 "$(cat leader)" 2>/dev/null && ! kill -0 "$(cat child)" 2>/dev/null; }
gone
ok $? "and nothing of it is left, its children neither"

sed "s/trap//; s/stop  TERM within 2s/stop HUP within 200ms/; s/sh -c '/sh -c 'trap : HUP; /; s/; wait'/; while :; do wait; done'/" own.target >stubborn.target
expect 0 "one that does not want to end" run stubborn.target 'ping.echo[raw]' --report jsonl=stubborn.jsonl
said err "did not end in time and was killed" "is killed, which is said"
gone
ok $? "and is gone, its children too"
said stubborn.jsonl '"process":"signal 9, killed"' "and the report says how it ended"
mkdir 'a folder'
cat >blank.target <<END
target blank
  file  run.sh "exec $build/relayd/relayd --listen 127.0.0.1:{port}\n"
  spawn "sh {dir}/run.sh"
  url   http://127.0.0.1:{port}
  ready http GET /relay/probe 200 within 10s
END
TMPDIR="$work/a folder"
export TMPDIR
expect 0 "folders may have blanks in their names" run blank.target 'ping.echo[raw]'
rmdir 'a folder'
ok $? "and the target's own is removed"
unset TMPDIR

# interrupt SIGNAL: in the middle of a run; what lies in leader and child is
# there by then.
interrupt() {
	rm -f leader child out cut.*
	"$runner" run own.target liveness.keepalive ping.echo \
	    --report tap=cut.tap --report jsonl=cut.jsonl \
	    --report text=cut.txt >out 2>err </dev/null &
	run=$!
	# Its first case is over: it is in the middle.
	until grep -q 'ping.echo' out || ! kill -0 $run 2>/dev/null; do
		sleep 0.05
	done
	kill "-$1" $run
	wait $run
	status=$?
	[ $status -eq 130 ] || echo "# exit status $status, not 130"
	[ $status -eq 130 ]
	ok $? "SIG$1 in the middle is 130"
	gone
	ok $? "and ends the process and its children"
	grep -q '^Bail out! interrupted$' cut.tap &&
	    grep -q '"partial":true' cut.jsonl &&
	    grep -q '^PARTIAL: interrupted$' cut.txt
	ok $? "and leaves reports that are marked partial"
	[ "$(ls cut.* | wc -l)" -eq 3 ]
	ok $? "and no half file"
}
interrupt INT
interrupt TERM

# ---- relays that are none

# passes MODE: MUST cases that pass on it, canary or not.
passes() {
	start bad "$build/tests/bad_relay" "$1"
	"$runner" run "http://$(listening bad http)" --keep-going \
	    level:MUST --time-scale 0.1 --report jsonl=bad.jsonl >out 2>err
	status=$?
	stop "$started"
	grep '"type":"verdict"' bad.jsonl | grep '"verdict":"pass"' |
	    grep '"level":"MUST"' >passed || :
}
for mode in close mute zeros echo login-mute login-close login-zeros; do
	passes $mode
	{ [ $status -eq 4 ] && [ ! -s passed ]; }
	ok $? "no MUST passes on a relay that is $mode"
done
# These answer Pings: what needs only that may pass, but nothing that wants
# a defect to be noticed.
for mode in login-echo only-pong pong-or-close; do
	passes $mode
	{ [ $status -eq 1 ] || [ $status -eq 4 ]; } &&
	    ! grep -q '"control":"ok"' passed
	ok $? "no MUST with a control passes on a relay that is $mode"
done

# ---- one relay, twice

"$runner" run "$url" 'ping.*' relay.basic --report jsonl=old.jsonl >/dev/null
"$runner" run "$url" 'ping.*' relay.basic --report jsonl=new.jsonl >/dev/null
expect 0 "two runs of one relay are alike" diff --runs old.jsonl new.jsonl
[ "$(wc -l <out)" -eq 1 ]
ok $? "in one line"
cp old.jsonl both.jsonl
expect 0 "a run is added to another" run "$url" 'ping.*' relay.basic --append-run --report jsonl=both.jsonl
expect 0 "which are alike in one file, too" diff --runs both.jsonl
expect 0 "and judged both" judge both.jsonl
said out "run 2 of both.jsonl:" "each by itself"
head -1 old.jsonl | cat - old.jsonl >within.jsonl
expect 6 "a run within another is 6" diff --runs within.jsonl
if "$build/relayd/relayd" --fault help >/dev/null 2>&1; then
	start late "$build/relayd/relayd" --listen 127.0.0.1:0 --fault relay.last-byte-changed
	"$runner" run "http://$(listening late http)" 'ping.*' relay.basic \
	    --report jsonl=new.jsonl >/dev/null
	expect 1 "one with a fault is not" diff --runs old.jsonl new.jsonl
	said out "relay.basic[raw]   A: old.jsonl   B: new.jsonl" "and the changed cases are shown"
	! grep -q '^ping' out
	ok $? "and no others"
	cat new.jsonl >>both.jsonl
	expect 1 "nor as the third of a file" diff --runs both.jsonl
	said out "relay.basic[raw]   A: both.jsonl:1, both.jsonl:2   B: both.jsonl:3" "which is named so"
	stop "$started"
fi
expect 6 "what is no run is 6" diff --runs old.jsonl my.rly
expect 2 "one alone is 2" diff --runs old.jsonl

# ---- clients that were told to do something

recv="$build/relay-cli/relay-cli recv --reconnect {url}"
somebody=8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394
expect 0 "a client that sends is told so by --caps" run --caps sends --client "$build/relay-cli/relay-cli send {url} $somebody hello" 'client.works-*'
expect 5 "of one that does not, nothing can be said" run --client "$recv" client.works-raw
expect 1 "one that only says so fails" run --time-scale 0.2 --caps sends --client "$recv" client.works-raw
said out "SendPacket did not come" "for what it did not send"

# ---- two relays

expect 0 "two names of one relay behave alike" diff "$url" "http://localhost:${url##*:}" 'ping.*' relay.basic relay.both-ways relay.batches 'seed.*'
said out "0 more than one" "in every case"
expect 1 "two that differ are 1" diff --time-scale 0.1 "$url" "$pong" 'seed.io-basic[raw]'
said out "RecvPacket key=K" "and the first divergence is shown"
expect 2 "one target is not enough" diff "$url"
expect 4 "one that is down is 4" diff "$url" http://127.0.0.1:1 ping.echo
expect 5 "nothing to compare is 5" diff "$url" "$pong" http.tls-204

# ---- reading

expect 0 "show shows a scenario" show ping.echo
said out "scenario ping.echo" "as it is written"
expect 0 "one of one's own is shown, too" show wrong.rly:my.wrong
said out "scenario my.wrong" "as it is written there"
expect 2 "show of nothing is 2" show nosuch
expect 2 "a target without its scheme is none" run 127.0.0.1:3340 ping.echo
said err "did you mean http://127.0.0.1:3340?" "and the URL is named"
expect 2 "nor is a misspelt name" run rleayd-tls
said err "did you mean relayd-tls?" "and the name is"
expect 2 "a relay is not asked what clients are" run "$url" 'client.pong*'
said err "only cases for clients; --client plays them" "and the option is named"
expect 0 "explain knows codes, verdicts and requirements" explain E-LATE nonstrict R-129 ping.echo
said out "  Usual causes: " "and what is behind a code most often"
expect 2 "and says what it does not know" explain E-LAET
said err "is E-LATE meant?" "and what may be meant"
expect 0 "list says what would run" list '@client' ping.echo --skip 'ping.echo[ws*'
grep -qE '^3 cases of [0-9]+ would run .*; [1-9][0-9]* with --client only; [1-9][0-9]* more with --slow; 3 taken out by --skip$' out
ok $? "and why the rest would not"
expect 0 "list --json is one object a line" list --json @core
! grep -qv '^{"type":"case".*}$' out
ok $? "each of a type"

"$runner" diff --help >out 2>err
grep -q 'report jsonl=FILE' out && ! grep -q 'junit' out
ok $? "diff promises the report that it writes, and no other"
large=
for command in "" run diff judge deviations coverage list show explain check fmt lift replay record shrink selftest; do
	lines=50
	[ -n "$command" ] || lines=24
	# shellcheck disable=SC2086 # no command is no word
	"$runner" $command --help >out
	[ "$(wc -l <out)" -le $lines ] && [ "$(LC_ALL=C.UTF-8 wc -L <out)" -le 80 ] || large="$large '$command'"
done
echo "$large" >out
[ -z "$large" ]
ok $? "each help fits a screen"
missing=
for command in run diff judge deviations coverage list show explain check fmt lift replay record shrink selftest; do
	for option in $("$runner" $command --help | grep -o ' --[a-z-]*' | sort -u); do
		grep -q -e "Fl -${option#--}\>" "$src/man/relay-conformance.1" ||
		    [ "$option" = --help ] || missing="$missing $command$option"
	done
done
echo "$missing" >out
[ -z "$missing" ]
ok $? "every option stands in the manual page"

stop "$relayd"
echo "1..$n"
exit $failed
