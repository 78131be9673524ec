#!/bin/sh
# The floor carries what it should, and bench/run.sh makes its tables; TAP.
# How fast anything was does not matter here.
top=${RELAYKIT_SRCDIR:-.}
build=${RELAYKIT_BUILDDIR:-$top/build}
work=$(mktemp -d) || exit 99
pids=
clean_up() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	rm -rf "$work"
}
trap clean_up EXIT

n=0
check() { # status, sentence, file with what was said
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$3"
	fi
}

echo 1..10
"$build/tests/make_certs" "$work" || exit 99

# Sets $address.
start_floor() {
	: >"$work/out"
	"$build/bench/floor" "$@" >"$work/out" 2>"$work/err" &
	pids="$pids $!"
	until grep -q '^ready$' "$work/out"; do
		kill -0 $! 2>/dev/null || { cat "$work/err"; exit 99; }
		sleep 0.05
	done
	address=$(sed -n 's/^listening .* //p' "$work/out")
}

carries() { # scheme
	"$build/relay-cli/relay-cli" bench --verify --ping 20ms --pairs 3 --size 5000 \
	    --time 300ms --insecure "$1://$address" >"$work/log" 2>&1
	check $? "the floor carries every packet and answers every Ping ($1)" "$work/log"
}

start_floor
carries http
carries ws
start_floor --cert "$work/chain.pem" --key "$work/key.pem"
carries https
carries wss

printf 'old\n<!-- by hand -->\n\nwords of somebody\n' >"$work/table.md"
RELAYKIT_PEERS=$work/none sh "$top/bench/run.sh" --build "$build" --rounds 1 \
    --time 200ms --idle 200 --only '^packets.64 B.*http.--|^idle|^rate.* 10000|^logins' \
    -o "$work/table.md" >"$work/log" 2>&1
check $? "run.sh measures relayd and the floor" "$work/log"
grep -Eq '^\| raw \| 64 B, 16 pairs, 32 under way \| [0-9.]+ µs \([0-9.]+ ?[kM]?/s\) \| [0-9.]+ \([0-9.]+\) ' "$work/table.md"
check $? "a packet of relayd's is a multiple of the floor's" "$work/table.md"
grep -Eq '^\| raw \| 200 \| [0-9]+ bytes \| [0-9]+ bytes ' "$work/table.md"
check $? "an idle connection has its bytes" "$work/table.md"
grep -Eq '^\| raw \| 16 at a time \| [0-9]+ µs .*; check [0-9]+ µs; with check [0-9]+ µs \| [0-9]+ µs \([0-9.]+\); [0-9.]+; [0-9.]+ ' "$work/table.md"
check $? "a login is compared with one that is checked" "$work/table.md"
[ "$(grep -c -e '^old$' -e '^words of somebody$' "$work/table.md")" = 1 ] &&
    [ "$(tail -1 "$work/table.md")" = "words of somebody" ]
check $? "what was written by hand stays, what was made is made anew" "$work/table.md"

# lines ROW NAME VALUE...: what rounds brought, of the floor and of relayd.
lines() {
	i=0 row=$1 name=$2
	shift 2
	for value in "$@"; do
		i=$((i + 1))
		printf '%s\tfloor\t%s\t{"%s":2}\n' "$row" "$i" "$name"
		printf '%s\trelayd\t%s\t{"%s":%s}\n' "$row" "$i" "$name" "$value"
	done
}
{
	lines 'packets|http|a' cpu_us_each 3.2 2 9
	lines 'packets|http|b' cpu_us_each 2 2 2
	lines 'packets|ws|a' cpu_us_each 4.1
	lines 'rate|http|a' p99_us 2 3 4 5 6
	lines 'stall|http|a' lost 0 1 0
	printf 'packets|https|8192 B\trelayd\t1\t{"failed":1}\n'
} >"$work/lines"
echo "HEAD|floor|relayd" >"$work/head"
echo floor relayd | awk -v tsv="$work/lines" -v head="$work/head" -f "$top/bench/table.awk" >"$work/aims"
sed -n 's/^| \([a-z]*\)[^|]*| at \([^|]*\) | \([^|]*\) | \([^|]*\) | \([^|]*\) |$/\1: \2; \3; \4; \5/p' "$work/aims" >"$work/verdicts"
cat >"$work/wanted" <<END
packets: most 1.6; raw, a; 1.60; yes, 2 of 2
packets: most 2; WebSocket, a; 2.05; **no**, 0 of 1
packets: most 1.3; raw, TLS, 8192 B; none; **no**, 0 of 1
the: most 1.3; –; –; not measured
p: most 1.5; raw, a; 2.00 [1.50–2.50]; **no**, 0 of 1
login: most 1.1; –; –; not measured
the: most 1.1; –; –; not measured
resident: most 3000; –; –; not measured
resident: most 16000; –; –; not measured
a: most 0; raw, a; 1; **no**, 0 of 1
END
diff "$work/wanted" "$work/verdicts" >"$work/log"
check $? "each aim is judged by its worst row" "$work/log"
