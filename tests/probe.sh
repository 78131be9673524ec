#!/bin/sh
# relay-cli probe names the service that is dead, and only that.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
cli=$build/relay-cli/relay-cli
unset RELAYKIT_KEY

# probe STATUS DEAD SENTENCE ARGUMENTS…: DEAD as stderr names it.
probe() {
	want=$1 dead=$2 sentence=$3
	shift 3
	"$cli" probe "$@" >out 2>err </dev/null
	status=$?
	named=$(sed -n 's/^relay-cli: dead: //p' err)
	same "$status:$named" "$want:$dead" "$sentence"
}
state() { # SERVICE STATE
	grep -q "^$2  *$1  " out
}

echo 1..23
start relay "$build/relayd/relayd" --listen 127.0.0.1:0 --stun 127.0.0.1:0 \
	--metrics 127.0.0.1:0
relay=$(listening relay http) stun=$(listening relay stun)
metrics=http://$(listening relay metrics)

probe 0 "" "a relay that is well" --stun "$stun" --metrics "$metrics" "http://$relay"
claim "each service is listed" test "$(grep -c '^ok ' out)" -eq 8
claim "with the paths that are there" \
	grep -q 'GET  /relay/probe 200  .*/ping 200  .*/latency-check 404  ' out
probe 0 "" "by WebSocket, in JSON" --json --stun "$stun" "ws://$relay"
claim "each line is an object" \
	test "$(grep -c '^{"what":.*}$' out)" -eq "$(wc -l <out)"
probe 0 "" "STUN at one address of several" --stun "localhost:${stun##*:}" "http://$relay"
probe 1 stun "STUN is silent" --stun 127.0.0.1:1 -t 300ms "http://$relay"
probe 0 "" "what is left out is not missed" --skip stun "http://$relay"
probe 2 "" "what is no service cannot be left out" --skip tcp "http://$relay"
probe 2 "" "a STUN server that cannot be" --stun "a b" "http://$relay"
probe 1 metrics "metrics are something else" --stun "$stun" \
	--metrics "http://$relay/robots.txt" "http://$relay"
probe 1 "http, raw, captive" "only STUN is up" --stun "$stun" http://127.0.0.1:1
claim "what stands on the dead is not judged" state login untested
probe 1 "raw" "HTTP is well, the upgrade is not" --skip captive --stun "$stun" "$metrics"

start box "$build/tests/middlebox" 127.0.0.1:0 --behind "$relay"
between=$(listening box http)
probe 1 raw "only WebSocket passes, raw is wanted" --skip captive --stun "$stun" "http://$between"
claim "ws is there" state ws ok
probe 0 "" "only WebSocket passes, and it is wanted" --skip captive --stun "$stun" "ws://$between"
claim "raw is not there" state raw no

for generation in 0.28 0.35; do
	start "$generation" "$build/relayd/relayd" --listen 127.0.0.1:0 --generation "$generation"
	probe 0 "" "generation $generation" --skip stun "http://$(listening "$generation" http)"
	claim "is told from the other" grep -q "as iroh-relay $generation" out
done

"$build/tests/make_certs" "$work" >/dev/null 2>&1
start tls "$build/relayd/relayd" --listen 127.0.0.1:0 \
	--listen-tls 127.0.0.1:0 --cert chain.pem --key key.pem
port=$(listening tls https)
probe 0 "" "over TLS, beside the plain listener" --cafile ca.pem --skip stun \
	--plain "http://$(listening tls http)" "https://localhost:${port##*:}"
