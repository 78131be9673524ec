#!/bin/sh
# relayd behind nginx, with the usual block for WebSocket and without.
# Prints TAP.
# shellcheck source=tests/relays.sh disable=SC2154 # they are from there
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"
PATH=$PATH:/usr/sbin
cli=$build/relay-cli/relay-cli
command -v nginx >/dev/null 2>&1 || { echo "1..0 # SKIP no nginx"; exit 0; }
command -v python3 >/dev/null 2>&1 || { echo "1..0 # SKIP no python3"; exit 0; }

n=0
result() { # status, sentence, file to show if it failed
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		sed 's/^/# /' "$3"
		echo "not ok $n - $2"
	fi
}
free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

start relayd "$build/relayd/relayd" --listen 127.0.0.1:0 --keepalive 300ms
relay=$(listening relayd http)
proxy=127.0.0.1:$(free_port) bare=127.0.0.1:$(free_port)
# The timers of the proxy are shorter than the exchange below.
cat >"$work/nginx.conf" <<END
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.err;
events { }
http {
	access_log off;
	client_body_temp_path $work/t1;
	proxy_temp_path $work/t2;
	fastcgi_temp_path $work/t3;
	uwsgi_temp_path $work/t4;
	scgi_temp_path $work/t5;
	server {
		listen $proxy;
		location / {
			proxy_pass http://$relay;
			proxy_http_version 1.1;
			proxy_set_header Upgrade \$http_upgrade;
			proxy_set_header Connection "upgrade";
			proxy_read_timeout 1500ms;
			proxy_send_timeout 1500ms;
		}
	}
	server {
		listen $bare;
		location / { proxy_pass http://$relay; }
	}
}
END
nginx -p "$work" -e "$work/nginx.err" -c "$work/nginx.conf" 2>"$work/nginx.out" &
pids="$pids $!"
nginx=$!
until "$cli" ping --count 1 "http://$proxy" >/dev/null 2>&1; do
	kill -0 "$nginx" 2>/dev/null || {
		sed 's/^/# /' "$work/nginx.out"
		echo "Bail out! nginx did not start"
		exit 99
	}
	sleep 0.1
done

echo 1..7
for scheme in http ws; do
	"$cli" ping --count 3 --interval 100ms "$scheme://$proxy" \
	    >"$work/ping" 2>&1
	result $? "$scheme: Pings are answered through the block" "$work/ping"
	"$cli" ping --count 1 "$scheme://$bare" >"$work/ping" 2>&1
	[ $? -eq 5 ] && grep -q 'proxy.*removed* Upgrade' "$work/ping"
	result $? "$scheme: without it the client says what may be wrong" \
	    "$work/ping"
done
[ "$(grep -c 'upgrade-refused .*header=Upgrade' "$work/relayd.err")" -eq 1 ]
result $? "and relayd says once which header was missing" "$work/relayd.err"

# Traffic one way only, for longer than the proxy waits for the other.
"$cli" keygen "$work/key" >/dev/null 2>&1
"$cli" recv --key "$work/key" --timeout 30s --count 4 --lines "ws://$proxy" \
    >"$work/recv" 2>"$work/recv.err" &
receiver=$!
pids="$pids $receiver"
until [ "$(grep -c ' login key=' "$work/relayd.err")" -ge 4 ]; do sleep 0.1; done
for word in a b c d; do echo "$word"; sleep 1; done |
    "$cli" send --lines "http://$proxy" "$("$cli" pubkey "$work/key")" - \
    >"$work/send" 2>&1
result $? "a pure sender stays connected" "$work/send"
wait "$receiver"
[ "$(tr '\n' ' ' <"$work/recv")" = "a b c d " ]
result $? "and so does a pure receiver" "$work/recv.err"
