#!/bin/sh
# The installed library: what it exports and needs, and that a program
# builds against a staged installation with nothing but its pkg-config file.
# Prints TAP.
LC_ALL=C
export LC_ALL
src=${RELAYKIT_SRCDIR:?} build=${RELAYKIT_BUILDDIR:?}
codec=$src/src/codec
shared=$build/src/codec/.libs/librelaykit.so
archive=$build/src/codec/.libs/libcodec.a
# A nested make has its own job server.
unset MAKEFLAGS MFLAGS MAKELEVEL

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

variable() { # of the Makefile
	sed -n "s/^$1 = //p" "$build/Makefile" | head -1
}
CC=$(variable CC)
NM=$(variable NM)
san=$(variable SAN_CFLAGS)
CXX=${CXX:-c++}
no_cxx=
command -v "$CXX" >/dev/null 2>&1 || no_cxx="no C++ compiler"
no_shared=''
static=''
# The first line is the configuration; libtool's own code follows.
if grep -m 1 '^build_libtool_libs=' "$build/libtool" | grep -q '=no$'; then
	no_shared="no shared library in this build" static=--static
fi
sanitized=${san:+"the sanitizer adds its own"}

# A check is a function that prints what is wrong, and nothing if all is well.
n=0
check() { # sentence, function, reason to skip
	n=$((n + 1))
	if [ -n "$3" ]; then
		echo "ok $n - $1 # SKIP $3"
		return
	fi
	"$2" >"$work/wrong" 2>&1
	if [ -s "$work/wrong" ]; then
		sed 's/^/# /' "$work/wrong"
		echo "not ok $n - $1"
	else
		echo "ok $n - $1"
	fi
}
quietly() { # command; its output only if it fails
	"$@" >"$work/log" 2>&1 || { echo "failed: $*"; cat "$work/log"; }
}

# ---- the binary ----

exports_are_listed() {
	$NM -D --defined-only "$shared" | awk '{ print $3 }' |
	    grep -v '^__\(odr_asan\|asan\|sancov\)' | sort |
	    diff "$codec/librelaykit.sym" -
}

headers_declare_the_same() {
	for header in "$codec"/*.h; do
		tr '\n' ' ' <"$header" | grep -o 'RK_API[^;(]*(' |
		    sed -n 's/.*\(rk_[a-z0-9_]*\)($/\1/p'
	done | sort | diff "$codec/librelaykit.sym" -
}

# No descriptor, no clock, no log, no allocation.
nothing_with_effects() {
	$NM -D --undefined-only "$shared" | awk '{ print $NF }' |
	    sed 's/@.*//' >"$work/imports"
	[ -s "$work/imports" ] || echo "no imports"
	while read -r name; do
		case $name in
		mem[a-z]* | str[a-z]* | snprintf | gmtime_r) ;;
		__mem*_chk | __str*_chk | __snprintf_chk) ;;
		__stack_chk_fail | __assert_fail | __cxa_finalize) ;;
		__gmon_start__ | _ITM_*) ;;
		EVP_* | crypto_* | sodium_* | randombytes_buf) ;;
		*) echo "needs $name" ;;
		esac
	done <"$work/imports"
}

# Constant tables that hold addresses are in .data.rel.ro.
no_variables() {
	size -A "$archive" | awk '
		/:$/ { file = $1 }
		/^\.(data|bss|tdata|tbss)/ && !/^\.data\.rel\.ro/ {
			seen = 1
			if ($2 > 0) print file ": " $1 " has " $2 " bytes" }
		END { if (!seen) print "no sections" }'
}

# ---- a staged installation ----

stage=$work/stage
install_library() {
	quietly make -C "$build" DESTDIR="$stage" install-libLTLIBRARIES \
	    install-dist_pkgincludeHEADERS install-pkgconfigDATA
}

headers_compile() { # compiler, standard, suffix
	[ -e "$include/relaykit/relaykit.h" ] || echo "no headers installed"
	for header in "$include"/relaykit/*.h; do
		echo "#include <relaykit/${header##*/}>" >"$work/one.$3"
		# shellcheck disable=SC2086
		quietly $1 -Wall -Wextra -Werror -pedantic "$2" \
		    -I"$include" -fsyntax-only "$work/one.$3"
	done
}
headers_compile_as_c() { headers_compile "$CC" -std=c11 c; }
headers_compile_as_cxx() { headers_compile "$CXX" -std=c++11 cc; }

program_runs() { # compiler, standard, suffix
	cat >"$work/program.$3" <<'END'
#include <relaykit/relaykit.h>

#include <stdio.h>
#include <string.h>

int
main(void)
{
	const struct rk_dialect *d = rk_dialect_by_id("iroh-v3");
	const unsigned char ping[] = "\x0c\0\0\0\10abcdefgh";
	struct rk_raw_frame raw;
	struct rk_frame f;
	char line[80];

	if (rk_keys_init() != RK_OK || d == NULL ||
	    rk_split(d->header[RK_CARRIER_RAW], d->max_frame, ping,
		sizeof(ping) - 1, &raw) != RK_OK ||
	    rk_frame_decode(d, &raw, true, &f) != RK_OK)
		return 1;
	rk_frame_text(&f, 64, line, sizeof(line));
	puts(line);
	return strcmp(line, "Ping 6162636465666768") != 0;
}
END
	rm -f "$work/program"
	# shellcheck disable=SC2046,SC2086
	quietly $1 $san -Wall -Wextra -Werror -pedantic "$2" \
	    -o "$work/program" "$work/program.$3" \
	    $(pkg-config $static --cflags --libs librelaykit)
	quietly env LD_LIBRARY_PATH="$libdir" "$work/program"
}
c_program_runs() { program_runs "$CC" -std=c11 c; }
cxx_program_runs() { program_runs "$CXX" -std=c++11 cc; }

echo 1..9
check "the library exports what librelaykit.sym lists" \
    exports_are_listed "$no_shared"
check "the headers declare the same" headers_declare_the_same ""
check "the library needs nothing that has effects" \
    nothing_with_effects "${no_shared:-$sanitized}"
check "the library has no variables" no_variables "$sanitized"
check "the library installs into a staging directory" install_library ""

pc=$(find "$stage" -name librelaykit.pc)
libdir=${pc%/pkgconfig/*}
include=$(find "$stage" -name relaykit.h)
include=${include%/relaykit/*}
PKG_CONFIG_PATH=$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$stage
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR

check "each installed header compiles alone as C" headers_compile_as_c ""
check "each installed header compiles alone as C++" \
    headers_compile_as_cxx "$no_cxx"
check "a C program builds with pkg-config and runs" c_program_runs ""
check "a C++ program builds with pkg-config and runs" \
    cxx_program_runs "${no_cxx:-$sanitized}"
