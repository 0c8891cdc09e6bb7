#!/bin/sh
# systemd_unit.sh UNIT FLEXGRIDD: the unit as it is installed, with this build's program: systemd finds nothing to complain about, and its rating
# of the sandbox stays below 3 ("OK"; 10 is no protection). A misspelt setting is found. Exit code 77: systemd-analyze is not installed.
set -eu
unit=$1 program=$2
command -v systemd-analyze >/dev/null || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed "s|^ExecStart=[^ ]*|ExecStart=$program|" "$unit" >"$folder/flexgridd.service"
grep -q "^ExecStart=$program --config" "$folder/flexgridd.service"

check() {
    systemd-analyze verify --man=no "$1" >"$folder/said" 2>&1 || { cat "$folder/said"; return 1; }
    [ ! -s "$folder/said" ] || { cat "$folder/said"; return 1; }
}
check "$folder/flexgridd.service"

sed 's/^WatchdogSec=/WatchdogSecs=/' "$folder/flexgridd.service" >"$folder/misspelt.service"
if check "$folder/misspelt.service" >/dev/null; then
    echo "a misspelt setting was not found" >&2
    exit 1
fi
# Older versions cannot rate a file.
if systemd-analyze security --help 2>/dev/null | grep -q -e --offline; then
    systemd-analyze security --no-pager --offline=true --threshold=30 "$folder/flexgridd.service" >"$folder/said" || { tail -n 3 "$folder/said"; exit 1; }
fi
echo "flexgridd.service is fine"
