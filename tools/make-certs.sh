#!/bin/sh
# Makes the development PKI under certs/ with openssl. Idempotent: it makes what is missing, does not fit together or expires within the hour, and leaves the rest alone.
#
# usage: tools/make-certs.sh [DIRECTORY]      DAYS=N in the environment: how long leaves are valid (default 365; when given, a leaf that is valid longer is made anew)
set -eu
umask 077

dir=${1:-certs}
days=${DAYS:-365}
asked=${DAYS:-}
case $days in '' | *[!0-9]* | 0) echo "make-certs: DAYS must be a whole number of days above 0, not '$days'" >&2; exit 2 ;; esac
command -v openssl >/dev/null || { echo 'make-certs: openssl is missing: apt-get install openssl' >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# True when CERT and KEY exist, belong together, are signed by CA and are still valid in an hour.
good() { # CERT KEY CA
  [ -s "$1" ] && [ -s "$2" ] || return 1
  openssl x509 -in "$1" -noout -checkend 3600 >/dev/null 2>&1 || return 1
  [ "$(openssl x509 -in "$1" -noout -pubkey 2>/dev/null)" = "$(openssl pkey -in "$2" -pubout 2>/dev/null)" ] || return 1
  openssl verify -CAfile "$3" "$1" >/dev/null 2>&1
}

# True when DAYS was given and CERT is valid longer than that.
outlives() { # CERT
  [ -n "$asked" ] && openssl x509 -in "$1" -noout -checkend $((days * 86400 + 3600)) >/dev/null 2>&1
}

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

# The certificate goes into place before the key is of any use without it, and both by rename: a run that is cut leaves no half a pair that looks whole.
place() { # NAME DESTINATION-STEM
  mv "$work/$1.key" "$2.key"
  mv "$work/$1.crt" "$2.crt"
  chmod 0600 "$2.key"
  chmod 0644 "$2.crt"
}

authority() { # STEM COMMON-NAME
  good "$1.crt" "$1.key" "$1.crt" && return
  new_key "$work/ca.key"
  openssl req -x509 -new -key "$work/ca.key" -sha256 -days 3650 -subj "/CN=$2" -out "$work/ca.crt" \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign'
  place ca "$1"
  echo "made $1.crt"
}

leaf() { # STEM CA-STEM COMMON-NAME USAGE [SUBJECT-ALT-NAME]
  good "$1.crt" "$1.key" "$2.crt" && ! outlives "$1.crt" && return
  new_key "$work/leaf.key"
  openssl req -new -key "$work/leaf.key" -subj "/CN=$3" -out "$work/leaf.csr"
  {
    echo 'basicConstraints=critical,CA:FALSE'
    echo 'keyUsage=critical,digitalSignature'
    echo "extendedKeyUsage=$4"
    echo 'subjectKeyIdentifier=hash'
    echo 'authorityKeyIdentifier=keyid'
    [ -z "${5-}" ] || echo "subjectAltName=$5"
  } >"$work/leaf.ext"
  openssl x509 -req -in "$work/leaf.csr" -CA "$2.crt" -CAkey "$2.key" -set_serial "0x$(openssl rand -hex 16)" -sha256 -days "$days" \
    -extfile "$work/leaf.ext" -out "$work/leaf.crt" 2>/dev/null
  place leaf "$1"
  echo "made $1.crt"
}

mkdir -p "$dir/clients" "$dir/untrusted/clients"
authority "$dir/ca" 'Worker development CA'
leaf "$dir/server" "$dir/ca" localhost serverAuth 'DNS:localhost,IP:127.0.0.1,IP:::1'
for email in owner@example.com other@example.com admin@example.com; do
  leaf "$dir/clients/$email" "$dir/ca" "$email" clientAuth
done
authority "$dir/untrusted/ca" 'An authority that the server does not trust'
leaf "$dir/untrusted/clients/owner@example.com" "$dir/untrusted/ca" owner@example.com clientAuth
