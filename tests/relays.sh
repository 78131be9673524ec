# What the scripts that need a relay share; sourced.
# shellcheck shell=sh
build=${RELAYKIT_BUILDDIR:?}
# shellcheck disable=SC2034 # for whoever sources this
src=${RELAYKIT_SRCDIR:?}
# shellcheck disable=SC2034
runner=$build/conformance/relay-conformance

# ASan keeps what was freed, which is no leak of relayd's.
ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export ASAN_OPTIONS

unset HTTP_PROXY http_proxy HTTPS_PROXY https_proxy NO_PROXY no_proxy

work=$(mktemp -d) || exit 99
pids=
finish() {
	for pid in $pids; do
		# Where it was stopped; not behind the signal that ends it, which
		# would wake it as well from what a leak check stops it for.
		kill -CONT "$pid" 2>/dev/null
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 99' INT TERM HUP

# start NAME PROGRAM ARGS…: run it until it says "ready" on stdout, which is
# kept in $work/NAME.out.  $started is its process.
start() {
	name=$1
	shift
	rm -f "$work/$name.out" # of an earlier one of that name
	"$@" >"$work/$name.out" 2>"$work/$name.err" &
	started=$!
	pids="$pids $started"
	until grep -q '^ready$' "$work/$name.out" 2>/dev/null; do
		kill -0 "$started" 2>/dev/null || {
			sed "s/^/# $name: /" "$work/$name.err"
			echo "Bail out! $name did not start"
			exit 99
		}
		sleep 0.05
	done
}

# stop PID: end it now.
stop() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	pids=$(printf '%s' "$pids" | sed "s/ $1\$//; s/ $1 / /")
}

# listening NAME SCHEME: the address it listens on.
listening() {
	sed -n "s/^listening $2 //p" "$work/$1.out" | head -1
}
