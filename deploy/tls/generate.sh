#!/bin/sh
# Makes an authority and the certificate of docker-compose.yml's nodes on the first run, and a new certificate when the old one ends within
# 30 days; nodes take it without a restart. Who has a pair puts it there (server.pem, server.key, ca.pem), and no ca.key: it is left alone.
# $1: the volume that all mount. $2: that of the authority's key, which nobody else mounts; left out, the same. $3: the names of the nodes.
set -eu
umask 077
cd "${1:-/tls}"
authority=${2:-.}
names=${3:-DNS:localhost,IP:127.0.0.1,DNS:herald-1,DNS:herald-2,DNS:herald-3}
# Where it lay with the certificates before.
if [ -s ca.key ] && [ "$authority" != . ]; then mv ca.key "$authority/ca.key"; fi
[ ! -s server.pem ] || [ -s "$authority/ca.key" ] || exit 0

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

if [ ! -s ca.pem ]; then
  cat >ca.cnf <<END
[req]
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
END
  new_key "$authority/ca.key"
  openssl req -x509 -config ca.cnf -extensions authority -key "$authority/ca.key" -subj "/CN=Herald on $(date +%F)" -days 3650 -out ca.pem.part
  mv ca.pem.part ca.pem
  rm ca.cnf
fi

if ! openssl x509 -in server.pem -noout -checkend 2592000 2>/dev/null >&2; then
  cat >server.cnf <<END
[req]
distinguished_name = dn
[dn]
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $names
END
  new_key server.key.part
  openssl req -new -config server.cnf -key server.key.part -subj /CN=herald -out server.csr
  openssl x509 -req -in server.csr -CA ca.pem -CAkey "$authority/ca.key" -set_serial "0x$(openssl rand -hex 16)" -days 397 \
    -extfile server.cnf -extensions server -out server.pem.part
  mv server.key.part server.key
  mv server.pem.part server.pem
  rm server.cnf server.csr
fi

# All may read certificates, and the nodes alone their key. Elsewhere than as root, as in the tests, everything stays its maker's.
chmod 0755 .
chmod 0644 ca.pem server.pem
[ "$(id -u)" -ne 0 ] || chown "${HERALD_UID:-1000}" server.key
