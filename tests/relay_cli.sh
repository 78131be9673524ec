#!/bin/sh
# relay-cli as a shell user meets it, against relayd: exit statuses, bytes in
# pipes, counts, reconnecting.  Prints TAP.
build=${RELAYKIT_BUILDDIR:-.}
cli=$build/relay-cli/relay-cli
dir=$(mktemp -d) || exit 99
relay=
plain=
brief=
sleepers=
trap 'kill $relay $plain $brief $sleepers 2>/dev/null; rm -rf "$dir"' EXIT
unset RELAYKIT_KEY HTTP_PROXY http_proxy HTTPS_PROXY https_proxy NO_PROXY no_proxy
cd "$dir" || exit 99
n=0
echo 1..54

# expect STATUS SENTENCE PART-OF-STDERR COMMAND…: stdout is in out, stderr in err.
expect() {
	want=$1 what=$2 part=$3
	shift 3
	n=$((n + 1))
	"$@" >out 2>err </dev/null
	got=$?
	if [ "$got" -ne "$want" ]; then
		echo "# exit status $got, not $want"
		sed 's/^/# /' err
		echo "not ok $n - $what"
	elif [ -n "$part" ] && ! grep -qF -e "$part" err; then
		sed 's/^/# /' err
		echo "not ok $n - $what: stderr lacks '$part'"
	elif [ "$(grep -c '^relay-cli: ' err)" -gt 2 ]; then
		sed 's/^/# /' err
		echo "not ok $n - $what: more than a line or two"
	else
		echo "ok $n - $what"
	fi
}

# claim SENTENCE COMMAND…: the command succeeds.
claim() {
	what=$1
	shift
	n=$((n + 1))
	if "$@" >claim.out 2>&1; then
		echo "ok $n - $what"
	else
		sed 's/^/# /' claim.out
		echo "not ok $n - $what"
	fi
}

skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# Start relayd with the options given; its lines are in $1.
start() {
	lines=$1
	shift
	: >"$lines"
	"$build/relayd/relayd" "$@" >"$lines" 2>"$lines.log" &
	started=$!
	until grep -q '^ready$' "$lines"; do
		kill -0 "$started" 2>/dev/null || { cat "$lines.log" >&2; exit 99; }
		sleep 0.05
	done
}

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

start relay.txt --listen 127.0.0.1:0 --metrics 127.0.0.1:0
relay=$started
url=http://$(sed -n 's/^listening http //p' relay.txt)
ws=ws://$(sed -n 's/^listening http //p' relay.txt)
metrics=http://$(sed -n 's/^listening metrics //p' relay.txt)

# ---- exit statuses
expect 0 "ping answers" "" "$cli" ping -c 1 "$url"
expect 0 "ping answers over WebSocket" "" "$cli" ping -c 1 "$ws"
expect 2 "no command is a usage error" "--help" "$cli"
expect 2 "an unknown command names the one meant" "did you mean 'ping'" "$cli" pnig "$url"
expect 2 "an unknown option is a usage error" "--frob" "$cli" ping --frob "$url"
expect 2 "the beginning of an option is not that option" "--keyl" "$cli" ping --keyl=x "$url"
expect 2 "a missing URL is a usage error" "no URL" "$cli" ping
expect 2 "a URL without a scheme names the remedy" "http://" "$cli" ping "${url#http://}"
expect 2 "a bad count is a usage error" "--count" "$cli" ping -c none "$url"
expect 2 "a bad DEST is refused before dialling" "public key" "$cli" send http://127.0.0.1:1 nonsense hi
expect 2 "--resolve that is none" "HOST:PORT:ADDR" "$cli" ping --resolve nonsense "$url"
expect 2 "a --cafile that is not there" "nowhere.pem" "$cli" ping --cafile nowhere.pem https://127.0.0.1:1
expect 2 "a --cafile that is none" "relay.txt" "$cli" recv --reconnect --cafile relay.txt https://127.0.0.1:1
expect 2 "probe says so once" "nowhere.pem" "$cli" probe --cafile nowhere.pem https://127.0.0.1:1
expect 2 "a --keylog that cannot be written" "nowhere/log" "$cli" bench --keylog nowhere/log https://127.0.0.1:1
expect 3 "a closed port" "refused" "$cli" ping http://127.0.0.1:1
expect 3 "an unknown name" "no.such.host.invalid" "$cli" ping http://no.such.host.invalid
expect 5 "an answer that is no 101" "upgrade refused" "$cli" ping "$metrics"
expect 4 "TLS to a plain port" "TLS" "$cli" ping "https://${url#http://}"

if command -v openssl >/dev/null 2>&1; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
	    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2>openssl.log
	chmod 600 key.pem
	start tls.txt --listen-tls 127.0.0.1:0 --cert cert.pem --key key.pem
	plain=$started
	port=$(sed -n 's/^listening https .*://p' tls.txt)
	expect 4 "a certificate that nobody vouches for" "certificate" "$cli" ping "https://127.0.0.1:$port"
	expect 0 "a certificate of --cafile" "" "$cli" ping -c 1 --cafile cert.pem "https://127.0.0.1:$port"
	expect 0 "a name with its final dot" "" "$cli" ping -c 1 --cafile cert.pem --resolve "localhost.:$port:127.0.0.1" "https://localhost.:$port"
	expect 4 "a name that the certificate lacks" "certificate" "$cli" ping -c 1 --cafile cert.pem --resolve "other:$port:127.0.0.1" "https://other:$port"
	expect 0 "WebSocket over TLS" "" "$cli" ping -c 1 --insecure "wss://127.0.0.1:$port"
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
		expect 2 "a full stdout is noticed by ${words%% *}" \
		    "cannot write to stdout" on_full $words
	done
else
	for what in --help keygen ping ping probe; do
		skip "$what" "there is no /dev/full"
	done
fi

# ---- keys
expect 0 "keygen makes a file" "" "$cli" keygen bob.key
bob=$(cat out)
expect 2 "keygen writes over nothing" "bob.key" "$cli" keygen bob.key
expect 0 "pubkey reads it" "" "$cli" pubkey bob.key
claim "pubkey agrees with keygen" test "$(cat out)" = "$bob"
chmod 644 bob.key
expect 2 "a key file that others can read is refused" "chmod" "$cli" pubkey bob.key
chmod 600 bob.key

# ---- packets
# receive FILE OPTIONS…: recv in the background, logged in.
receive() {
	file=$1
	shift
	: >"$file.err" # before the background has a chance to
	"$cli" recv -v --key bob.key "$@" "$url" >"$file" 2>"$file.err" &
	receiver=$!
	await 'logged in' "$file.err"
}

{ printf 'a\0b\033[0m\377\n'; head -c 65000 /dev/urandom; } >packet
receive got --count 1
expect 0 "send confirms a packet of every kind of byte" "" sh -c "'$cli' send '$url' $bob <packet"
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

expect 2 "a packet over the limit is refused at home" "65536" sh -c "head -c 65537 /dev/zero | '$cli' send '$url' $bob"
expect 7 "with --force the relay ends the connection" "not confirmed" sh -c "head -c 65537 /dev/zero | '$cli' send --force '$url' $bob"

# ---- the connection goes away
receive got --reconnect
"$cli" ping -c 1 --key bob.key "$url" >/dev/null 2>err # takes the key over
await 'next try' got.err
claim "the loss says that another login may have taken over" grep -q 'another login' got.err
await 'logged in' got.err 2
printf 'back\n' | "$cli" send "$url" "$bob" 2>err
await back got
claim "recv --reconnect is back and receives" test "$(cat got)" = back
kill "$receiver"
wait "$receiver" 2>/dev/null

receive got
kill "$relay"
wait "$receiver"
claim "without --reconnect the relay's end is 7" test $? -eq 7

start brief.txt --listen 127.0.0.1:0
brief=$started
url=http://$(sed -n 's/^listening http //p' brief.txt)
expect 2 "stdin that cannot be read is not its end" "cannot read stdin" \
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
expect 3 "recv --timeout without a connection is no success" "upgrade's answer" \
    "$cli" recv -t 200ms "$url"
kill -CONT "$brief"

# ---- stopped for a while, as on a machine that slept: when it goes on, the
# end of the connection, input and its own times are due at once
mkfifo input
exec 3<>input
sleeper() { # NAME COMMAND…
	name=$1
	shift
	"$cli" "$@" <&3 >"$name" 2>"$name.err" &
	sleepers="$sleepers $!"
}
sleeper ping ping -v -i 1s "$url"
await pong ping
sleeper recv recv -v -t 2s --count 1 "$url"
sleeper send send -v --lines "$url" "$bob"
await 'logged in' recv.err
await 'logged in' send.err
# shellcheck disable=SC2086 # numbers
halt $sleepers
kill "$brief"
wait "$brief"
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
