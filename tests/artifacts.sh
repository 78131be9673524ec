#!/bin/sh
# What --artifacts leaves of every case, read again by others.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154,SC2046 # they are from there; words
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
unset RELAYKIT_PEERS
cli=$build/relay-cli/relay-cli

# decodes FILE TEXT SENTENCE: relay-cli decode has nothing to complain of.
decodes() {
	"$cli" decode "$1" >out 2>err && grep -qE -e "$2" out && [ ! -s err ]
	ok $? "$3"
}

# linked SENTENCE NAME: what NAME.jsonl, .json, .xml and .md in reports/ link
# to are the files that are there, and md's links hold from where it lies.
linked() {
	if ! has_python; then
		skip "$1" "python3 is not installed"
		return
	fi
	if ! python3 "$src/tests/json_schema.py" \
	    "$src/conformance/schemas/run.schema.json" "reports/$2.jsonl" >out 2>err; then
		ok 1 "$1"
		return
	fi
	python3 - "reports/$2" >out 2>err <<'END'
import json, os, re, sys, urllib.parse
from xml.etree import ElementTree

name = sys.argv[1]
played = {}
for line in open(name + ".jsonl"):
    line = json.loads(line)
    if line["type"] == "verdict" and "artifacts" in line:
        played[line["case"]] = line["artifacts"]
assert played
for case, files in played.items():
    folder = os.path.dirname(files[0])
    assert sorted(files) == sorted(os.path.join(folder, f) for f in os.listdir(folder)), case
    assert all(os.path.getsize(f) > 0 for f in files if not f.endswith(".log")), case
for target in json.load(open(name + ".json"))["targets"].values():
    for case, found in target["cases"].items():
        assert found.get("artifacts") == played.get(case), case
root = ElementTree.parse(name + ".xml").getroot()
for case in root.findall("testsuite/testcase"):
    text = case.findtext("system-out", "")
    found = re.findall(r"^\[\[ATTACHMENT\|(.*)\]\]$", text, re.M)
    assert found == played.get(case.get("name"), []), case.get("name")
failed = [c.get("name") for c in root.findall("testsuite/testcase") if c.find("failure") is not None]
links = re.findall(r"\]\(([^)]*)\)", open(name + ".md").read())
links = [os.path.normpath(os.path.join("reports", urllib.parse.unquote(l))) for l in links]
assert links == [os.path.normpath(f) for c in failed for f in played[c]], links
print(len(links), "links")
END
	ok $? "$1"
}
reports() { # NAME: the options for them
	for format in jsonl json junit md; do
		end=$format
		[ $format = junit ] && end=xml
		echo "--report $format=reports/$1.$end"
	done
}
mkdir reports

mkdir certs
"$build/tests/make_certs" certs >/dev/null || exit 99
start relayd "$build/relayd/relayd" --listen 127.0.0.1:0 --stun 127.0.0.1:0
start secure "$build/relayd/relayd" --listen-tls 127.0.0.1:0 \
    --cert certs/chain.pem --key certs/key.pem
url=http://$(listening relayd http)
https=https://$(listening secure https)
stun=$(listening relayd stun)
start pong "$build/tests/bad_relay" only-pong
pong=http://$(listening pong http)

# ---- plain

expect 0 "a run leaves artifacts" run "$url" --artifacts a/b --stun "$stun" \
    'ping.echo[raw*' 'login.bad-signature[ws*' 'stun.*'
target=a/b/$(ls a/b)
case=$target/ping.echo.raw.p=@1
[ -s "$case/case.pcapng" ] && [ -s "$case/transcript.txt" ] && [ ! -e "$case/target.log" ]
ok $? "a capture and a transcript lie in a folder of the case"
grep -q "Pong" "$case/transcript.txt" && grep -q "^again: relay-conformance run" "$case/transcript.txt"
ok $? "the transcript says what came and how to repeat it"
decodes "$case/case.pcapng" Pong "relay-cli reads the capture"
expect 0 "and it can be replayed" replay "$case/case.pcapng" "$url"
blocks "$case/case.pcapng" '\| liveness\.rly:[0-9]+ expected Pong$' \
    "an answer is commented with the line that expects it"
blocks "$case/case.pcapng" '\| liveness\.rly:[0-9]+ A -> Ping data=' \
    "what is sent is commented with the line that sends it"
blocks "$case/case.pcapng" '^tcp [1-9][0-9]* fin [1-9][0-9]* open$' \
    "the connection ends as it did"
ls "$target"/login.bad-signature*/control.pcapng >out 2>err
ok $? "a control has a capture of its own"
blocks "$(ls "$target"/stun.*/case.pcapng | head -1)" 'packet .* udp ' "datagrams are there too"

for when in before after; do
	decodes "$target/@canary.$when/case.pcapng" Pong "the canary $when the cases leaves a capture"
	grep -q '^ping\.echo.*: pass$' "$target/@canary.$when/transcript.txt"
	ok $? "and a transcript"
done

expect 4 "nothing is written over" run "$url" --artifacts a/b 'ping.echo[raw*'
grep -qF -e "--force" err
ok $? "and it is said what would"
expect 0 "with --force it is" run "$url" --artifacts a/b --force 'ping.echo[raw*'
: >file
expect 4 "a folder that cannot be made is 4" run "$url" --artifacts file/x ping.echo

# ---- a failure names them

expect 1 "a failing case leaves them as well" run "$pong" --time-scale 0.1 \
    $(reports pong) --artifacts pong seed.io-basic
grep -qE '^  more: .*  pong/.*/\{case\.pcapng,transcript\.txt\}$' out
ok $? "and its report says where"
linked "the other reports link them" pong
! has_python || grep -q '^[1-9][0-9]* links' out
ok $? "the summary as well"

start mute "$build/tests/bad_relay" mute
expect 4 "a canary that fails" run "http://$(listening mute http)" --time-scale 0.1 \
    --artifacts mute 'ping.echo[raw*'
grep -q 'the canary .* failed before the cases: .*; see mute/.*/@canary.before' out
ok $? "is reported with the place of what it leaves"
[ -z "$(find mute -name '@canary.after*')" ] &&
    grep -qE '^(ping\.echo.*: |run: )' mute/*/@canary.before/transcript.txt >out 2>&1 &&
    [ -s "$(find mute -name case.pcapng)" ]
ok $? "its capture, and nothing of one that was not played"
expect 0 "another run into the same folder" run "$url" --artifacts a/b 'ping.once[raw*'
[ -e "$target/@canary.before.2/case.pcapng" ] && [ -e "$target/@canary.after.2/case.pcapng" ]
ok $? "leaves the canaries of the first as they are"
expect 0 "each round has its own" run "$url" --artifacts rounds --repeat 2 'ping.echo[raw*'
[ "$(find rounds -path '*@canary.*.round-[12]/case.pcapng' | wc -l)" -eq 4 ]
ok $? "canaries before and after"

# ---- TLS

expect 0 "over TLS" run "$https" --cafile certs/ca.pem --artifacts tls 'ping.echo[*'
for carrier in raw ws; do
	file=$(ls tls/*/ping.echo.$carrier.p=@1/case.pcapng)
	decodes "$file" Pong "its secrets are inside ($carrier)"
	blocks "$file" '^secrets [1-9]' "in a block of their own ($carrier)"
	if ! tshark --version >/dev/null 2>&1; then
		skip "tshark shows the frames ($carrier)" "tshark is not installed"
		continue
	fi
	tshark -n -r "$file" -X "lua_script:$src/wireshark/relaykit.lua" \
	    -T fields -e _ws.col.Info -e frame.comment >out 2>err
	grep -qE 'Pong.*liveness\.rly:[0-9]+ expected Pong' out
	ok $? "tshark shows the frames ($carrier)"
done

# ---- a name that is too long; a target's own log

id=long
while [ ${#id} -lt 400 ]; do id=$id.another-word; done
sed "s/^scenario ping.echo/scenario $id/" \
    "$src/conformance/scenarios/iroh-v3/liveness.rly" >long.rly
expect 0 "a name of 400 characters" run "$url" $(reports long) \
    --artifacts "long" "long.rly:$id"
[ "$(ls -d long/*/long.another-word*-* | wc -l)" -ge 2 ] &&
    [ "$(find long -name case.pcapng | wc -l)" -eq "$(find long -name transcript.txt | wc -l)" ]
ok $? "is shortened, with a digest, and all files are there"
linked "and the links of reports hold" long

expect 0 "a target that the runner starts" run relayd.target $(reports own) \
    --artifacts "$PWD/own" 'ping.echo[raw*'
grep -q 'login key=' own/relayd/ping.echo.raw.p=@2/target.log
ok $? "leaves its log beside them"
linked "and reports link it" own

expect 0 "a case with an instance of its own" run relayd.target --artifacts own 'process.interrupt*'
cat own/relayd/process.*/target.log >out 2>err && grep -q 'of an instance of its own' out
ok $? "leaves what that one said"

expect 0 "a client that says where it was sent" run --artifacts said 'client.pong*' \
    --client "sh -c 'echo sent to \$0; exec $build/relay-cli/relay-cli recv \$0' {url}"
grep -q '^sent to http' said/*/client.pong*/target.log
ok $? "leaves that, too"

# ---- cut short

# The slow cases keep the run going until it is told to end.
"$runner" run "$url" --slow --artifacts cut '*[ws*' >out 2>err </dev/null &
pid=$!
while [ -z "$(find cut -name transcript.txt ! -path '*@canary*' 2>/dev/null | head -1)" ] &&
    kill -0 "$pid" 2>/dev/null; do
	sleep 0.05
done
kill -INT "$pid"
wait "$pid"
[ $? -eq 130 ]
ok $? "an interrupted run is 130"
[ -z "$(find cut -type f ! -name '*.pcapng' ! -name '*.txt')" ]
ok $? "and leaves no half file"

echo "1..$n"
exit $failed
