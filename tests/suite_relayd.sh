#!/bin/sh
# The whole suite against relayd, over plain HTTP, the slow cases too: every
# case is a test.
# Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

start relayd "$build/relayd/relayd" --listen 127.0.0.1:0 --metrics 127.0.0.1:0 \
    --stun 127.0.0.1:0
"$runner" run --slow "http://$(listening relayd http)" \
    --metrics "http://$(listening relayd metrics)/metrics" \
    --stun "$(listening relayd stun)" --pid "$started" --report tap=-
