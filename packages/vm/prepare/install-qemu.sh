#!/bin/sh
# The tools of the host, from Debian, unless they are there. Before anything is built, for it may say that something is missing.
set -eu
cd "$(dirname "$0")/.."
mkdir -p cache
PATH=$PATH:/usr/sbin:/sbin
[ "$(uname -sm)" = 'Linux x86_64' ] || { echo 'make test-vm needs Linux on x86_64' >&2; exit 1; }

missing=
command -v qemu-system-x86_64 >/dev/null || missing="$missing qemu-system-x86"
command -v mke2fs >/dev/null || missing="$missing e2fsprogs"
command -v setpriv >/dev/null || missing="$missing util-linux"
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || { echo "make test-vm needs these, and there is no apt-get to install them:$missing" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "make test-vm needs this first: sudo apt-get install --no-install-recommends$missing" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -qq -y --no-install-recommends $missing </dev/null; }
{ install || { apt-get update -qq && install; }; } >cache/install.log 2>&1 || { cat cache/install.log >&2; exit 1; }
