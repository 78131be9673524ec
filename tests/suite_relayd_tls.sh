#!/bin/sh
# The whole suite against relayd, over TLS with a certificate of our own and
# on several loops.
# Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

"$build/tests/make_certs" "$work" || exit 99
start relayd "$build/relayd/relayd" --threads 3 --listen 127.0.0.1:0 \
    --listen-tls 127.0.0.1:0 --cert "$work/chain.pem" \
    --key "$work/key.pem" --metrics 127.0.0.1:0
port=$(listening relayd https)
# Handshakes cost time: not all at once.
"$runner" run -j 64 "https://localhost:${port##*:}" \
    --plain "http://$(listening relayd http)" \
    --metrics "http://$(listening relayd metrics)/metrics" \
    --pid "$started" --cafile "$work/ca.pem" --report tap=-
