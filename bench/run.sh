#!/bin/sh
# Measures relayd beside the floor and real relays; `bench/run.sh --help`.
# One row at a time, all relays in turn within each round, so that a busy
# moment of the machine meets all of them; the median of the rounds counts.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
peers=${RELAYKIT_PEERS:-$top/peers}
time=500ms
rounds=3
kind=quick
only=.
result=
idle=2000
command="bench/run.sh $*"

usage() {
	cat <<END
usage: bench/run.sh [OPTION]...
  --build DIR    the build tree, with \`make bench-programs\` done ($build)
  --full         the whole matrix: sizes 64, 1200, 8192, 65502 bytes, pairs 1,
                 16, 64, raw, WebSocket, TLS, 10 000 idle connections; about
                 half an hour.  Without: a selection, about two minutes
  --time TIME    of each run ($time; with --full 1s)
  --idle N       idle connections ($idle; with --full 10000)
  --rounds N     runs of each row and relay ($rounds)
  --only REGEX   only rows whose line matches: \`--list\` shows them
  --list         print the rows
  -o FILE        the table (DIR/bench/work/RESULTS.md; bench/RESULTS.md keeps one)
Real relays are expected in \$RELAYKIT_PEERS (iroh-028/bin/iroh-relay,
iroh-035/bin/iroh-relay); what is absent is left out.
END
}

list=
while [ $# -gt 0 ]; do
	case $1 in
	--build) build=$(cd "$2" && pwd) || exit 2; shift ;;
	--full) kind=full; time=1s; idle=10000 ;;
	--time) time=$2; shift ;;
	--idle) idle=$2; shift ;;
	--rounds) rounds=$2; shift ;;
	--only) only=$2; shift ;;
	--list) list=yes ;;
	-o) result=$2; shift ;;
	--help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done
work=$build/bench/work
result=${result:-$work/RESULTS.md}
cli=$build/relay-cli/relay-cli

# ---- the rows: group | name | scheme | options of relay-cli bench

packets() { # scheme, sizes, pairs, window
	for size in $2; do for pairs in $3; do
		window=$4
		[ "$size" -gt 60000 ] && [ "$4" -gt 4 ] && window=4
		echo "packets|$size B, $pairs pairs, $window under way|$1|--size $size --pairs $pairs --window $window"
	done; done
}

rows_quick() {
	packets http "64 1200 8192 65502" 16 32
	packets http 1200 16 1
	packets ws "64 1200 8192" 16 32
	packets https "64 1200 8192" 16 32
	echo "rate|1200 B, 16 pairs, 10000/s|http|--pairs 16 --rate 10000/s"
	echo "rate|1200 B, 16 pairs, 50000/s|http|--pairs 16 --rate 50000/s"
	echo "stall|1200 B, 16 pairs, one more receiver never reads|http|--pairs 16 --stall --verify"
	echo "logins|16 at a time|http|--logins --window 16"
	echo "idle|$idle|http|--idle $idle"
}

rows_full() {
	for scheme in http ws https wss; do
		packets $scheme "64 1200 8192 65502" "1 16 64" 32
		packets $scheme "64 1200" "1 16" 1
	done
	for scheme in http ws https; do
		for rate in 1000 10000 50000; do
			echo "rate|1200 B, 16 pairs, $rate/s|$scheme|--pairs 16 --rate $rate/s"
		done
		echo "stall|1200 B, 16 pairs, one more receiver never reads|$scheme|--pairs 16 --stall --verify"
		echo "logins|16 at a time|$scheme|--logins --window 16"
		echo "idle|$idle|$scheme|--idle $idle"
	done
}

rows() { "rows_$kind" | grep -E -- "$only"; }
if [ -n "$list" ]; then
	rows
	exit 0
fi

# ---- relays

for program in "$cli" "$build/bench/floor" "$build/relayd/relayd" "$build/tests/make_certs"; do
	if [ ! -x "$program" ]; then
		echo "run.sh: no $program; make -C $build bench-programs" >&2
		exit 2
	fi
done
mkdir -p "$work" || exit 2
rm -f "$work"/*.out "$work"/*.log "$work"/*.tsv
"$build/tests/make_certs" "$work" || exit 2

relays="floor relayd"
relayd_options=
if "$build/relayd/relayd" --help | grep -q -e '--threads'; then
	relayd_options="--threads 1"
	relays="$relays relayd-threads"
fi
for version in 028 035; do
	if [ -x "$peers/iroh-$version/bin/iroh-relay" ]; then
		relays="$relays iroh-$version"
	else
		echo "run.sh: no $peers/iroh-$version/bin/iroh-relay: left out" >&2
	fi
done

pids=
stop_all() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	pids=
}
trap stop_all EXIT
trap 'stop_all; exit 130' INT TERM

wait_for() { # pid, command that succeeds when it is there
	n=0
	until eval "$2"; do
		n=$((n + 1))
		if ! kill -0 "$1" 2>/dev/null || [ $n -gt 200 ]; then
			return 1
		fi
		sleep 0.05
	done
}

free_port() {
	: >"$work/port.out"
	"$build/bench/floor" >"$work/port.out" &
	wait_for $! "grep -q ready '$work/port.out'"
	kill $!
	wait $! 2>/dev/null
	sed -n 's/.*:\([0-9]*\)$/\1/p' "$work/port.out"
}

# Sets $pid and $address.
start_ours() { # name, tls or not, program, options
	name=$1 tls=$2
	shift 2
	: >"$work/$name.out"
	"$@" >"$work/$name.out" 2>"$work/$name.log" &
	pid=$!
	wait_for $pid "grep -q ready '$work/$name.out'" || return 1
	word=http
	[ "$tls" = yes ] && word=https
	address=$(sed -n "s/^listening $word //p" "$work/$name.out")
}

start_iroh() { # name, tls or not, program
	port=$(free_port)
	config=$work/$1.toml
	dev=--dev
	scheme=http
	{
		echo "enable_stun = false"
		echo "enable_metrics = false"
		echo "http_bind_addr = \"127.0.0.1:$port\""
		if [ "$2" = yes ]; then
			dev=
			scheme=https
			port=$(free_port)
			echo "[tls]"
			echo "https_bind_addr = \"127.0.0.1:$port\""
			echo "cert_mode = \"Manual\""
			echo "manual_cert_path = \"$work/chain.pem\""
			echo "manual_key_path = \"$work/key.pem\""
		fi
	} >"$config"
	# shellcheck disable=SC2086
	RUST_LOG=error "$3" $dev --config-path "$config" >"$work/$1.log" 2>&1 &
	pid=$!
	address=127.0.0.1:$port
	wait_for $pid "'$cli' ping -c 1 -t 1s --insecure $scheme://$address >'$work/ping.out' 2>&1"
}

start() { # relay, tls or not
	case $1 in
	floor)
		if [ "$2" = yes ]; then
			start_ours "$1-$2" "$2" "$build/bench/floor" --cert "$work/chain.pem" --key "$work/key.pem"
		else
			start_ours "$1-$2" "$2" "$build/bench/floor"
		fi ;;
	relayd*)
		options=$relayd_options
		[ "$1" = relayd ] || options="--threads 2"
		listen="--listen 127.0.0.1:0"
		[ "$2" = yes ] && listen="--listen-tls 127.0.0.1:0 --cert $work/chain.pem --key $work/key.pem"
		# shellcheck disable=SC2086
		start_ours "$1-$2" "$2" "$build/relayd/relayd" --log-level warn $listen $options ;;
	iroh-*)
		start_iroh "$1-$2" "$2" "$peers/$1/bin/iroh-relay" ;;
	esac && pids="$pids $pid" && return 0
	echo "run.sh: $1 did not start; see $work/$1-$2.log" >&2
	return 1
}

is_tls() { case $1 in https | wss) echo yes ;; *) echo no ;; esac; }

measure() { # relay, name of row, group, scheme, options
	relay=$1 row=$2 scheme=$4
	shift 4
	# shellcheck disable=SC2086
	line=$(timeout 300 "$cli" bench --json --insecure --time "$time" --pid "$pid" $1 "$scheme://$address" 2>"$work/bench.log")
	status=$?
	[ $status -le 1 ] || line="{\"failed\":$status}"
	printf '%s\t%s\t%s\n' "$row" "$relay" "$line" >>"$work/lines.tsv"
	[ $status -eq 0 ] || sed "s/^/run.sh: $relay, $row: /" "$work/bench.log" >&2
}

# Relays live as long as rows of one kind of address follow each other; for
# idle connections each is fresh, since memory that once was used stays.
run_row() { # group, name, scheme, options
	tls=$(is_tls "$3")
	key="$1|$3|$2"
	left=$rounds
	while [ "$left" -gt 0 ]; do
		left=$((left - 1))
		for relay in $relays; do
			file=$work/running-$relay-$tls
			if [ "$1" = idle ] || ! [ -s "$file" ]; then
				start "$relay" "$tls" || continue
				echo "$pid $address" >"$file"
			fi
			read -r pid address <"$file"
			measure "$relay" "$key" "$1" "$3" "$4"
			if [ "$1" = idle ]; then
				kill "$pid"
				rm -f "$file"
			fi
		done
		printf '.' >&2
	done
}

rm -f "$work"/running-*
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
rows >"$work/rows"
while IFS='|' read -r group name scheme options; do
	printf '%s %s ' "$scheme" "$name" >&2
	run_row "$group" "$name" "$scheme" "$options"
	echo >&2
done <"$work/rows"
load_after=$(cut -d' ' -f1-3 /proc/loadavg)
verify=$("$build/bench/costs" | sed 's/.*:\([0-9.]*\)}/\1/')

# ---- the table

version() {
	case $1 in
	floor) echo "floor" ;;
	relayd) echo "relayd${relayd_options:+, one thread}" ;;
	relayd-threads) echo "relayd, 2 loops" ;;
	iroh-028) echo "iroh-relay 0.28.2" ;;
	iroh-035) echo "iroh-relay 0.35.0" ;;
	esac
}

{
	echo "# Measurements"
	echo
	echo "Made by \`$command\` on $(date -u +%Y-%m-%d), relaykit $(cd "$top" && git rev-parse --short HEAD 2>/dev/null || echo '(tarball)')."
	echo "$(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r), loopback; load and relay share the machine."
	echo "Load average before: $load_before, after: $load_after; $rounds runs of $time each, all relays in turn, medians."
	echo
	echo "The floor (\`bench/floor.c\`) only reads, looks the key up and writes; its figures are absolute, all others are"
	echo "multiples of it, so that they hold on other machines as far as anything does."
	for r in $relays; do version "$r"; done | paste -sd'|' | sed 's/^/HEAD|/' >"$work/head"
	echo "$relays" | awk -v verify="$verify" -v tsv="$work/lines.tsv" -v head="$work/head" -f "$top/bench/table.awk"
} >"$result"
echo "run.sh: $result" >&2
