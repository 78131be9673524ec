#!/bin/sh
# The cases for clients notice clients that have faults: a few of them; the
# whole is `make selftest`.  Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

"$runner" selftest --client "$build/tests/faulty_client" --faults pong.zeros \
	--faults request.host-dot --report tap=-
