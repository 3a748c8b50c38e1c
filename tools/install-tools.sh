#!/bin/sh
# Installs from Debian the packages of those commands that the host does not have. As root it installs them, as somebody else it says what to install.
#
# usage: tools/install-tools.sh TARGET COMMAND:PACKAGE…   TARGET is the make target that needs them
set -eu
PATH=$PATH:/usr/sbin:/sbin
target=$1
shift
missing=
for each; do command -v "${each%%:*}" >/dev/null || missing="$missing ${each#*:}"; done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || { echo "make $target needs these, and there is no apt-get to install them:$missing" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "make $target needs this first: sudo apt-get install --no-install-recommends$missing" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # one word a package
install() { apt-get install -qq -y --no-install-recommends $missing </dev/null; }
{ install || { apt-get update -qq && install; }; } >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
