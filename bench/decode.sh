#!/bin/sh
# How fast relay-cli decode is on a large capture: beside tshark with the
# dissector, writing the same fields, and beside libpcap alone.  Prints a table
# in Markdown.  Times are CPU times, the least of several runs in turn.
usage() {
	cat <<'EOF'
usage: bench/decode.sh [--bytes N] [--length N] [--burst N] [--part N]
                       [--rounds N]
  --bytes N   of the capture (1000000000)
  --length N  of the packets in it (1200)
  --burst N   of them come at a time: 1 at a rate that all can keep (1), 32 as
              relay-cli bench does with a window of 32
  --part N    bytes of a second capture, for tshark (30000000)
  --rounds N  (5)
EOF
}

bytes=1000000000 length=1200 burst=1 part=30000000 rounds=5
while [ $# -gt 0 ]; do
	case $1 in
	--bytes) bytes=$2 ;;
	--length) length=$2 ;;
	--burst) burst=$2 ;;
	--part) part=$2 ;;
	--rounds) rounds=$2 ;;
	--help)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift 2
done
LC_ALL=C
export LC_ALL
src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
build=${BUILD:-$src/build}
[ -x "$build/bench/make_capture" ] || {
	echo "no $build/bench/make_capture: make bench-programs" >&2
	exit 1
}
mkdir -p "$build/bench/work" || exit 1
work=$(mktemp -d "$build/bench/work/decode.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# timed NAME COMMAND…: add "CPU-SECONDS MEMORY-KB WALL-SECONDS" to its file.
timed() {
	name=$1
	shift
	/usr/bin/time -o "$work/time" -f '%U %S %M %e' "$@" \
	    >"$work/$name.out" 2>"$work/$name.err" || {
		echo "$name failed: $(head -3 "$work/$name.err")" >&2
		exit 1
	}
	awk 'NF == 4 { print $1 + $2, $3, $4 }' "$work/time" >>"$work/$name.times"
	[ "$name" = libpcap ] || : >"$work/$name.out"
}

least() { # NAME COLUMN
	sort -n -k "$2" "$work/$1.times" | awk -v c="$2" 'NR == 1 { print $c }'
}

frames_of() {
	"$build/relay-cli/relay-cli" decode --summary --json "$1" 2>/dev/null |
	    sed -n 's/.*"frames":\([0-9]*\).*/\1/p' | head -1
}

"$build/bench/make_capture" "$work/big.pcap" "$bytes" "$length" "$burst" || exit 1
"$build/bench/make_capture" "$work/part.pcap" "$part" "$length" "$burst" || exit 1
have_tshark=$(command -v tshark)
load=$(cut -d' ' -f1-3 /proc/loadavg)
i=0
while [ "$i" -lt "$rounds" ]; do
	timed libpcap "$build/bench/read_capture" "$work/big.pcap"
	timed decode "$build/relay-cli/relay-cli" decode "$work/big.pcap"
	timed json "$build/relay-cli/relay-cli" decode --json "$work/big.pcap"
	timed summary "$build/relay-cli/relay-cli" decode --summary "$work/big.pcap"
	if [ -n "$have_tshark" ] && [ "$i" -lt 2 ]; then
		timed tshark tshark -n -X "lua_script:$src/wireshark/relaykit.lua" \
		    -r "$work/part.pcap" -Y relaykit -T fields \
		    -e frame.time_relative -e tcp.stream -e tcp.srcport \
		    -e relaykit.what -e relaykit.key -e relaykit.data_len \
		    -e relaykit.data
	fi
	i=$((i + 1))
done

frames=$(frames_of "$work/big.pcap")
part_frames=$(frames_of "$work/part.pcap")
floor=$(least libpcap 1)
row() { # NAME LABEL FRAMES
	awk -v label="$2" -v cpu="$(least "$1" 1)" -v kb="$(least "$1" 2)" \
	    -v wall="$(least "$1" 3)" -v frames="$3" -v all="$frames" \
	    -v floor="$floor" -v tshark="$tshark_rate" 'BEGIN {
		rate = cpu > 0 ? frames / cpu : 0
		times = tshark > 0 ? sprintf("%.0f", rate / tshark) : "-"
		printf("| %s | %.2f s | %.2f s | %.0f | %.1f | %s | %.1f MB |\n",
		    label, cpu, wall, rate, (all / rate) / floor, times,
		    kb / 1024)
	}'
}
tshark_rate=0
[ -n "$have_tshark" ] &&
    tshark_rate=$(awk -v f="$part_frames" -v t="$(least tshark 1)" 'BEGIN { print f / t }')
echo "$(stat -c %s "$work/big.pcap") bytes, $(cat "$work/libpcap.out"); $frames frames with $length bytes of data each, $burst at a time; 64 clients."
echo "Load average before: $load, after: $(cut -d' ' -f1-3 /proc/loadavg); the least of $rounds runs."
echo
echo "| what | CPU | wall | frames per CPU second | × libpcap's time | × tshark's rate | memory |"
echo "|---|---:|---:|---:|---:|---:|---:|"
row libpcap 'libpcap, reading only' "$frames"
row decode 'relay-cli decode' "$frames"
row json 'relay-cli decode --json' "$frames"
row summary 'relay-cli decode --summary' "$frames"
if [ -n "$have_tshark" ]; then
	row tshark "tshark, on $part_frames of the frames" "$part_frames"
else
	echo "| tshark | not installed | | | | | |"
fi
