#!/usr/bin/env bash
# The proxy beside nginx, haproxy and caddy: the same backend, the same machine, in turns.
#   bench/proxy.sh [SECONDS]     how long each figure is measured, 5 unless told
# Wants nginx, haproxy, caddy, wrk, h2load (nghttp2-client) and openssl on the path.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5}
for program in nginx haproxy caddy wrk h2load openssl; do
  command -v "$program" >/dev/null || { echo "proxy: $program is missing; install it first" >&2; exit 1; }
done
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked --quiet --package node --example proxy
folder=$(mktemp -d)
children=()
finish() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
chmod 755 "$folder"
mkdir "$folder/certificates" "$folder/www"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 30 \
  -addext subjectAltName=DNS:localhost -keyout "$folder/certificates/a.key" -out "$folder/certificates/a.crt" 2>/dev/null
cat "$folder/certificates/a.crt" "$folder/certificates/a.key" > "$folder/both.pem"
head -c 1048576 /dev/urandom > "$folder/www/big"
ulimit -n 100000 2>/dev/null || ulimit -n "$(ulimit -Hn)"

# Each listens on BASE (plain) and BASE + 1 (encrypted).
backend=18080
declare -A base=([highroad]=18100 [tripwire]=18110 [nginx]=18200 [haproxy]=18300 [caddy]=18400)

cat > "$folder/backend.conf" <<EOF
worker_processes 2; pid $folder/backend.pid; error_log stderr crit; daemon off;
events { worker_connections 20000; }
http { access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush on;
  server { listen 127.0.0.1:$backend backlog=8192 reuseport; root $folder/www;
    location = / { return 200 "hello, world\n"; } location /big {} } }
EOF
cat > "$folder/nginx.conf" <<EOF
worker_processes 2; pid $folder/nginx.pid; error_log stderr crit; daemon off;
events { worker_connections 40000; }
http { access_log off; keepalive_requests 1000000000;
  upstream instances { server 127.0.0.1:$backend; keepalive 512; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${base[nginx]} backlog=8192 reuseport; listen 127.0.0.1:$((base[nginx] + 1)) ssl http2 backlog=8192 reuseport;
    ssl_certificate $folder/certificates/a.crt; ssl_certificate_key $folder/certificates/a.key;
    location / { proxy_pass http://instances; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host \$host; proxy_set_header X-Forwarded-For \$remote_addr; proxy_set_header X-Forwarded-Proto \$scheme;
      proxy_set_header X-Forwarded-Host \$host; proxy_set_header X-Request-Id \$request_id; } } }
EOF
cat > "$folder/haproxy.cfg" <<EOF
global
  nbthread 2
  maxconn $(( ($(ulimit -n) - 100) / 2 > 40000 ? 40000 : ($(ulimit -n) - 100) / 2 ))
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 60s
  timeout http-keep-alive 75s
frontend plain
  bind 127.0.0.1:${base[haproxy]} backlog 8192
  bind 127.0.0.1:$((base[haproxy] + 1)) ssl crt $folder/both.pem alpn h2,http/1.1 backlog 8192
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-Id
  default_backend instances
backend instances
  http-reuse always
  server one 127.0.0.1:$backend
EOF
cat > "$folder/Caddyfile" <<EOF
{
  admin off
  auto_https off
}
http://127.0.0.1:${base[caddy]} {
  reverse_proxy 127.0.0.1:$backend {
    transport http {
      keepalive_idle_conns_per_host 512
    }
  }
}
https://localhost:$((base[caddy] + 1)) {
  tls $folder/certificates/a.crt $folder/certificates/a.key
  reverse_proxy 127.0.0.1:$backend
}
EOF
declare -A pid
begin() {
  local name=$1; shift
  "$@" >"$folder/$name.log" 2>&1 &
  pid[$name]=$!
  children+=($!)
}
begin backend nginx -p "$folder" -c "$folder/backend.conf"
begin highroad "$target/release/examples/proxy" 127.0.0.1:${base[highroad]} 127.0.0.1:$((base[highroad] + 1)) 127.0.0.1:$backend "$folder/certificates"
begin tripwire env TRIPWIRE=1 "$target/release/examples/proxy" 127.0.0.1:${base[tripwire]} 127.0.0.1:$((base[tripwire] + 1)) 127.0.0.1:$backend
begin nginx nginx -p "$folder" -c "$folder/nginx.conf"
begin haproxy haproxy -f "$folder/haproxy.cfg"
begin caddy env HOME="$folder" GOMAXPROCS=2 caddy run --config "$folder/Caddyfile" --adapter caddyfile
all=(highroad tripwire nginx haproxy caddy)
for name in "${all[@]}"; do
  for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/${base[$name]}") 2>/dev/null; then continue 2; fi
    sleep 0.1
  done
  echo "proxy: $name does not start" >&2; cat "$folder/$name.log" >&2; exit 1
done

# Best of two turns each: what else the machine does can only make a figure worse.
turns() {
  local what=$1 measure=$2; shift 2
  declare -A best
  for _ in 1 2; do
    for name in "$@"; do
      local figure; figure=$("$measure" "$name")
      best[$name]=$(printf '%s\n%s\n' "${best[$name]:-0}" "$figure" | sort -g | tail -1)
    done
  done
  printf '%-34s' "$what"
  for name in "$@"; do printf ' %s %-9s' "$name" "${best[$name]}"; done
  echo
}
rps() { wrk -t2 -c"$1" -d"${seconds}s" "$2" | awk '/Requests\/sec/ { printf "%.0f", $2 }'; }
small64() { rps 64 "http://127.0.0.1:${base[$1]}/"; }
small1024() { rps 1024 "http://127.0.0.1:${base[$1]}/"; }
small_tls() { rps 64 "https://localhost:$((base[$1] + 1))/"; }
big() { wrk -t2 -c32 -d"${seconds}s" "http://127.0.0.1:${base[$1]}/big" | awk '/Requests\/sec/ { printf "%.0f", $2 }'; }
http2() { h2load -t2 -c32 -m16 -D"$seconds" "https://localhost:$((base[$1] + 1))/" 2>/dev/null | awk '/^finished in/ { printf "%.0f", $4 }'; }

figures=${FIGURES:-small64 small1024 tls http2 big memory latency}
peers=(highroad nginx haproxy caddy)
for figure in $figures; do
  case $figure in
    small64) turns "requests/s, 64 connections" small64 highroad tripwire nginx haproxy caddy ;;
    small1024) turns "requests/s, 1,024 connections" small1024 highroad tripwire nginx haproxy caddy ;;
    tls) turns "requests/s, TLS, 64 connections" small_tls "${peers[@]}" ;;
    http2) turns "requests/s, HTTP/2 over TLS, 32×16" http2 "${peers[@]}" ;;
    big) turns "MB/s in answers of 1 MB" big "${peers[@]}" ;;
    memory)
      printf '%-34s' "MB more for 10,000 idle connections"
      for name in "${peers[@]}"; do
        resident() { ps -o rss= --pid "${pid[$name]}" --ppid "${pid[$name]}" | awk '{ sum += $1 } END { printf "%d", sum }'; }
        before=$(resident)
        python3 - "${base[$name]}" <<'EOF' >"$folder/idle" &
import socket, sys, time
request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
held = []
for _ in range(10000):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(request)
    held.append(s)
    s.recv(4096)
print("ready", flush=True)
time.sleep(60)
EOF
        holder=$!
        for _ in $(seq 600); do grep -q ready "$folder/idle" && break; sleep 0.1; done
        sleep 6
        printf ' %s %-9s' "$name" "$(( ($(resident) - before) / 1024 ))"
        kill "$holder"; wait "$holder" 2>/dev/null || true
        : > "$folder/idle"
      done
      echo ;;
    latency)
      # The same load is offered to everybody, and one that everybody bears.
      printf '%-34s' "p99 in ms at 5,000 requests/s"
      for name in "${peers[@]}"; do
        h2load --h1 -t2 -c50 --rps 100 -D"$seconds" --log-file="$folder/times" "http://127.0.0.1:${base[$name]}/" >/dev/null 2>&1
        printf ' %s %-9s' "$name" "$(awk '{ print $3 }' "$folder/times" | sort -n | awk '{ v[NR] = $1 } END { printf "%.2f", v[int(NR * 0.99)] / 1000 }')"
        rm -f "$folder/times"
      done
      echo ;;
  esac
done
