#!/bin/sh
# bootstrap_check.sh BOOTSTRAP: where packages are missing and may not be installed, tools/bootstrap prints the one command to run, exits 1 and
# installs nothing. What is installed, who runs it and what sudo says are stand-ins in front of the real programs.
set -eu
bootstrap=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"

stand_in() {
    { echo '#!/bin/sh'; cat; } >"$folder/bin/$1"
    chmod +x "$folder/bin/$1"
}
stand_in dpkg-query <<END
for package; do :; done
if grep -qx -e "\$package" "$folder/missing"; then exit 1; fi
printf installed
END
stand_in apt-cache <<END
for package; do :; done
if grep -qx -e "\$package" "$folder/unavailable"; then echo '  Candidate: (none)'; else echo '  Candidate: 1.0'; fi
END
stand_in apt-get <<END
echo "apt-get \$*" >>"$folder/installed"
END
stand_in sudo <<END
if [ -e "$folder/sudo_works" ]; then shift; exec "\$@"; fi
exit 1
END
stand_in id <<END
cat "$folder/user"
END

# expect CODE LINE ARGUMENT...: with these arguments bootstrap exits with CODE and says LINE on its standard error, nothing elsewhere.
expect() {
    code=$1 line=$2
    shift 2
    status=0
    PATH="$folder/bin:$PATH" "$bootstrap" "$@" >"$folder/out" 2>"$folder/said" || status=$?
    [ -z "$line" ] || printf '%s\n' "$line" >>"$folder/expected"
    if [ "$status" -ne "$code" ] || [ -s "$folder/out" ] || ! cmp -s "$folder/said" "$folder/expected"; then
        echo "bootstrap $*: exit code $status instead of $code; said:" >&2
        cat "$folder/out" "$folder/said" >&2
        exit 1
    fi
    if [ -e "$folder/installed" ]; then
        echo "bootstrap $* installs: $(cat "$folder/installed")" >&2
        exit 1
    fi
    : >"$folder/expected"
}
: >"$folder/missing" >"$folder/unavailable" >"$folder/expected"
said='Debian packages are missing. Run: sudo apt-get install -y'
echo 1000 >"$folder/user"

# Nothing is missing: silence.
expect 0 '' --check build
expect 0 '' --check test bench coverage format fuzz fresh

# Each package once, whatever number of purposes asks for it; what is not needed for the purpose is not asked for.
printf '%s\n' libcmocka-dev postgresql ninja-build >"$folder/missing"
expect 1 "$said ninja-build" --check build
expect 1 "$said libcmocka-dev ninja-build postgresql" --check test coverage bench

# Either build of libcurl will do; of the solvers those that there are.
printf '%s\n' libcurl4-openssl-dev libhighs-dev coinor-libclp-dev coinor-libcbc-dev >"$folder/missing"
expect 1 "$said coinor-libcbc-dev coinor-libclp-dev libhighs-dev" --check build
echo libhighs-dev >"$folder/unavailable"
expect 1 "$said coinor-libcbc-dev coinor-libclp-dev" --check build
echo libcurl4-gnutls-dev >>"$folder/missing"
expect 1 "$said coinor-libcbc-dev coinor-libclp-dev libcurl4-gnutls-dev" --check build

# Not asked only to check, but neither root nor allowed to become it.
echo libjansson-dev >"$folder/missing"
expect 1 "$said libjansson-dev" build
# --check installs nothing, whoever runs it.
touch "$folder/sudo_works"
expect 1 "$said libjansson-dev" --check build
echo 0 >"$folder/user"
expect 1 "$said libjansson-dev" --check build
echo "bootstrap says what to run"
