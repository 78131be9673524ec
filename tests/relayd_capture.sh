#!/bin/sh
# relayd --capture: a file for each client, read again by others.  Prints TAP.
# shellcheck source=tests/points.sh disable=SC2154,SC2034 # they are from there, or for it
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"
cli=$build/relay-cli/relay-cli
relayd=$build/relayd/relayd

shown="out err relayd.err"
# of FILE TEXT: the capture is whole, and has that.
of() {
	"$cli" decode "$1" >out 2>err && [ ! -s err ] && grep -q -e "$2" out &&
	    { ! python3 -c '' 2>/dev/null ||
		python3 "$src/tests/pcapng_check.py" --tcp "$1" >>out 2>err; }
}

mkdir certs seen small
"$build/tests/make_certs" certs >/dev/null || exit 99

start relayd "$relayd" --listen 127.0.0.1:0 --listen-tls '[::1]:0' --plain-relay \
    --metrics 127.0.0.1:0 --cert certs/chain.pem --key certs/key.pem \
    --capture seen --capture-max-files 4 --threads 2
http=http://$(listening relayd http)
https=https://$(listening relayd https)
"$cli" ping --count 1 "$http" >out 2>err &&
    "$cli" ping --count 1 --carrier ws "$http" >out 2>err &&
    "$cli" ping --count 1 --cafile certs/ca.pem "$https" >out 2>err &&
    "$cli" ping --count 1 --carrier ws --cafile certs/ca.pem "$https" >out 2>err
ok $? "a relay that captures serves as ever"
"$cli" ping --count 1 "$http" >out 2>err
ok $? "also when it has made all its files"
stop "$started"
[ "$(ls seen | wc -l)" -eq 4 ]
ok $? "so many clients have a file, and no more"
grep -q 'capture-ended files=4' relayd.err
ok $? "which is said"
[ "$(stat -c %a seen/* | sort -u)" = 600 ]
ok $? "they are their owner's"
status=0
for file in seen/*; do
	of "$file" ' Pong' || status=1
done
[ $status -eq 0 ]
ok $? "each is whole and shows the frames, over TLS too"
[ "$(ls seen/*-___1__* | wc -l)" -eq 2 ]
ok $? "a file's name has the client's address"

# ---- bounds and errors

start relayd "$relayd" --listen 127.0.0.1:0 --capture small --capture-max-bytes 4096
"$cli" ping --count 40 --interval 1ms "http://$(listening relayd http)" >out 2>err
ok $? "a client outlives its file"
stop "$started"
file=$(ls small/*)
[ "$(stat -c %s "$file")" -le 4096 ] && [ "$(stat -c %s "$file")" -ge 3000 ]
ok $? "which ends at its size"
grep -q 'the capture ends here' "$file" && of "$file" ' Pong'
ok $? "and says so, and is whole"
"$relayd" --listen 127.0.0.1:0 --capture nosuch >out 2>err
[ $? -ne 0 ] && grep -q 'nosuch: No such file' err
ok $? "a directory that is not there is an error at the start"
mkdir -m 555 others
[ "$(id -u)" -ne 0 ] || user="--user nobody"
# shellcheck disable=SC2086 # two words or none
timeout 20 "$relayd" --listen 127.0.0.1:0 --capture others $user >out 2>err
[ $? -eq 1 ] && grep -q 'others: Permission denied' err && [ ! -s out ]
ok $? "so is one that the user it becomes cannot write in"

echo "1..$n"
exit $failed
