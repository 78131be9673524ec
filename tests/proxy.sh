#!/bin/sh
# relay-cli and what stands on the way to a relay: proxies with CONNECT, and
# a box that lets only WebSocket through.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
cli=$build/relay-cli/relay-cli
box=$build/tests/middlebox
unset RELAYKIT_KEY

echo 1..15
start relay "$build/relayd/relayd" --listen '[::1]:0'
relay=$(listening relay http)
start proxy "$box" '[::1]:0' 'HTTP/1.1 200 OK
Via: 1.1 box
Content-Length: 5'
proxy=http://user:p%40ss@$(listening proxy http)

ends 0 "a tunnel to an IPv6 address" "own key" \
	env HTTP_PROXY="$proxy" "$cli" ping -c 1 "http://$relay"
same "$(sed -n 3p proxy.out)" "CONNECT $relay Basic dXNlcjpwQHNz" \
	"the request names it, credentials are decoded, then base64"
ends 0 "WebSocket through it" "the proxy made a tunnel" \
	env http_proxy="$proxy" "$cli" ping -v -c 1 "ws://$relay"
same "$(grep -c 'user\|ss@\|dXNlcjpw' err)" 0 "credentials are not printed"
ends 3 "NO_PROXY goes straight there" "refused" \
	env HTTP_PROXY="$proxy" NO_PROXY="[::1]" "$cli" ping "http://[::1]:1"
ends 5 "what the proxy cannot reach" "$(listening proxy http)" \
	env HTTP_PROXY="$proxy" "$cli" ping "http://[::1]:1"
ends 3 "a proxy that is not there is named" \
	"cannot connect to the proxy http://127.0.0.1:1:" \
	env HTTP_PROXY=http://u:hush@127.0.0.1:1 "$cli" ping "http://$relay"
ends 2 "a proxy that cannot be one" "HTTP_PROXY" \
	env HTTP_PROXY=socks5://127.0.0.1:1 "$cli" ping "http://$relay"

"$build/tests/make_certs" "$work" >certs 2>&1
start tls "$build/relayd/relayd" --listen-tls 127.0.0.1:0 \
	--cert chain.pem --key key.pem
tls=$(listening tls https)
for answer in 'HTTP/1.1 200 Fine' 'HTTP/1.1 204 No Content' 'HTTP/1.0 200 Connection established'; do
	start other "$box" 127.0.0.1:0 "$answer"
	ends 0 "TLS inside a tunnel after '$answer'" "own key" \
		env HTTPS_PROXY="http://$(listening other http)" \
		"$cli" ping -c 1 --cafile ca.pem "https://localhost:${tls##*:}"
	stop "$started"
done
start other "$box" 127.0.0.1:0 'HTTP/1.1 407 Proxy Authentication Required'
ends 5 "407 names the proxy, not the relay" \
	"the proxy http://$(listening other http) makes no tunnel: HTTP status 407" \
	env HTTPS_PROXY="http://$(listening other http)" \
	"$cli" ping -c 1 "https://$tls"
stop "$started"

start box "$box" 127.0.0.1:0 --behind "$relay"
between=$(listening box http)
ends 5 "where only WebSocket passes, raw is refused, with advice" \
	"--carrier ws" "$cli" ping -c 1 "http://$between"
ends 0 "which is good" "own key" "$cli" ping -c 1 --carrier ws "http://$between"
ends 0 "other commands go through proxies too" "own key" \
	env HTTP_PROXY="$proxy" "$cli" recv --timeout 100ms "http://$relay"
