#!/bin/sh
# The cases that start, signal and end a relay of their own, with the .target
# of relayd that is inside the runner.  Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

"$runner" run relayd 'process.*' presence.shutdown --report tap=-
