#!/bin/sh
# nginx_front.sh FLEXGRIDD CONFIG: flexgridd behind nginx with the configuration of docs/deploy.md. Good requests pass,
# ambiguous ones are refused, /metrics stays inside. Exit code 77: nginx, curl or openssl is not installed.
set -eu
PATH=$PATH:/usr/sbin
program=$1 config=$2
for needed in nginx curl openssl python3; do command -v "$needed" >/dev/null || exit 77; done
folder=$(mktemp -d)
server=
proxy=
trap 'kill $server $proxy 2>/dev/null; sleep 0.2; rm -rf "$folder"' EXIT
set -- $(python3 -c 'import socket
s=[socket.socket() for i in range(2)]
[x.bind(("127.0.0.1",0)) for x in s]
print(*[x.getsockname()[1] for x in s])')
inner=$1 outer=$2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$folder/key.pem" -out "$folder/certificate.pem" \
    -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
FLEXGRID_PLAIN_HTTP=true FLEXGRID_TRUST_PROXY=true FLEXGRID_PORT=$inner FLEXGRID_DATA_FOLDER=$folder/data "$program" 2>"$folder/log" &
server=$!
{
    echo "daemon off; worker_processes 1; pid $folder/pid; error_log $folder/error.log; events {} http { access_log off;"
    echo "client_body_temp_path $folder/b; proxy_temp_path $folder/p; fastcgi_temp_path $folder/f; uwsgi_temp_path $folder/u; scgi_temp_path $folder/s;"
    sed -e "s/127.0.0.1:8080/127.0.0.1:$inner/" -e "s/listen 8443 ssl/listen 127.0.0.1:$outer ssl/" -e "s|/etc/flexgrid|$folder|" "$config"
    echo "}"
} >"$folder/nginx.conf"
nginx -e "$folder/error.log" -c "$folder/nginx.conf" &
proxy=$!
ask() { curl -s -m 10 --cacert "$folder/certificate.pem" "$@"; }
for i in $(seq 200); do ask -f -o /dev/null "https://localhost:$outer/healthz" && break; sleep 0.1; done
expect() { [ "$2" = "$1" ] || { echo "expected $1, got $2: $3" >&2; exit 1; }; }
expect '{"status":"ok"}' "$(ask "https://localhost:$outer/healthz")" healthz
expect 404 "$(ask -o /dev/null -w '%{http_code}' "https://localhost:$outer/metrics")" metrics
expect 401 "$(ask -o /dev/null -w '%{http_code}' "https://localhost:$outer/v1/events?areas=a")" events
raw() { # status of raw bytes, printf format
    printf "$1" | timeout 5 openssl s_client -quiet -connect "localhost:$outer" 2>/dev/null | head -1 | cut -d' ' -f2 | tr -d '\r'
}
h='GET /v1/server HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
expect 200 "$(raw "$h\r\n")" good
expect 400 "$(raw "${h}Host: b\r\n\r\n")" 'two hosts'
expect 400 "$(raw "${h}Content-Length: 1\r\nContent-Length: 2\r\n\r\n")" 'two lengths'
expect 400 "$(raw "${h}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")" 'CL and TE'
expect 400 "$(raw "${h}X-A: a\\000b\r\n\r\n")" 'NUL in a header'
expect 400 "$(raw 'GET /v1/ser\000ver HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')" 'NUL in the target'
echo "nginx in front: all as expected"
