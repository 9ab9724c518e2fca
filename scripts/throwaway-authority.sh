#!/usr/bin/env bash
# Makes an authority and one certificate for servers to try TLS with: in the directory DIR, ca.crt,
# server.crt and server.key. The certificate names the hosts that are given, or else those of
# loopback; all servers may share it. The authority's own key is not kept, so nobody makes more.
#
#   scripts/throwaway-authority.sh DIR [HOST …]
#   scripts/throwaway-authority.sh .tls node1 node2 node3 localhost 127.0.0.1
#
# Prints the variables that a server takes. Exit status 0, or 2 for a mistake.
set -euo pipefail

DAYS=30

fail() {
  echo "throwaway-authority: $1" >&2
  exit 2
}

if [[ ${1-} == --help ]]; then
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p;}' "$0"
  exit 0
fi
if (($# == 0)) || [[ -z $1 || $1 == -* ]]; then fail "expected a directory and hosts, got '${1-}'"; fi
if ! command -v openssl >/dev/null; then fail 'openssl is missing (Debian: apt-get install openssl)'; fi
directory=$1
shift
if (($# == 0)); then set -- localhost 127.0.0.1 ::1; fi

names=
for host in "$@"; do
  if [[ ! $host =~ ^[A-Za-z0-9_.:-]+$ ]]; then fail "expected a name or an IP address, got '$host'"; fi
  if [[ $host == *:* || $host =~ ^[0-9.]+$ ]]; then names+=",IP:$host"; else names+=",DNS:$host"; fi
done
mkdir -p "$directory" || fail "cannot make the directory $directory"
directory=$(cd "$directory" && pwd)
for file in ca.crt server.crt server.key; do
  if [[ -e $directory/$file ]]; then fail "$directory/$file is there already; name another directory"; fi
done

umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/openssl.cnf" <<CONFIG
[req]
distinguished_name = name
prompt = no
[name]
CN = throw-away
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = ${names#,}
CONFIG

quietly() { # command …: what it says is told only if it fails
  "$@" >"$scratch/said" 2>&1 || fail "${1##*/} failed: $(tail -n 1 "$scratch/said")"
}

make_key() {
  quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

make_key "$scratch/ca.key"
make_key "$scratch/server.key"
quietly openssl req -x509 -new -config "$scratch/openssl.cnf" -extensions authority \
  -subj '/CN=throw-away authority' -key "$scratch/ca.key" -days "$DAYS" -out "$scratch/ca.crt"
quietly openssl req -new -config "$scratch/openssl.cnf" -subj '/CN=throw-away server' \
  -key "$scratch/server.key" -out "$scratch/server.csr"
quietly openssl x509 -req -in "$scratch/server.csr" -CA "$scratch/ca.crt" \
  -CAkey "$scratch/ca.key" -set_serial 1 -extfile "$scratch/openssl.cnf" -extensions server \
  -days "$DAYS" -out "$scratch/server.crt"
mv "$scratch/ca.crt" "$scratch/server.crt" "$scratch/server.key" "$directory"
cat <<VARIABLES
export TLS_CERT='$directory/server.crt'
export TLS_KEY='$directory/server.key'
export TLS_CA='$directory/ca.crt'
VARIABLES
