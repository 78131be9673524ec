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

echo 1..7
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

RELAYKIT_PEERS=$work/none sh "$top/bench/run.sh" --build "$build" --rounds 1 \
    --time 200ms --idle 200 --only '^packets.64 B.*http.--|^idle|^rate.*,.1' \
    -o "$work/table.md" >"$work/log" 2>&1
check $? "run.sh measures relayd and the floor" "$work/log"
grep -Eq '^\| raw \| 64 B, 16 pairs, 32 under way \| [0-9.]+ µs \([0-9.]+ ?[kM]?/s\) \| [0-9.]+ \([0-9.]+\) ' "$work/table.md"
check $? "a packet of relayd's is a multiple of the floor's" "$work/table.md"
grep -Eq '^\| raw \| 200 \| [0-9]+ bytes \| [0-9]+ bytes ' "$work/table.md"
check $? "an idle connection has its bytes" "$work/table.md"
