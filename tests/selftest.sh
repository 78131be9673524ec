#!/bin/sh
# relay-conformance selftest, on a few faults: the whole is `make selftest`.
# shellcheck source=tests/points.sh disable=SC2154,SC2034 # they are from there, or for it
. "${RELAYKIT_SRCDIR:?}/tests/points.sh"

shown=log

# shellcheck disable=SC2154 # points.sh has them
selftest() {
	timeout 300 "$runner" selftest "$@" >"$work/log" 2>&1
	status=$?
}

# plays PID: a run of the suite is a child of it.
plays() {
	children=$(cat "/proc/$1/task/$1/children" 2>/dev/null)
	for child in $children; do
		tr '\0' '\n' 2>/dev/null <"/proc/$child/cmdline" | grep -qx run && return
	done
	return 1
}

if ! "$build/relayd/relayd" --fault help >/dev/null 2>&1; then
	echo "1..0 # SKIP relayd was built without faults"
	exit 0
fi

# A relay that says it has a fault, and has none.
cat >"$work/honest" <<END
#!/bin/sh
case "\$*" in
*help*) cat <<LIST
[{"name":"does.nothing","requirements":["iroh-v3/R-012"],"level":"SHOULD",
"description":"Nothing is wrong"}]
LIST
	exit ;;
esac
for word; do # without --fault does.nothing
	case \$word in
	--fault) shift 2 && continue ;;
	does.nothing) continue ;;
	esac
	shift
	set -- "\$@" "\$word"
done
exec "$build/relayd/relayd" "\$@"
END
cat >"$work/dead" <<'END'
#!/bin/sh
exit 1
END
chmod +x "$work/honest" "$work/dead"

cat >"$work/survivor.rly" <<'END'
rly 1
dialect iroh-v3

scenario own.survivor "Two branches, and nobody sees which was taken"
  covers R-129
  conn A = login key=alice
  A -> Ping data=x"01*8"
  oneof {
    A <- Pong data==x"01*8"
    A <- Pong
  }
end
END

echo "1..29"
selftest --faults 'http.probe-*' --faults crash.biggest-packet \
	--report "jsonl=$work/lines" --report "tap=$work/tap"
same "$status" 0 "faults that are there are caught"
same "$(grep -c '^caught' "$work/log")" 4 "each has its row"
same "$(grep -c '"type":"fault".*"state":"caught"' "$work/lines")" 4 \
	"and its line of JSON"
same "$(tail -n 1 "$work/lines" | grep -c '"caught":4')" 1 "and counts"
same "$(grep -c '^ok' "$work/tap")" 5 "and its test point"
selftest --relayd "$work/honest"
same "$status" 1 "a fault that nobody can catch fails the selftest"
same "$(grep -c '^survivor: does.nothing: Nothing is wrong' "$work/log")" 1 \
	"and is named"
same "$(grep -q '^caught nothing: ping.echo: ' "$work/log"; echo $?)" 0 \
	"so are the scenarios that caught nothing"
selftest --faults no.such
same "$status" 2 "a selection of nothing is a usage error"
selftest --relayd "$work/dead"
same "$status" 4 "a relay that does not work is no verdict"
selftest --report html=x
same "$status" 2 "a report that is none is a usage error"
"$runner" selftest --report "jsonl=$work/cut.lines" --report "tap=$work/cut.tap" >"$work/log" 2>&1 &
cut=$!
until plays $cut || ! kill -0 $cut 2>/dev/null; do
	sleep 0.05
done
kill -TERM $cut
wait $cut
same "$?" 130 "a selftest that is interrupted is 130"
same "$(tail -n 1 "$work/log"; grep -c '^PARTIAL: interrupted' "$work/log")" "exit 130
1" "and says so"
same "$(tail -n 1 "$work/cut.tap"; grep -c '"partial":true' "$work/cut.lines")" "Bail out! interrupted
1" "in its reports as well"
selftest --no-such
same "$status" 2 "so is an option that is none"
selftest --help
same "$status" 0 "help"
selftest --mutate-scripts --scenarios ping.echo
same "$status" 0 "a relay that is right fails what was changed"
same "$(grep -c '^[1-9][0-9]* changes: [1-9][0-9]* noticed, 0 survived' \
	"$work/log")" 1 "which is counted"
selftest --mutate-scripts --scenarios http.tls-versions
same "$status" 0 "what needs TLS is changed and played on a relay that has it"
same "$(grep -c '^[1-9][0-9]* changes: [1-9][0-9]* noticed, 0 survived' \
	"$work/log")" 1 "and is noticed"
selftest --mutate-scripts --client "$build/tests/faulty_client" \
	--scenarios client.pong
same "$status" 0 "what is for clients is changed and played on a client"
same "$(grep -c '^[1-9][0-9]* changes: [1-9][0-9]* noticed, 0 survived' \
	"$work/log")" 1 "and is noticed, too"
selftest --mutate-scripts "$work/survivor.rly"
same "$status" 1 "a change that nobody notices fails the selftest"
same "$(grep -c "^$work/survivor.rly:9: survivor: another value" \
	"$work/log")" 1 "and is shown with its line"
cat >"$work/once.rly" <<END
rly 1
dialect iroh-v3
scenario own.once "A Ping is answered"
  covers R-129
  over raw
  conn A = login key=alice
  A -> Ping data=x"01*8"
  A <- Pong data==x"01*8"
end
END
cat >"$work/second" <<END
#!/bin/sh
echo >>"$work/starts"
[ \$(wc -l <"$work/starts") -ne 2 ] || exit 1
exec "$build/relayd/relayd" "\$@"
END
chmod +x "$work/second"
selftest --mutate-scripts "$work/once.rly" --relayd "$work/second"
same "$status" 0 "what did not come about is played again, be it the only case"
same "$(wc -l <"$work/starts")" 3 "which is once more"
selftest --mutate-scripts "$work/dead"
same "$status" 6 "a file that holds no scenario is an error"
selftest --mutate-scripts --scenarios no.such
same "$status" 2 "a selection of nothing is a usage error here, too"
selftest --mutate-scripts --faults '*'
same "$status" 2 "faults and changed scripts are two things"
