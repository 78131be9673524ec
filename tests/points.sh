# Test points of scripts, in a folder of their own; sourced instead of
# relays.sh, which it sources.
# shellcheck shell=sh disable=SC2034,SC2154 # for whoever sources this; theirs
# shellcheck source=tests/relays.sh
. "${RELAYKIT_SRCDIR:?}/tests/relays.sh"
cd "$work" || exit 99
LC_ALL=C
export LC_ALL

n=0
failed=0
shown="out err" # what is shown of a point that fails
verb=           # the subcommand that expect runs; none: its arguments say

# ok STATUS SENTENCE
ok() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		failed=1
		echo "not ok $n - $2"
		# shellcheck disable=SC2086 # words
		cat $shown 2>/dev/null | cut -c1-400 | sed 's/^/#   /' |
		    tail -40
	fi
}

# skip SENTENCE REASON
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# claim SENTENCE COMMAND…: the command succeeds.
claim() {
	sentence=$1
	shift
	"$@" >claim.out 2>&1
	ok $? "$sentence"
}

# same GOT WANT SENTENCE
same() {
	[ "$1" = "$2" ] || echo "# got '$1', want '$2'"
	[ "$1" = "$2" ]
	ok $? "$3"
}

# expect STATUS SENTENCE ARGS…: run relay-conformance, compare the exit status.
expect() {
	want=$1 sentence=$2
	shift 2
	"$runner" ${verb:+"$verb"} "$@" >out 2>err </dev/null
	status=$?
	[ "$status" -eq "$want" ] || echo "# exit status $status, not $want"
	[ "$status" -eq "$want" ]
	ok $? "$sentence"
}

# said FILE TEXT SENTENCE
said() {
	grep -qF -e "$2" "$1"
	ok $? "$3"
}

has_python() {
	command -v python3 >/dev/null 2>&1
}

# blocks FILE TEXT SENTENCE: every block of a pcapng file is right, and one is
# about that.
blocks() {
	if ! has_python; then
		skip "$3" "python3 is not installed"
		return
	fi
	python3 "$src/tests/pcapng_check.py" --tcp "$1" >out 2>err &&
	    grep -qE -e "$2" out
	ok $? "$3"
}

# ends STATUS SENTENCE TEXT COMMAND…: how it ends, and what it says on stderr;
# one line of its own or two.
ends() {
	want=$1 sentence=$2 text=$3
	shift 3
	"$@" >out 2>err </dev/null
	status=$?
	[ "$status" -eq "$want" ] ||
	    echo "# exit status $status, not $want, with '$text'"
	[ "$status" -eq "$want" ] &&
	    { [ -z "$text" ] || grep -qF -e "$text" err; } &&
	    [ "$(grep -c '^relay-cli: ' err)" -le 2 ]
	ok $? "$sentence"
}
