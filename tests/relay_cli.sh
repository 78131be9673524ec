#!/bin/sh
# relay-cli as a shell user meets it, against relayd: exit statuses, bytes in
# pipes, counts, reconnecting.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
cli=$build/relay-cli/relay-cli
unset RELAYKIT_KEY

echo 1..54

# Wait until a file holds so many lines (1) that match; give up after 60 s.
await() {
	tries=0
	until [ "$(grep -c "$1" "$2")" -ge "${3:-1}" ]; do
		tries=$((tries + 1))
		if [ "$tries" -gt 1200 ]; then
			echo "Bail out! '$1' did not come: $(tail -3 "$2")"
			exit 99
		fi
		sleep 0.05
	done
}

start relay "$build/relayd/relayd" --listen 127.0.0.1:0 --metrics 127.0.0.1:0
relay=$started
url=http://$(listening relay http)
ws=ws://$(listening relay http)
metrics=http://$(listening relay metrics)

# ---- exit statuses
ends 0 "ping answers" "" "$cli" ping -c 1 "$url"
ends 0 "ping answers over WebSocket" "" "$cli" ping -c 1 "$ws"
ends 2 "no command is a usage error" "--help" "$cli"
ends 2 "an unknown command names the one meant" "did you mean 'ping'" "$cli" pnig "$url"
ends 2 "an unknown option is a usage error" "--frob" "$cli" ping --frob "$url"
ends 2 "the beginning of an option is not that option" "--keyl" "$cli" ping --keyl=x "$url"
ends 2 "a missing URL is a usage error" "no URL" "$cli" ping
ends 2 "a URL without a scheme names the remedy" "http://" "$cli" ping "${url#http://}"
ends 2 "a bad count is a usage error" "--count" "$cli" ping -c none "$url"
ends 2 "a bad DEST is refused before dialling" "public key" "$cli" send http://127.0.0.1:1 nonsense hi
ends 2 "--resolve that is none" "HOST:PORT:ADDR" "$cli" ping --resolve nonsense "$url"
ends 2 "a --cafile that is not there" "nowhere.pem" "$cli" ping --cafile nowhere.pem https://127.0.0.1:1
ends 2 "a --cafile that is none" "relay.out" "$cli" recv --reconnect --cafile relay.out https://127.0.0.1:1
ends 2 "probe says so once" "nowhere.pem" "$cli" probe --cafile nowhere.pem https://127.0.0.1:1
ends 2 "a --keylog that cannot be written" "nowhere/log" "$cli" bench --keylog nowhere/log https://127.0.0.1:1
ends 3 "a closed port" "refused" "$cli" ping http://127.0.0.1:1
ends 3 "an unknown name" "no.such.host.invalid" "$cli" ping http://no.such.host.invalid
ends 5 "an answer that is no 101" "upgrade refused" "$cli" ping "$metrics"
ends 4 "TLS to a plain port" "TLS" "$cli" ping "https://${url#http://}"

if command -v openssl >/dev/null 2>&1; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
	    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2>openssl.log
	chmod 600 key.pem
	start tls "$build/relayd/relayd" --listen-tls 127.0.0.1:0 --cert cert.pem --key key.pem
	port=$(listening tls https)
	port=${port##*:}
	ends 4 "a certificate that nobody vouches for" "certificate" "$cli" ping "https://127.0.0.1:$port"
	ends 0 "a certificate of --cafile" "" "$cli" ping -c 1 --cafile cert.pem "https://127.0.0.1:$port"
	ends 0 "a name with its final dot" "" "$cli" ping -c 1 --cafile cert.pem --resolve "localhost.:$port:127.0.0.1" "https://localhost.:$port"
	ends 4 "a name that the certificate lacks" "certificate" "$cli" ping -c 1 --cafile cert.pem --resolve "other:$port:127.0.0.1" "https://other:$port"
	ends 0 "WebSocket over TLS" "" "$cli" ping -c 1 --insecure "wss://127.0.0.1:$port"
else
	for what in cafile dot name wss unverified; do
		skip "TLS: $what" "openssl is not installed"
	done
fi
on_full() { # COMMAND…: stdout cannot be written
	"$cli" "$@" >/dev/full
}
if [ -w /dev/full ]; then
	for words in --help keygen "ping -c 1 $url" "ping -c 1 --json $url" \
	    "probe --skip stun,captive $url"; do
		# shellcheck disable=SC2086 # words
		ends 2 "a full stdout is noticed by ${words%% *}" \
		    "cannot write to stdout" on_full $words
	done
else
	for what in --help keygen ping ping probe; do
		skip "$what" "there is no /dev/full"
	done
fi

# ---- keys
ends 0 "keygen makes a file" "" "$cli" keygen bob.key
bob=$(cat out)
ends 2 "keygen writes over nothing" "bob.key" "$cli" keygen bob.key
ends 0 "pubkey reads it" "" "$cli" pubkey bob.key
claim "pubkey agrees with keygen" test "$(cat out)" = "$bob"
chmod 644 bob.key
ends 2 "a key file that others can read is refused" "chmod" "$cli" pubkey bob.key
chmod 600 bob.key

# ---- packets
# receive FILE OPTIONS…: recv in the background, logged in.
receive() {
	file=$1
	shift
	: >"$file.err" # before the background has a chance to
	"$cli" recv -v --key bob.key "$@" "$url" >"$file" 2>"$file.err" &
	receiver=$!
	pids="$pids $receiver"
	await 'logged in' "$file.err"
}

{ printf 'a\0b\033[0m\377\n'; head -c 65000 /dev/urandom; } >packet
receive got --count 1
ends 0 "send confirms a packet of every kind of byte" "" sh -c "'$cli' send '$url' $bob <packet"
wait "$receiver"
claim "recv --count ends with 0 when they are there" test $? -eq 0
claim "the bytes are the same, and nothing is added" cmp packet got

receive got --count 1
( head -c 30000 packet; sleep 0.1; tail -c +30001 packet ) | "$cli" send "$url" "$bob" 2>err
wait "$receiver"
claim "a slow pipe is one packet" cmp packet got

receive got --count 2 --lines
printf 'one\ntwo\nthree\n' | "$cli" send --lines "$url" "$bob" 2>err
wait "$receiver"
claim "recv --count 2 of three lines prints two" test "$(cat got)" = "$(printf 'one\ntwo')"

receive got --count 2 --timeout 2s --lines
printf 'one' | "$cli" send "$url" "$bob" 2>err
wait "$receiver"
claim "too few within --timeout are an expectation missed" test "$?:$(cat got)" = "1:one"

receive got --count 1 --json
"$cli" send "$url" "$bob" hello 2>err
wait "$receiver"
claim "--json has the data as hex" grep -q '^{.*"what":"RecvPacket".*"data":"68656c6c6f".*}$' got

ends 2 "a packet over the limit is refused at home" "65536" sh -c "head -c 65537 /dev/zero | '$cli' send '$url' $bob"
ends 7 "with --force the relay ends the connection" "not confirmed" sh -c "head -c 65537 /dev/zero | '$cli' send --force '$url' $bob"

# ---- the connection goes away
receive got --reconnect
"$cli" ping -c 1 --key bob.key "$url" >/dev/null 2>err # takes the key over
await 'next try' got.err
claim "the loss says that another login may have taken over" grep -q 'another login' got.err
await 'logged in' got.err 2
printf 'back\n' | "$cli" send "$url" "$bob" 2>err
await back got
claim "recv --reconnect is back and receives" test "$(cat got)" = back
stop "$receiver"

receive got
stop "$relay"
wait "$receiver"
claim "without --reconnect the relay's end is 7" test $? -eq 7

start brief "$build/relayd/relayd" --listen 127.0.0.1:0
brief=$started
url=http://$(listening brief http)
ends 2 "stdin that cannot be read is not its end" "cannot read stdin" \
    sh -c "'$cli' send --lines '$url' $bob <."
halt() { # PID…
	kill -STOP "$@"
	for pid; do
		until grep -q '^[0-9]* ([^)]*) T' "/proc/$pid/stat"; do
			sleep 0.01
		done
	done
}
halt "$brief"
ends 3 "recv --timeout without a connection is no success" "upgrade's answer" \
    "$cli" recv -t 200ms "$url"
kill -CONT "$brief"

# ---- stopped for a while, as on a machine that slept: when it goes on, the
# end of the connection, input and its own times are due at once
sleepers=
mkfifo input
exec 3<>input
sleeper() { # NAME COMMAND…
	name=$1
	shift
	"$cli" "$@" <&3 >"$name" 2>"$name.err" &
	sleepers="$sleepers $!"
	pids="$pids $!"
}
sleeper ping ping -v -i 1s "$url"
await pong ping
sleeper recv recv -v -t 2s --count 1 "$url"
sleeper send send -v --lines "$url" "$bob"
await 'logged in' recv.err
await 'logged in' send.err
# shellcheck disable=SC2086 # numbers
halt $sleepers
stop "$brief"
echo line >&3
sleep 2.1
# shellcheck disable=SC2086 # numbers
kill -CONT $sleepers
set -- ping recv send
for sleeper in $sleepers; do
	wait "$sleeper"
	claim "$1 that was stopped tells how the connection ended" test $? -eq 7
	claim "and says nothing else" test "$(grep -c '^relay-cli:' "$1.err")" -eq 1
	shift
done
