#!/bin/sh
# The whole suite against relayd, over plain HTTP: every case is a test.
# Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

"$runner" run --slow --report tap=- \
    "$src/conformance/targets/relayd.target"
