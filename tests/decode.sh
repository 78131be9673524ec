#!/bin/sh
# relay-cli decode as people and pipes use it; prints TAP.
LC_ALL=C
export LC_ALL
src=${RELAYKIT_SRCDIR:?} build=${RELAYKIT_BUILDDIR:?}
cli=$build/relay-cli/relay-cli
fixtures=$src/pcap-fixtures
capture=$fixtures/peer-gone.pcapng

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

# A check is a function that prints what is wrong, and nothing if all is well.
n=0
check() { # sentence, function, reason to skip
	n=$((n + 1))
	if [ -n "$3" ]; then
		echo "ok $n - $1 # SKIP $3"
		return
	fi
	wrong=$("$2" 2>&1)
	if [ -z "$wrong" ]; then
		echo "ok $n - $1"
	else
		printf '%s\n' "$wrong" | sed 's/^/# /'
		echo "not ok $n - $1"
	fi
}

# Run decode with the arguments; its status must be $1, and if $2 is not
# empty its only line on standard error must contain that.
expect() {
	status=$1 says=$2
	shift 2
	"$cli" decode "$@" >"$work/out" 2>"$work/err"
	got=$?
	[ "$got" -eq "$status" ] || echo "decode $*: status $got, want $status"
	if [ -n "$says" ]; then
		[ "$(wc -l <"$work/err")" -eq 1 ] || echo "decode $*: $(cat "$work/err")"
		grep -qF -e "$says" "$work/err" ||
		    echo "decode $*: said '$(cat "$work/err")', want '$says'"
	elif [ -s "$work/err" ]; then
		echo "decode $*: said $(cat "$work/err")"
	fi
}

usage() {
	printf 'plain text\n' >"$work/text"
	expect 0 '' --help
	expect 2 'which capture'
	expect 2 'one file at a time' "$capture" "$capture"
	expect 2 'unrecognized option' --nonsense "$capture"
	expect 2 'requires an argument' --snap
	expect 2 "'x' is not a number" --snap x "$capture"
	expect 2 "'-1' is not a" --flow -1 "$capture"
	expect 2 "unknown dialect 'irc'" --dialect irc "$capture"
	expect 2 'No such file' "$work/absent"
	expect 2 'Is a directory' "$work"
	expect 2 'not a capture file' "$work/text"
	expect 2 'empty file' /dev/null
	[ -s "$work/out" ] && echo 'a refusal prints to standard output'
}

statuses() {
	expect 0 '' "$capture"
	expect 1 'packet 63: ' "$fixtures/peer-gone-damaged-cut-file.pcap"
	expect 1 'packet 40: other bytes than packet 39' \
	    "$fixtures/peer-gone-damaged-conflicting-overlap.pcap"
}

# One JSON object a line, with the packet's damage in it as well.
json_lines() {
	for f in "$fixtures"/*.pcap "$fixtures"/*.pcapng; do
		"$cli" decode --json "$f" >"$work/json" 2>/dev/null
		lines=$(wc -l <"$work/json")
		objects=$(jq -c 'select(type == "object" and has("what"))' \
		    "$work/json" | wc -l)
		[ "$lines" -gt 0 ] && [ "$lines" -eq "$objects" ] ||
		    echo "$f: $lines lines, $objects objects"
	done
	"$cli" decode --json "$fixtures/peer-gone-damaged-cut-file.pcap" \
	    2>/dev/null | jq -e 'select(.what == "remark" and .packet == 63)' \
	    >/dev/null || echo 'the damage is no object'
}

options() {
	"$cli" decode --json --flow 1 "$capture" >"$work/out"
	[ "$(jq .conn "$work/out" | sort -u)" = 1 ] || echo "--flow 1 shows others"
	grep -q PeerGone "$work/out" || echo "--flow 1 shows too little"
	"$cli" decode --snap 3 "$fixtures/login-ping-send.pcapng" >"$work/out"
	grep -q '1200 bytes 000102\.\.\.$' "$work/out" ||
	    echo "--snap 3: $(grep -m1 '1200 bytes' "$work/out")"
	"$cli" decode -v "$fixtures/peer-gone-same-overlap.pcap" \
	    >"$work/out" 2>"$work/err"
	grep -q 'remark: packet [0-9]*: sent again' "$work/out" ||
	    echo "-v does not tell what was sent again"
	grep -q ': 6[0-9] packets, 0 not TCP; 3 connections' "$work/err" ||
	    echo "-v does not count: $(cat "$work/err")"
}

# Bytes of the terminal's control, and none but ASCII unless asked for.
plain_text() {
	for f in "$fixtures"/*.pcap "$fixtures"/*.pcapng; do
		"$cli" decode "$f" 2>&1 | tr -d '\n -~' | od -c | head -1 |
		    grep -v '^0000000$'
	done
	locale -a 2>/dev/null | grep -qi '^C.utf-\{0,1\}8$' || return 0
	LC_ALL=C.UTF-8 "$cli" decode "$capture" | grep -q '──▶ Ping' ||
	    echo 'no arrows in a UTF-8 locale'
}

# The reader of the pipe leaves: no word about it, and no crash.
closed_pipe() {
	f=$fixtures/real-0.28.1-echo.pcapng
	for how in '' --json; do
		{
			# shellcheck disable=SC2086
			"$cli" decode $how "$f" 2>"$work/err"
			echo $? >"$work/status"
		} | head -1 >"$work/out"
		[ "$(wc -l <"$work/out")" -eq 1 ] || echo "no line"
		[ -s "$work/err" ] && cat "$work/err"
		case $(cat "$work/status") in
		0 | 1 | 141) ;;
		*) echo "status $(cat "$work/status")" ;;
		esac
	done
	[ -e /dev/full ] || return 0
	"$cli" decode "$f" >/dev/full 2>"$work/err" &&
	    echo 'a full disk goes by without a word'
	grep -q 'cannot write' "$work/err" || echo "said $(cat "$work/err")"
}

from_a_pipe() {
	for f in "$capture" "$fixtures/peer-gone-same-usec.pcap"; do
		"$cli" decode "$f" >"$work/file"
		# shellcheck disable=SC2002
		cat "$f" | "$cli" decode - >"$work/pipe" 2>&1 ||
		    echo "status $? from a pipe"
		cmp "$work/file" "$work/pipe" 2>&1
	done
}

# A capture that is still being written: its frames are shown meanwhile.  The
# writer stops in the middle and goes on only once a frame has been read from
# decode's output.
live() {
	f=$1
	size=$(wc -c <"$f")
	rm -f "$work/in" "$work/lines"
	mkfifo "$work/in" "$work/lines"
	timeout 60 "$cli" decode - <"$work/in" >"$work/lines" 2>"$work/err" &
	decoder=$!
	exec 3>"$work/in" 4<"$work/lines"
	head -c $((size / 2)) "$f" >&3
	seen=
	while IFS= read -r line <&4; do
		case $line in
		*Ping*)
			seen=$line
			break
			;;
		esac
	done
	[ -n "$seen" ] || echo "$f: no frame before the end"
	tail -c +$((size / 2 + 1)) "$f" >&3
	exec 3>&-
	rest=$(cat <&4)
	exec 4<&-
	wait "$decoder" || echo "$f: status $?"
	case $rest in
	*'ended eof') ;;
	*) echo "$f: the end is missing" ;;
	esac
}

as_they_come() {
	live "$capture"
	live "$fixtures/peer-gone-same-usec.pcap"
}

tls_says_why() {
	"$cli" decode "$fixtures/tls13.pcapng" >"$work/out" 2>"$work/err" ||
	    echo "status $?"
	grep -q 'remark: .*TLS.*shown as opaque: no secrets' "$work/out" ||
	    echo 'no reason is given'
	grep -q 'opaque [0-9]* bytes  TLS application data' "$work/out" ||
	    echo 'no sizes are shown'
}

tls_with_keys() {
	expect 0 '' --keylog "$fixtures/tls13.keys" "$fixtures/tls13.pcapng"
	mv "$work/out" "$work/want"
	[ "$(grep -c 'RecvPacket from' "$work/want")" -eq 6 ] ||
	    echo "packets are missing: $(cat "$work/want")"
	# The same with the secrets inside, and from pipes.
	expect 0 '' "$fixtures/tls13-embedded-keys.pcapng"
	cmp "$work/want" "$work/out"
	expect 0 '' - <"$fixtures/tls13-embedded-keys.pcapng"
	cmp "$work/want" "$work/out"
	# shellcheck disable=SC2002 # a pipe is what is tried
	cat "$fixtures/tls13.pcapng" |
	    expect 0 '' --keylog "$fixtures/tls13.keys" -
	cmp "$work/want" "$work/out"
	mkfifo "$work/keys"
	cat "$fixtures/tls13.keys" >"$work/keys" &
	expect 0 '' --keylog "$work/keys" "$fixtures/tls13.pcapng"
	cmp "$work/want" "$work/out"
	expect 2 "key log $work/absent: No such file" \
	    --keylog "$work/absent" "$fixtures/tls13.pcapng"
	expect 2 "key log $work: Is a directory" \
	    --keylog "$work" "$fixtures/tls13.pcapng"
	# Of others: the reason names what was looked for.
	expect 0 '' --keylog "$fixtures/tls13-ws.keys" "$fixtures/tls13.pcapng"
	grep -q 'nothing of client random 4426599f39c5' "$work/out" ||
	    echo "the client random is not named"
}

# A few bytes that claim to be a lot buy no memory, and the manual's bound
# holds for what is really there.
little_memory() {
	printf '\n\r\r\n\034\0\0\0M<+\032\001\0\0\0\377\377\377\377\377\377\377\377\034\0\0\0' >"$work/section"
	{
		cat "$work/section"
		printf '\006\0\0\0\374\377\377\003....'
	} >"$work/block"
	{
		cat "$work/section"
		printf '\012\0\0\0\374\377\377\177....'
	} >"$work/secrets"
	for f in "$work/block" "$work/secrets" \
	    "$fixtures/peer-gone-damaged-bad-length.pcap"; do
		(
			# shellcheck disable=SC3045
			ulimit -v 60000 || echo 'memory cannot be limited'
			"$cli" decode "$f" >/dev/null 2>"$work/err"
			status=$?
			[ "$status" -eq 1 ] ||
			    echo "$f: status $status: $(cat "$work/err")"
		)
		grep -q ': packet [0-9]*: ' "$work/err" || cat "$work/err"
	done
}

# lines FILTER…: so many lines, none of another kind.
lines() {
	want=$1 kind=$2
	shift 2
	"$cli" decode "$@" >"$work/out" 2>"$work/err" || echo "status $?"
	[ "$(wc -l <"$work/out")" -eq "$want" ] ||
	    echo "$*: $(wc -l <"$work/out") lines, want $want"
	grep -vE -e "$kind" "$work/out" | sed "s|^|$*: |" | head -3
}

filters() {
	f=$fixtures/peer-gone.pcapng
	lines 3 ' Ping ' --frame Ping "$f"
	lines 6 ' P[io]ng ' --frame ping,PONG "$f"
	lines 6 'HTTP/1' --frame http "$f"
	lines 1 ' #2 .* Ping ' --frame Ping --flow 2 "$f"
	lines 5 '8a88e3dd7409' --key 8a88e3dd "$f"
	lines 5 '8a88e3dd7409' --key \
	    8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c "$f"
	lines 1 'PeerGone 8a88e3dd7409' --key 8A88 --frame PeerGone --flow 1 "$f"
	lines 6 ' #0 ' --client 8a88e3dd7409 "$f"
	lines 0 . --client 8139770ea87d --flow 0 "$f"
	expect 2 "there is no 'Pong2'" --frame Ping,Pong2 "$f"
	expect 2 "'8a8' is no key" --key 8a8 "$f"
	expect 2 "'xyz' is no key" --client xyz "$f"
	expect 2 "'0' is not a number of connections" --max-flows 0 "$f"
	expect 2 "'70000' is not a number of packets" --max-fragmented 70000 "$f"
}

# Bounds of memory, each said with its packet where it is reached.
bounds() {
	expect 1 'too much is open at a time' --max-flows 1 "$capture"
	expect 1 'too much is open at a time' --max-held 1000 "$capture"
	expect 1 'too much waits for bytes' --max-flow-bytes 10 \
	    "$fixtures/peer-gone-damaged-lost-segment.pcap"
	expect 0 '' --max-fragmented 1 "$fixtures/peer-gone-same-fragmented.pcap"
	for o in max-flows max-flow-bytes max-held max-fragmented; do
		"$cli" decode --help | grep -q -e "--$o" || echo "--help: no $o"
		grep -q "Fl -$o" "$src/man/relay-cli.1" || echo "manual: no $o"
	done
}

pairs() {
	f=$fixtures/login-ping-send.pcapng
	"$cli" decode --pairs --json "$f" >"$work/out"
	# Those of the other means: the bytes of each packet are unique.
	jq -c 'select(.what == "SendPacket") | [.data, .conn, .packet, .t]' \
	    "$work/out" | sort >"$work/sent"
	jq -c 'select(.what == "RecvPacket") |
	    [.data, .pair.conn, .pair.packet, .t - .pair.transit_ms / 1000]' \
	    "$work/out" | sort >"$work/came"
	[ "$(wc -l <"$work/sent")" -eq 6 ] || echo 'six packets are sent'
	jq -n --slurpfile a "$work/sent" --slurpfile b "$work/came" -e '
	    [$a, $b] | transpose | all(.[0][0:3] == .[1][0:3] and
	    ((.[0][3] - .[1][3]) | fabs) < 0.000001)' >/dev/null ||
	    diff "$work/sent" "$work/came"
	"$cli" decode --pairs "$f" | grep -c 'RecvPacket.*came from #[01] packet' |
	    grep -qx 6 || echo 'text does not tell'
	[ "$("$cli" decode "$f" | grep -c 'came from')" -eq 0 ] || echo unasked
}

summary() {
	f=$fixtures/login-ping-send.pcapng
	lines 22 '^' --summary "$f"
	for line in '^62 packets, 0 not TCP; 2 connections' \
	    '^8a88e3dd7409 8139770ea87d *5 *5326 *5 *5326  0\.0' \
	    '^SendPacket *6 *5522 *0 *0$' \
	    '^#1 .*, raw .* client 8139770ea87d, 3 frames to the relay, 7 back; client: eof, relay: eof$'; do
		grep -q "$line" "$work/out" || echo "no '$line'"
	done
	"$cli" decode --summary --json "$f" >"$work/out"
	jq -se '(map(.what) | unique) == ["capture", "connection", "count",
	    "spoke", "transit"] and (.[0].frames == 22) and (.[0].pairs == 6) and
	    (map(select(.what == "spoke") | .sent) == [5, 1])' "$work/out" \
	    >/dev/null || cat "$work/out"
	# It counts what is shown, and the damage as well.
	[ "$("$cli" decode --summary --json --frame Ping "$f" |
	    jq -r 'select(.what == "count") | .of')" = Ping ] || echo 'unfiltered'
	expect 1 'packet 63: ' --summary "$fixtures/peer-gone-damaged-cut-file.pcap"
	grep -q ' 1 doubtful ones' "$work/out" || cat "$work/out"
}

nothing_in_it() {
	head -c 24 "$fixtures/peer-gone-same-usec.pcap" >"$work/empty.pcap"
	expect 0 'no TCP connection in 0 packets' "$work/empty.pcap"
}

sanitized=
grep -q '^SAN_CFLAGS = .' "$build/Makefile" &&
    sanitized='the sanitizer needs memory of its own'
no_jq=
command -v jq >/dev/null 2>&1 || no_jq="jq is not installed"

check 'a usage error or an unreadable file is one line and status 2' usage
check 'damage is status 1 and names the packet' statuses
check 'each line of --json is an object' json_lines "$no_jq"
check '--flow, --snap and -v' options "$no_jq"
check '--frame, --key and --client' filters
check 'the bounds of memory are options' bounds
check 'each RecvPacket has the SendPacket that it was' pairs "$no_jq"
check '--summary counts' summary "$no_jq"
check 'no control bytes reach the terminal' plain_text
check 'a reader that leaves is no accident' closed_pipe
check 'a pipe gives what the file gives' from_a_pipe
check 'frames appear while the capture is written' as_they_come
check 'TLS is shown with sizes and a reason' tls_says_why
check 'TLS is decrypted with a key log, or secrets inside' tls_with_keys
check 'claimed lengths buy no memory' little_memory "$sanitized"
check 'a capture without connections says so' nothing_in_it
echo "1..$n"
