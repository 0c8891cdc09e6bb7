#!/bin/sh
# check_requirements_planted.sh SOURCE: rows that name what is not there, say nothing, or use a number twice are found; the page itself is right.
set -eu
cd "$1"
awk -f tools/check_requirements docs/requirements.md
file=$(mktemp)
trap 'rm -f "$file"' EXIT
plant() { # ROW: must be complained of
    { echo '| 0.1 | fine | `test_demo.c: again` |'; echo "$1"; } >"$file"
    if awk -f tools/check_requirements "$file" >/dev/null; then
        echo "not found: $1" >&2
        exit 1
    fi
}
plant '| 9.1 | a function that is not there | `test_demo.c: agai` |'
plant '| 9.1 | a file that is not there | `test_demos.c: again` |'
plant '| 9.1 | one of two | `test_demo.c: again`, `test_demo.c: never_written` |'
plant '| 9.1 | no function | `test_demo.c` |'
plant '| 9.1 | nothing | |'
plant '| 9.1 | words | it works |'
plant '| 0.1 | the number again | `test_demo.c: again` |'
plant '| 9.1 | too few cells |'
: >"$file"
if awk -f tools/check_requirements "$file" >/dev/null; then
    echo "an empty page was taken" >&2
    exit 1
fi
