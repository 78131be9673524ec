#!/bin/sh
# The cases for clients against relay-cli: every case is a test.  Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"

cli=$build/relay-cli/relay-cli
"$cli" keygen "$work/key" >/dev/null || exit 99
key=$("$cli" pubkey "$work/key") || exit 99
"$runner" run --client "$cli recv --reconnect {url}" \
    --client-send "sh -c '$cli send {url} $key <{file}'" \
    --report tap=-
