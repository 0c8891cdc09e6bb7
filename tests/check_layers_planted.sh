#!/bin/sh
# The layer check must see a planted violation of each sort, name its place, and pass without it.
set -u
check=$1
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/src/base" "$tree/src/grid" "$tree/src/market" "$tree/src/toolkit/dfmct"
failures=0

fail() {
    echo "FAIL: $1"
    failures=$((failures + 1))
}
expect_clean() {
    "$check" "$tree/src" >"$tree/out" 2>&1 || fail "$1: refused: $(cat "$tree/out")"
}
expect_violation() { # what, place
    if "$check" "$tree/src" >"$tree/out" 2>&1; then
        fail "$1: not seen"
    elif ! grep -q "$2" "$tree/out"; then
        fail "$1: $2 not named: $(cat "$tree/out")"
    fi
}

printf '#include <stdio.h>\n#include "base/error.h"\n' >"$tree/src/base/error.c"
printf '#include "market/order.h"\n#include "grid/network.h"\n#include "base/error.h"\n' >"$tree/src/toolkit/dfmct/clear.c"
expect_clean "allowed edges"

printf '\n#include "grid/network.h"\n' >"$tree/src/base/upward.c"
expect_violation "base includes grid" "base/upward.c:2:"
rm "$tree/src/base/upward.c"

printf '  #  include "solve/lp.h"\n' >"$tree/src/market/rules.h"
expect_violation "market includes solve" "market/rules.h:1:"
rm "$tree/src/market/rules.h"

printf '#include "../base/error.h"\n' >"$tree/src/grid/flow.c"
expect_violation "a path around the check" "grid/flow.c:1:"
rm "$tree/src/grid/flow.c"

mkdir "$tree/src/misc"
printf '#include "base/error.h"\n' >"$tree/src/misc/stuff.c"
expect_violation "an unknown layer" "misc/stuff.c:1:"
rm -r "$tree/src/misc"

expect_clean "after removal"
[ "$failures" -eq 0 ] && echo "planted violations are seen"
exit "$failures"
