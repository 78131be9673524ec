#!/bin/sh
# Cases of the suite against relayd, over a path that carries everything
# faithfully and otherwise than loopback does: what is lawful changes no
# verdict.  Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

start relayd "$build/relayd/relayd" --listen 127.0.0.1:0
relay=$(listening relayd http)

# played TITLE HOW…
n=0
played() {
	n=$((n + 1))
	title=$1
	shift
	start carriage "$build/tests/carriage" 127.0.0.1:0 "$relay" "$@"
	"$runner" run -j 32 --strict "http://$(listening carriage http)" \
	    'framing.bytes' 'framing.several' 'framing.good-then-bad' \
	    'framing.biggest-packet' 'http.upgrade' 'http.reuse' 'http.index' \
	    'login.vector*' 'login.magic' 'ping.echo' 'ping.order' \
	    'presence.gone*' 'presence.reset' 'presence.replaced-closed' \
	    'relay.basic' 'upgrade.ws-accept' 'websocket.bytes' \
	    'websocket.fragments*' 'websocket.close' 'seed.*' \
	    >"$work/log" 2>&1
	status=$?
	stop "$started"
	if [ "$status" -eq 0 ]; then
		echo "ok $n - $title"
	elif [ "$status" -eq 3 ]; then
		echo "ok $n - $title # SKIP the machine was late"
	else
		echo "# exit status $status"
		sed 's/^/# /' "$work/log"
		echo "not ok $n - $title"
	fi
}

echo "1..4"
played "byte by byte, and in small pieces" bytes
played "what comes within 10 ms at once" together 10
played "all of it 30 ms later" late 30
played "a reset for each end" reset
