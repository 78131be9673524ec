#!/bin/sh
# Measures relayd beside the floor and real relays; `bench/run.sh --help`.
# One row at a time, all relays in turn within each round, so that a busy
# moment of the machine meets all of them; table.awk says what counts.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
peers=${RELAYKIT_PEERS:-$top/peers}
time=
rounds=
pinned=yes
realtime=
kind=quick
only=.
result=
idle=2000
command="bench/run.sh${*:+ $*}"
keep_line="<!-- by hand -->"

usage() {
	cat <<END
usage: bench/run.sh [OPTION]...
  --build DIR    the build tree, with \`make bench-programs\` done ($build)
  --full         the whole matrix: sizes 64, 1200, 8192, 65502 bytes, pairs 1,
                 16, 64, raw, WebSocket, TLS, 10 000 idle connections; about
                 half an hour.  Without: a selection, about three minutes
  --time TIME    of each run (each row has its own)
  --idle N       idle connections ($idle; with --full 10000)
  --rounds N     runs of each row and relay (each row has its own, with --full
                 more of the floor and of relayd with one loop)
  --unpinned     let the scheduler choose.  Otherwise, where there are two CPUs,
                 relays of one thread have one, the load the other: whether
                 they share one decides more than what a relay does
  --realtime     relays and load at a real-time priority (chrt -f 5, by root),
                 so that nobody else takes their CPUs: for machines that have
                 other things to do
  --only REGEX   only rows whose line matches: \`--list\` shows them
  --list         print the rows
  -o FILE        the table (DIR/bench/work/RESULTS.md; bench/RESULTS.md keeps
                 one): what stands there below the line "$keep_line" stays
Real relays are expected in \$RELAYKIT_PEERS (iroh-028/bin/iroh-relay,
iroh-035/bin/iroh-relay); what is absent is left out.
END
}

list=
while [ $# -gt 0 ]; do
	case $1 in
	--build) build=$(cd "$2" && pwd) || exit 2; shift ;;
	--full) kind=full; idle=10000 ;;
	--time) time=$2; shift ;;
	--idle) idle=$2; shift ;;
	--rounds) rounds=$2; shift ;;
	--unpinned) pinned= ;;
	--realtime) realtime="chrt -f 5" ;;
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

# ---- the rows: group | name | scheme | options of relay-cli bench, with the
# ---- time of a run | rounds of the floor and relayd | rounds of the others

packets() { # rounds, scheme, sizes, pairs, window
	for size in $3; do for pairs in $4; do
		window=$5
		[ "$size" -gt 60000 ] && [ "$5" -gt 4 ] && window=4
		echo "packets|$size B, $pairs pairs, $window under way|$2|--time 400ms --size $size --pairs $pairs --window $window|$1"
	done; done
}

# A moment in which the machine does something else decides the p99 of the run
# that it falls into.  So these are many short runs, few of which it meets:
# their median scatters far less than that of few long ones.
rate() { # rounds, scheme, rate, time
	echo "rate|1200 B, 16 pairs, $3/s|$2|--time $4 --pairs 16 --rate $3/s|$1"
}

stall() { # rounds, scheme
	echo "stall|1200 B, 16 pairs, one more receiver never reads|$2|--time 400ms --pairs 16 --stall --verify|$1"
}

logins() { # rounds, scheme
	time_of=300ms
	[ "$2" = https ] && time_of=600ms
	echo "logins|16 at a time|$2|--time $time_of --logins --window 16|$1"
}

idle() { # scheme
	echo "idle|$idle|$1|--time 500ms --idle $idle|1|1"
}

rows_quick() {
	packets "3|3" http "64 1200 8192 65502" 16 32
	packets "3|3" http 1200 16 1
	packets "3|3" ws "64 1200 8192" 16 32
	packets "3|3" https "64 1200 8192" 16 32
	rate "15|1" http 10000 350ms
	rate "15|1" http 50000 300ms
	stall "3|1" http
	logins "7|1" http
	idle http
}

rows_full() {
	for scheme in http ws https wss; do
		packets "5|3" $scheme "64 1200 8192 65502" "1 16 64" 32
		packets "5|3" $scheme "64 1200" "1 16" 1
	done
	for scheme in http ws https; do
		rate "25|3" $scheme 1000 1s
		rate "31|3" $scheme 10000 350ms
		rate "101|3" $scheme 50000 300ms
		stall "5|2" $scheme
		logins "15|2" $scheme
		idle $scheme
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

relays="floor relayd relayd-threads"
for version in 028 035; do
	if [ -x "$peers/iroh-$version/bin/iroh-relay" ]; then
		relays="$relays iroh-$version"
	else
		echo "run.sh: no $peers/iroh-$version/bin/iroh-relay: left out" >&2
	fi
done

# Every other round goes the other way round, so that nobody always has the
# same one before him.
backwards=
for relay in $relays; do
	backwards="$relay${backwards:+ $backwards}"
done

pids=
stop_all() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	pids=
}
trap stop_all EXIT
trap 'stop_all; exit 130' INT TERM

# The n-th CPU that we may use.
cpu() {
	sed -n 's/^Cpus_allowed_list:[^0-9]*//p' /proc/self/status | tr ',' '\n' |
		awk -F - '{ for (i = $1; i <= $NF; i++) print i }' | sed -n "$1p"
}

on_cpu() { # which
	if [ -n "$pinned" ] && [ "$(nproc)" -ge 2 ]; then
		echo "taskset -c $(cpu "$1")${realtime:+ $realtime}"
	else
		echo "$realtime"
	fi
}
relay_cpu=$(on_cpu 1)
load_cpu=$(on_cpu 2)
if ! $load_cpu true; then
	echo "run.sh: cannot run '$load_cpu'" >&2
	exit 2
fi

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
	# shellcheck disable=SC2086
	$prefix "$@" >"$work/$name.out" 2>"$work/$name.log" &
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
	RUST_LOG=error $realtime "$3" $dev --config-path "$config" >"$work/$1.log" 2>&1 &
	pid=$!
	address=127.0.0.1:$port
	wait_for $pid "'$cli' ping -c 1 -t 1s --insecure $scheme://$address >'$work/ping.out' 2>&1"
}

start() { # relay, tls or not
	secret="--cert $work/chain.pem --key $work/key.pem"
	listen="--listen 127.0.0.1:0"
	[ "$2" = yes ] && listen="--listen-tls 127.0.0.1:0 $secret"
	[ "$2" = yes ] || secret=
	prefix=$relay_cpu
	# shellcheck disable=SC2086
	case $1 in
	floor)
		start_ours "$1-$2" "$2" "$build/bench/floor" $secret ;;
	checked)
		start_ours "$1-$2" "$2" "$build/bench/floor" --check $secret ;;
	relayd)
		start_ours "$1-$2" "$2" "$build/relayd/relayd" --log-level warn $listen --threads 1 ;;
	relayd-threads)
		prefix=$realtime
		start_ours "$1-$2" "$2" "$build/relayd/relayd" --log-level warn $listen --threads 2 ;;
	iroh-*)
		start_iroh "$1-$2" "$2" "$peers/$1/bin/iroh-relay" ;;
	esac && pids="$pids $pid" && return 0
	echo "run.sh: $1 did not start; see $work/$1-$2.log" >&2
	return 1
}

is_tls() { case $1 in https | wss) echo yes ;; *) echo no ;; esac; }

say() { # row, relay, round, JSON
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >>"$work/lines.tsv"
}

measure() { # relay, row, round, scheme, options
	# The kernel stops who takes 95 % of a second at such a priority.
	[ -z "$realtime" ] || sleep 0.3
	# shellcheck disable=SC2086
	line=$($load_cpu timeout 300 "$cli" bench --json --insecure $5 ${time:+--time $time} --pid "$pid" "$4://$address" 2>"$work/bench.log")
	status=$?
	[ $status -le 1 ] || line="{\"failed\":$status}"
	say "$2" "$1" "$3" "$line"
	[ $status -eq 0 ] || sed "s/^/run.sh: $1, $2: /" "$work/bench.log" >&2
}

# Relays live as long as rows of one kind of address follow each other; for
# idle connections each is fresh, since memory that once was used stays.
run_relay() { # relay, row, round, group, scheme, options
	file=$work/running-$1-$(is_tls "$5")
	if [ "$4" = idle ] || ! [ -s "$file" ]; then
		start "$1" "$(is_tls "$5")" || return
		echo "$pid $address" >"$file"
	fi
	read -r pid address <"$file"
	measure "$1" "$2" "$3" "$5" "$6"
	if [ "$4" = idle ]; then
		kill "$pid"
		rm -f "$file"
	fi
}

# What a login is compared with, too, right behind the floor.
run_checks() { # row, round, scheme, options
	say "$1" check "$2" "$($relay_cpu "$build/bench/costs")"
	run_relay checked "$1" "$2" logins "$3" "$4"
}

# Whether one that runs in |$3| of |$2| rounds does in round |$1|.
is_turn() {
	[ $(($1 * $3 / $2)) -gt $((($1 - 1) * $3 / $2)) ]
}

run_row() { # group, name, scheme, options, rounds, rounds of the others
	row="$1|$3|$2"
	of_ours=${rounds:-$5} of_others=${rounds:-$6}
	round=0
	while [ "$round" -lt "$of_ours" ]; do
		round=$((round + 1))
		order=$relays
		[ $((round % 2)) -eq 1 ] || order=$backwards
		for relay in $order; do
			case $relay in
			floor | relayd) ;;
			*) is_turn "$round" "$of_ours" "$of_others" || continue ;;
			esac
			run_relay "$relay" "$row" "$round" "$1" "$3" "$4"
			[ "$1$relay" != loginsfloor ] || run_checks "$row" "$round" "$3" "$4"
		done
		printf '.' >&2
	done
}

rm -f "$work"/running-*
begun=$(date +%s)
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
rows >"$work/rows"
while IFS='|' read -r group name scheme options ours others; do
	printf '%s %s ' "$scheme" "$name" >&2
	run_row "$group" "$name" "$scheme" "$options" "$ours" "$others"
	echo >&2
done <"$work/rows"
load_after=$(cut -d' ' -f1-3 /proc/loadavg)

# ---- the table

version() {
	case $1 in
	floor) echo "floor" ;;
	relayd) echo "relayd, one loop" ;;
	relayd-threads) echo "relayd, 2 loops" ;;
	iroh-028) echo "iroh-relay 0.28.2" ;;
	iroh-035) echo "iroh-relay 0.35.0" ;;
	esac
}

{
	echo "# Measurements"
	echo
	echo "Made by \`$command\` on $(date -u +%Y-%m-%d), relaykit $(cd "$top" && git rev-parse --short HEAD 2>/dev/null || echo '(tarball)'); it took $((($(date +%s) - begun + 30) / 60)) minutes."
	echo "$(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r), loopback; load and relay share the machine${relay_cpu:+ (\`$relay_cpu\` and \`$load_cpu\`)}."
	echo "Load average before: $load_before, after: $load_after; runs of ${time:-0.3 to 1 s}, all relays in turn."
	echo
	echo "The floor (\`bench/floor.c\`) only reads, looks the key up and writes; its figures are absolute, all others are"
	echo "multiples of it, so that they hold on other machines as far as anything does: the median of ${rounds:-several} rounds, each a"
	echo "ratio of two runs that followed each other, and [quartiles] where there were five or more."
	for r in $relays; do version "$r"; done | paste -sd'|' | sed 's/^/HEAD|/' >"$work/head"
	echo "$relays" | awk -v tsv="$work/lines.tsv" -v head="$work/head" -f "$top/bench/table.awk"
	if [ -f "$result" ] && grep -qx -e "$keep_line" "$result"; then
		echo
		sed -n "/^$keep_line\$/,\$ p" "$result"
	fi
} >"$work/new.md" && mv "$work/new.md" "$result"
echo "run.sh: $result" >&2
