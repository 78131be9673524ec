#!/bin/sh
# relay-conformance judge: a recorded run is judged again, to the same end, and
# by other rules.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
# A relay that answers Pings and does nothing else; a case that fails on it is
# in a file of ours, at the level MUST.
start pong "$build/tests/bad_relay" only-pong
url=http://$(listening pong http)
mine() { # REQUIREMENT
	cat <<END
rly 1
dialect iroh-v3
scenario my.own "It is not the Pong that was asked for"
  covers $1
  over raw
  conn A = login key=alice
  A -> Ping data=x"01*8"
  A <- Pong data==x"02*8"
end
scenario my.pair "A Ping with a control"
  covers R-129
  over raw
  conn A = login key=alice
  defect  A -> Ping data=x"03*8"
  control A -> Ping data=x"04*8"
  A <- Pong
end
END
}
grep -q '^R-130	.*	SHOULD	' "$src/conformance/requirements/iroh-v3.tsv"
ok $? "R-130 is a SHOULD"
mine R-120 >my.rly
all='jsonl tap junit md json text'
reports() { # PREFIX
	for format in $all; do
		printf ' --report %s=%s.%s' "$format" "$1" "$format"
	done
}
# shellcheck disable=SC2046 # words
expect 1 "a run that fails" run "$url" my.rly 'ping.echo[raw]' 'http.probe*' \
    http.tls-204 --skip 'http.probe*' $(reports a)
mv out a.out
# shellcheck disable=SC2046
expect 1 "is judged to fail" judge a.jsonl my.rly $(reports b)
mv out b.out
for format in $all out; do
	cmp "a.$format" "b.$format" >out 2>&1
	ok $? "and its report is the same: $format"
done
for verdict in pass fail skipped unsupported; do
	grep -q "\"verdict\":\"$verdict\"" a.jsonl || verdict=
	[ -n "$verdict" ]
	ok $? "verdicts of several kinds are in it: $verdict"
done

# ---- other rules

expect 1 "a case that the suite has not is judged by its recorded level" judge a.jsonl
said out "FAIL         my.own[raw]" "and fails as it did"
mine R-130 >my.rly
expect 0 "a case at another level" judge a.jsonl my.rly
said out "nonstrict    my.own[raw]" "is judged by that"
"$runner" run "$url" my.rly:my.own --report jsonl=should.jsonl >out 2>err
expect 0 "a SHOULD that is missed fails nothing" judge should.jsonl my.rly
expect 1 "unless the judge is strict" judge should.jsonl my.rly --strict
"$runner" run "$url" my.rly:my.own --strict --report jsonl=should.jsonl >out 2>err
expect 1 "or the run was" judge should.jsonl my.rly
mine R-120 >my.rly

printf 'rly-deviations 1\ntarget x\ndeviates my.own observed E-WRONG\n  because "x"\n' >my.dev
"$runner" run "$url" my.rly:my.own --report jsonl=one.jsonl >out 2>err
expect 0 "a deviation that is declared afterwards excuses" judge one.jsonl my.rly --deviations my.dev
said out "1 xfail" "as expected"
"$runner" run "$url" my.rly:my.own --deviations my.dev --report jsonl=known.jsonl >out 2>err
expect 0 "one that was declared is read again" judge known.jsonl my.rly
expect 1 "and not with --no-deviations" judge known.jsonl my.rly --no-deviations
said out "FAIL         my.own[raw]" "which the case fails"
sed 's/E-WRONG/E-NEVER/' my.dev >other.dev
expect 1 "another signature does not excuse" judge known.jsonl my.rly --deviations other.dev
said out "other.dev:3 expects E-NEVER; this is new" "and says so"

# ---- what is no whole run

sed '$d' a.jsonl >cut.jsonl
expect 130 "a file without its end is judged as far as it goes" judge cut.jsonl my.rly --report tap=cut.tap
said err "cut.jsonl: it is cut short: " "it is said that it is cut short"
said out "PARTIAL: the recording is cut short" "in the report as well"
said out "FAIL         my.own[raw]" "and its failures are there"
said cut.tap "Bail out! the recording is cut short" "in TAP it is no result"
head -c "$(($(wc -c <one.jsonl) - 30))" one.jsonl >cut.jsonl
expect 130 "so is one that ends in the middle of a line" judge cut.jsonl my.rly
"$runner" run http://127.0.0.1:1 ping.echo --report jsonl=down.jsonl >out 2>err
expect 4 "a target that was down was down" judge down.jsonl
said out "LOST" "and is called so"
expect 4 "of several runs the worst counts" judge one.jsonl down.jsonl should.jsonl
expect 2 "whose reports would be one file" judge one.jsonl down.jsonl --report tap=x.tap
expect 2 "no run is 2" judge my.rly
expect 2 "a file that is not there is 2" judge nosuch.jsonl

# Every line can be damaged.
damage() { # WHAT SED
	sed "$2" one.jsonl >bad.jsonl
	! cmp -s one.jsonl bad.jsonl || echo "# nothing is damaged"
	! cmp -s one.jsonl bad.jsonl && "$runner" judge bad.jsonl >out 2>err
	[ $? -eq 6 ] && grep -q '^relay-conformance: bad.jsonl:[0-9]*: \|^bad.jsonl:[0-9]*: ' err
	ok $? "damaged: $1"
}
damage "no head" 1d
damage "no target" 2d
damage "two heads" 1p
damage "no JSON" 's/^{"type":"verdict"/{"type" "verdict"/'
damage "a seed that is none" 's/"seed":"[0-9a-f]*"/"seed":7/'
damage "an unknown verdict" 's/"verdict":"fail"/"verdict":"failed"/'
damage "an unknown code" 's/"code":"E-WRONG"/"code":"E-NOTHING"/'
damage "an unknown level" 's/"level":"MUST"/"level":"MUSS"/'
damage "another target" 's/\("type":"verdict","v":1,"target":"\)/\1x/'
damage "no word of the step" 's/"word":"none",//'
damage "a verdict without a result" 's/"late_ms":[0-9.]*/"late":0/'
damage "a control that failed and did not" 's/"code":"E-WRONG"/"code":"","control":"failed"/'
damage "an unknown end" 's/"partial":false/"partial":true,"ended_by":"boredom"/'
damage "a line behind the end" "\$p"

stop "$started"
echo "1..$n"
exit $failed
