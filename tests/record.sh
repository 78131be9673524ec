#!/bin/sh
# relay-conformance record between clients and relays.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154,SC2034 # they are from there, or for it
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
cli=$build/relay-cli/relay-cli

shown="out err rec.err"
verb=record

# decoded FILE LEAST SENTENCE: nothing is wrong, each Ping has its Pong, and so
# many there are at least (those of the logins come on top).
decoded() {
	"$cli" decode "$1" >out 2>err
	[ $? -eq 0 ] && [ ! -s err ] && [ "$(grep -c ' Pong' out)" -ge "$2" ] &&
	    [ "$(grep -c ' Pong' out)" -eq "$(grep -c ' Ping' out)" ]
	ok $? "$3"
}
# begin FILE ARGS…: a proxy; $proxy is its address, $recorder its process.
begin() {
	file=$1
	shift
	start rec "$runner" record --listen 127.0.0.1:0 -o "$file" "$@"
	recorder=$started
	proxy=$(listening rec relay)
}
# finish_recording SIGNAL SENTENCE
finish_recording() {
	kill "-$1" "$recorder"
	wait "$recorder"
	ok $? "$2"
}

mkdir certs
"$build/tests/make_certs" certs >/dev/null || exit 99
start plain "$build/relayd/relayd" --listen 127.0.0.1:0
plain=http://$(listening plain http)
start secure "$build/relayd/relayd" --listen-tls '[::1]:0' \
    --cert certs/chain.pem --key certs/key.pem
secure=https://$(listening secure https)

# ---- plain: both carriers, several at once

begin plain.pcapng --to "$plain"
"$cli" keygen alice 2>/dev/null
alice=$("$cli" pubkey alice)
"$cli" recv --key alice --count 1 "http://$proxy" >got 2>err &
receiver=$!
# It is there when a ping of another says so: packets to it are dropped before.
until grep -q 'login' plain.err || ! kill -0 "$receiver" 2>/dev/null; do sleep 0.05; done
"$cli" send "ws://$proxy" "$alice" "over the proxy" 2>>err
wait "$receiver"
[ "$(cat got)" = "over the proxy" ]
ok $? "two clients on both carriers talk through the proxy"
"$cli" ping --count 3 --interval 10ms "ws://$proxy" >out 2>err
ok $? "a third is answered"
finish_recording INT "SIGINT ends it with 0"
decoded plain.pcapng 4 "every Ping and Pong is in the capture"
grep -q 'RecvPacket.*14 bytes 6f766572207468652070726f7879' out
ok $? "and the packet"
blocks plain.pcapng '^tcp [1-9][0-9]* fin [1-9][0-9]* fin$' \
    "connections, sequence numbers and ends are right"
[ "$(stat -c %a plain.pcapng)" = 600 ]
ok $? "the file is its owner's"

# ---- TLS on both sides, IPv6 behind it

begin tls.pcapng --to "$secure" --cafile certs/ca.pem --save-cert own.pem
"$cli" ping --count 2 --interval 10ms --cafile own.pem "https://localhost:${proxy##*:}" >out 2>err
ok $? "a client that trusts the certificate that was made is answered over TLS"
"$cli" ping --count 1 --insecure "wss://$proxy" >out 2>err
ok $? "on WebSocket as well"
"$cli" ping --count 1 "http://$proxy" >out 2>err
ok $? "a plain client reaches a relay that speaks TLS"
finish_recording TERM "SIGTERM ends it with 0"
blocks tls.pcapng '^secrets [1-9]' "the secrets are inside"
decoded tls.pcapng 5 "and the frames can be read"
"$runner" replay tls.pcapng "$plain" >out 2>err
ok $? "and replayed on another relay"
begin given.pcapng --to "$plain" --cert certs/chain.pem --key certs/key.pem
"$cli" ping --count 1 --cafile certs/ca.pem "https://$proxy" >out 2>err
ok $? "with a certificate that is given; the relay is plain"
finish_recording TERM "it ends"

# ---- the relay's side as well

begin both.pcapng --to "$secure" --cafile certs/ca.pem --relay-side inner.pcapng
"$cli" ping --count 2 --interval 10ms "http://$proxy" >out 2>err &&
    "$cli" ping --count 1 "ws://$proxy" >out 2>err
ok $? "clients of a proxy that writes both sides are answered"
finish_recording TERM "it ends"
decoded inner.pcapng 5 "the relay's side has every Ping and Pong"
for side in both inner; do
	"$cli" decode --json $side.pcapng | sed -n 's/.*"dir":"\([^"]*\)".*"what":"\(P[io]ng\)".*"data":"\([^"]*\)".*/\1 \2 \3/p' |
	    sort >$side.frames
done
[ -s both.frames ] && cmp both.frames inner.frames >out 2>&1
ok $? "the same ones, the same way"
blocks inner.pcapng '^secrets [1-9]' "with the secrets of its own TLS"
blocks inner.pcapng '\| connection #2$' "and a word that says whose connection it is"
blocks both.pcapng '\| connection #2$' "which the clients' side has, too"
[ "$(stat -c %a inner.pcapng)" = 600 ]
ok $? "it is its owner's as well"
begin torn.pcapng --to http://127.0.0.1:1 --relay-side none.pcapng
"$cli" ping --count 1 "http://$proxy" >out 2>err
finish_recording TERM "it ends"
blocks torn.pcapng 'connection #1' "a relay that is not there"
"$cli" decode none.pcapng >out 2>err && ! grep -q '#0' out
ok $? "has no connection on its side"

# ---- a bound

begin small.pcapng --to "$plain" --max-bytes 4096 -q
"$cli" ping --count 60 --interval 1ms "http://$proxy" >out 2>err
ok $? "a capture that has its size does not stop the clients"
grep -q 'small.pcapng has its size' rec.err
ok $? "and it is said, even where little is"
finish_recording TERM "it ends with 0"
[ "$(stat -c %s small.pcapng)" -le 4096 ]
ok $? "it is no larger"
blocks small.pcapng 'the capture ends here: it has its size' "and says why it ends"

# ---- ends

begin gone.pcapng --to http://127.0.0.1:1
"$cli" ping --count 1 "http://$proxy" >out 2>err
[ $? -ne 0 ] && grep -q '#1 relay: .*refused' rec.err
ok $? "a relay that is not there is named, and the client let go"
finish_recording TERM "it ends"
blocks gone.pcapng '^tcp [1-9][0-9]* open 0 rst$' "with a RST"
if has_python; then
	begin ends.pcapng --to "$plain"
	python3 - "$proxy" <<'END'
import socket, struct, sys
host, port = sys.argv[1].rsplit(":", 1)
request = b"GET /generate_204 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
half = socket.create_connection((host, int(port)))
half.sendall(request)
half.shutdown(socket.SHUT_WR)
answer = b""
while True:
    more = half.recv(4096)
    if not more:
        break
    answer += more
assert answer.startswith(b"HTTP/1.1 204"), answer
reset = socket.create_connection((host, int(port)))
reset.sendall(request[:20])
reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
reset.close()
END
	ok $? "the answer comes after the client's FIN"
	until grep -q '#2 client: reset' rec.err || ! kill -0 "$recorder" 2>/dev/null; do sleep 0.05; done
	finish_recording INT "it ends"
	blocks ends.pcapng '^tcp [1-9][0-9]* rst 0 open$' "a RST is one in the capture"
else
	skip "half closes and resets" "python3 is not installed"
fi

# ---- usage

expect 4 "nothing is written over" --listen 127.0.0.1:0 --to "$plain" -o plain.pcapng
grep -q -e --force err
ok $? "and it is said what would"
expect 2 "without --to it is 2" --listen 127.0.0.1:0 -o x
expect 2 "a URL that is none is 2" --listen 127.0.0.1:0 --to gopher://x -o x
expect 4 "an address that is taken is 4" --listen "${plain#http://}" --to "$plain" \
    -o x --relay-side y
[ ! -e x ] && [ ! -e y ]
ok $? "and no file is left"
expect 4 "nor is the relay's side written over" --listen 127.0.0.1:0 --to "$plain" \
    -o x --relay-side inner.pcapng
[ ! -e x ] && [ -s inner.pcapng ]
ok $? "and nothing is begun"
expect 2 "both sides in one file are 2" --listen 127.0.0.1:0 --to "$plain" -o x --relay-side x
expect 2 "a bound that holds nothing is 2" --listen 127.0.0.1:0 --to "$plain" -o x --max-bytes 9
expect 4 "a file that cannot be made is 4" --listen 127.0.0.1:0 --to "$plain" -o /nosuch/x

echo "1..$n"
exit $failed
