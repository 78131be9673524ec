#!/bin/sh
# lift and replay as they are used: every capture of pcap-fixtures, relays
# that do otherwise, files that are there already.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
captures=$src/pcap-fixtures

# adds_up SENTENCE: the counts of a replay in out.
adds_up() {
	awk '/ captured: .* the same, .* missing/ && !/:.*:/ {
		found = 1; good = $1 == $3 + $6 }
	    / connections: / { good = good && $1 == $3 + $6 }
	    END { exit !(found && good) }' out
	ok $? "$1"
}

start relayd "$build/relayd/relayd" --listen 127.0.0.1:0
relayd=$started
url=http://$(listening relayd http)

# ---- every undamaged capture

awk '$1 == "capture" { name = $2 } $1 == "damaged" { bad[name] = 1 }
    $1 == "capture" { all[++n] = $2 }
    END { for (i = 1; i <= n; i++) print all[i], all[i] in bad }' \
    "$captures/MANIFEST" >list
while read -r file damaged; do
	keys=$captures/${file%.pcapng}.keys
	set -- "$captures/$file"
	[ -e "$keys" ] && set -- --keylog "$keys" "$@"
	want=0
	[ "$damaged" -eq 1 ] && want=1
	rm -f case.rly
	expect $want "$file is lifted" lift -o case.rly "$@"
	expect 0 "$file: what is written passes check" check case.rly
	expect 0 "$file: and fmt changes nothing" fmt --check case.rly
	[ "$damaged" -eq 1 ] && continue
	expect 0 "$file: replayed, relayd does the same" replay "$@" "$url"
	adds_up "$file: and the counts add up"
	# The same in other clothes: said once is enough.
	case $file in
	*-same-*) continue ;;
	esac
	expect 0 "$file: the scenario passes" run "$url" case.rly
	for what in none types bytes; do
		"$runner" lift --force --expect $what -o other.rly "$@" \
		    >out 2>err && "$runner" check other.rly >out 2>err &&
		    "$runner" fmt --check other.rly >out 2>err
		ok $? "$file: so does --expect $what"
	done
done <list

# ---- what it looks like

capture=$captures/peer-gone.pcapng
expect 0 "a capture is lifted to stdout" lift "$capture"
said out "  conn A = login key=alice carrier=raw" "the first client is alice"
said out '  B <- RecvPacket key==pub(alice) data=="x"' "keys have names"
said out "  A abort" "a reset is one"
said out "  C shut" "a half close is one"
said out "  B <- PeerGone key==pub(carol)" "who is told is expected"
expect 0 "dishonest logins are lifted" lift "$captures/refused-logins.pcapng"
said out 'signature=flip(sign(alice, x"03"), bit=40)' "a flipped bit is found"
said out 'magic=x"52454c4158f09f9491"' "a wrong magic is shown"
said out 'signature=sign(alice, x"04") message=x"04"' "another version is signed anew"
expect 0 "bad frames are lifted" lift "$captures/bad-frames.pcapng"
said out 'raw frame(0x10, "")' "an unknown type is a raw frame"
said out 'raw x"0e00100001"' "half of one is raw bytes"
expect 0 "one connection alone" lift --flow 1 "$capture"
! grep -q 'conn A = login key=alice' out && grep -q 'conn A = login' out
ok $? "is the only one"
expect 0 "pauses are kept on demand" lift --pace x10 "$capture"
said out "  sleep 20ms" "ten times as short"
expect 0 "without they are left out" lift "$capture"
said err "pauses of more than 10 ms left out" "and that is said"

# ---- scrubbing

expect 0 "scrubbing" lift --scrub -o scrubbed.rly "$captures/real-0.28.1-echo.pcapng"
said err "replaced: " "says what was replaced"
said err "kept: " "and what was kept"
"$build/relay-cli/relay-cli" decode --json "$captures/real-0.28.1-echo.pcapng" |
    sed -n 's/.*"data": *"\([0-9a-f]\{32\}\)[0-9a-f]*".*/\1/p' | sort -u >payloads
[ -s payloads ] && ! grep -qF -f payloads scrubbed.rly
ok $? "no payload is left"
! grep -q '127\.0\.0\.1\|real-0.28' scrubbed.rly
ok $? "no address, no name of a file"
[ "$(grep -c 5453f09f92ac scrubbed.rly)" -gt 0 ]
ok $? "the disco magic is"
expect 0 "it passes check" check scrubbed.rly
expect 0 "fmt changes nothing" fmt --check scrubbed.rly
expect 0 "and relayd passes it" run "$url" scrubbed.rly
cp scrubbed.rly first.rly
expect 0 "again" lift --scrub --force -o scrubbed.rly "$captures/real-0.28.1-echo.pcapng"
cmp -s first.rly scrubbed.rly
ok $? "it is the same"

# ---- files

echo mine >mine.rly
expect 4 "a file that is there is not written over" lift -o mine.rly "$capture"
[ "$(cat mine.rly)" = mine ]
ok $? "it is as it was"
expect 0 "but with --force" lift --force -o mine.rly "$capture"
expect 4 "a folder that is not there" lift -o nosuch/x.rly "$capture"
expect 1 "no capture is 1" lift nosuch.pcapng
expect 1 "TLS without its keys is 1" lift "$captures/tls13.pcapng"
said err "could not be decrypted" "and it is said why"
expect 1 "an empty file is 1" lift /dev/null
"$runner" lift - <"$capture" >out 2>err
ok $? "stdin is a capture too"

# ---- relays that do otherwise

for mode in close mute login-close only-pong; do
	start bad "$build/tests/bad_relay" $mode
	expect 1 "a relay that is $mode is 1" replay --time-scale 0.2 \
	    "$captures/login-ping-send.pcapng" "http://$(listening bad http)"
	grep -q '^    captured ' out && grep -q '^    target ' out
	ok $? "and what differs is named"
	adds_up "and the counts add up"
	stop "$started"
done
start bad "$build/tests/bad_relay" close
expect 1 "of one that closes at once" replay "$captures/login-ping-send.pcapng" \
    "http://$(listening bad http)"
grep -A2 '^A http: ' out | grep -q 'captured  http 1.1 101'
ok $? "the first difference is the upgrade"
stop "$started"
# faulty NAME LANE CAPTURE: relayd does that wrong on purpose.
faulty() {
	"$build/relayd/relayd" --fault help >faults 2>/dev/null || : >faults
	if ! grep -q "^$1 " faults; then
		n=$((n + 1))
		echo "ok $n - relayd --fault $1 # SKIP it was left out"
		return
	fi
	start faulty "$build/relayd/relayd" --listen 127.0.0.1:0 --fault "$1"
	expect 1 "relayd --fault $1 is 1" replay --time-scale 0.2 \
	    "$captures/$3" "http://$(listening faulty http)"
	said out "$2: " "and where"
	adds_up "and the counts add up"
	stop "$started"
}
faulty relay.last-byte-changed "B data" login-ping-send.pcapng
faulty relay.doubled "B data" login-ping-send.pcapng
faulty relay.source-bit "B data" login-ping-send.pcapng
faulty gone.never "B gone" peer-gone.pcapng
faulty ping.never "A pong" login-ping-send-ws.pcapng
expect 4 "nobody there is 4" replay "$capture" http://127.0.0.1:1
expect 4 "TLS to a plain port is 4" replay "$capture" "https://${url#http://}"
expect 5 "nothing to compare is 5" replay --expect none "$capture" "$url"
expect 3 "a capture that is cut proves nothing" replay \
    "$captures/peer-gone-damaged-cut-file.pcap" "$url"
expect 2 "a target is needed" replay "$capture"
expect 0 "a target file will do" replay "$capture" relayd
expect 0 "with its pauses" replay --pace asis "$capture" "$url"

stop "$relayd"
echo "1..$n"
exit $failed
