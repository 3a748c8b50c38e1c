#!/bin/sh
# The tools of the host, from Debian, unless they are there. Before anything is built, for it may say that something is missing.
set -eu
[ "$(uname -sm)" = 'Linux x86_64' ] || { echo 'make test-vm needs Linux on x86_64' >&2; exit 1; }
exec "$(dirname "$0")/../../../tools/install-tools.sh" test-vm qemu-system-x86_64:qemu-system-x86 mke2fs:e2fsprogs setpriv:util-linux
