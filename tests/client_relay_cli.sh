#!/bin/sh
# The cases for clients against relay-cli: every case is a test.  Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

"$runner" run --client "$build/relay-cli/relay-cli recv --reconnect {url}" \
    --report tap=-
