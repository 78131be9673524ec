#!/bin/sh
# Reports of real runs: against their schema, read by others, and of a run that
# is interrupted twice.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
schema=$src/conformance/schemas/run.schema.json
fits() { python3 "$src/tests/json_schema.py" "$schema" "$1" >out 2>err; }
# Another reader of the XML than the library that wrote it.
sums() {
	python3 -c '
import sys
from xml.etree import ElementTree
root = ElementTree.parse(sys.argv[1]).getroot()
cases = root.findall("testsuite/testcase")
assert len(cases) == int(root.get("tests")) > 0
for name, of in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
    assert sum(c.find(name) is not None for c in cases) == int(root.get(of)), name
' "$1" >out 2>err
}

start relayd "$build/relayd/relayd" --listen 127.0.0.1:0
relayd=$started
url=http://$(listening relayd http)
start pong "$build/tests/bad_relay" only-pong
pong=http://$(listening pong http)

"$runner" run "$url" "$pong" ping.echo 'seed.io-basic[raw]' http.tls-204 login.bad-signature \
    --time-scale 0.1 --skip 'ping.echo[ws*' --report jsonl=all.jsonl \
    --report junit=all.xml --report json=all.json --report md=all.md \
    --report tap=all.tap >out 2>err
[ $? -eq 1 ]
ok $? "a run that fails, with every report"
fits all.jsonl
ok $? "its run.jsonl fits the schema"
for verdict in pass fail skipped unsupported; do
	grep -q "\"verdict\":\"$verdict\"" all.jsonl || failed=1
done
[ $failed -eq 0 ]
ok $? "and holds verdicts of all kinds"
sed 's/"level":"MUST"/"level":"must"/' all.jsonl >bad.jsonl
! fits bad.jsonl
ok $? "with another word it would not"
sed 's/"again":/"agian":/' all.jsonl >bad.jsonl
! fits bad.jsonl
ok $? "nor without a member"
sums all.xml
ok $? "another reader of the JUnit report counts the same"
python3 -m json.tool all.json >out 2>err
ok $? "the JSON report is JSON"
cat >my.rly <<'END'
rly 1
dialect iroh-v3
scenario my.oracle "A target that answers is alive, and says no more"
  covers R-129
  over raw
  conn A = login key=alice
  sleep 1ms
  A -> Ping data=x"01*8"
  A <- Pong
  target assert alive
  A <- Health within 20ms
end
END
"$runner" run "$url" my.rly --pid "$relayd" --report jsonl=my.jsonl >out 2>err
[ $? -eq 1 ] && fits my.jsonl
ok $? "one with an assertion on the target, too"
sed -n 's/^{"type":"\([a-z]*\)".*"case":"my.*/\1/p' my.jsonl | grep -v event | uniq |
    tr '\n' ' ' >kinds
same "$(cat kinds)" 'case step frame step frame step frame step oracle step verdict ' \
    "its lines tell steps, frames and what was found, in their order"
"$runner" run "$pong" --seed 1 --time-scale 0.1 'seed.io-basic[raw]' 'ping.echo[raw]' \
    --report tap=file.tap >out 2>err
"$runner" run "$pong" --seed 1 --time-scale 0.1 'seed.io-basic[raw]' 'ping.echo[raw]' \
    --report tap=- >stdout.tap 2>err
grep -v '^  ' file.tap >a
grep -v '^  ' stdout.tap >b
cmp a b >out 2>&1 && grep -q '^1\.\.' a
ok $? "TAP in a file has the lines that stdout has"
if command -v prove >/dev/null 2>&1; then
	# One that knows no TAP 14 calls all of it failed: it reads the rest.
	proven() { sed '1s/14/13/' "$1" >13.tap && prove -e cat 13.tap >out 2>&1; }
	"$runner" run "$url" ping.echo http.tls-204 --report tap=good.tap >out 2>err
	proven good.tap
	ok $? "prove calls a good run good"
	! proven all.tap && grep -q '^  Failed test' out
	ok $? "and one that fails failed"
	"$runner" run http://127.0.0.1:1 --report tap=down.tap ping.echo >out 2>err
	! proven down.tap && grep -q '^Bailout called' out
	ok $? "and that of a target that is down bailed out"
else
	ok 0 "prove calls it failed # SKIP no prove"
fi

# Two SIGINTs, the second at once.
rm -f cut.*
: >out
"$runner" run "$url" liveness.keepalive ping.echo --report jsonl=cut.jsonl \
    --report junit=cut.xml --report json=cut.json --report md=cut.md \
    --report tap=cut.tap --report text=cut.txt >out 2>err </dev/null &
run=$!
until grep -q 'ping.echo' out || ! kill -0 $run 2>/dev/null; do
	sleep 0.05
done
kill -INT $run
kill -INT $run 2>/dev/null
wait $run
[ $? -eq 130 ]
ok $? "two interrupts are 130"
[ "$(ls cut.* | wc -l)" -eq 6 ]
ok $? "and leave no half file"
fits cut.jsonl
ok $? "the run.jsonl of an interrupted run fits the schema"
tail -1 cut.jsonl | grep -q '"partial":true' && grep -q '"partial": true' cut.json &&
    grep -q 'name="partial"' cut.xml && grep -q '^\*\*Partial' cut.md &&
    grep -q '^Bail out! interrupted' cut.tap && grep -q '^PARTIAL' cut.txt
ok $? "and every report is marked partial"
sums cut.xml && python3 -m json.tool cut.json >out 2>err
ok $? "and can be read"

echo "1..$n"
exit $failed
