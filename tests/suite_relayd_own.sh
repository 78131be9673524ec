#!/bin/sh
# The cases that start, signal and end a relay of their own, with the .target
# of relayd that is inside the runner.  Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

# ASan keeps what was freed, which is no leak of relayd's.
ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export ASAN_OPTIONS

"$runner" run relayd 'process.*' presence.shutdown --report tap=-
