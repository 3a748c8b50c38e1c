#!/bin/sh
# Makes all that the virtual machines need, below cache/: Debian's kernel, an unpacked userland, and a fresh image of the root file system with what was built.
# What was downloaded is kept; `make clean` removes it.
set -eu
cd "$(dirname "$0")/.."
mkdir -p cache

prepare/download.sh
# Those that depend on the kernel: cgroups, namespaces, user ids, signals.
prepare/build-native-tests.sh ending identity killing leftovers limits sandbox sandbox_hostile
# The files of the image belong to root: without being it, in a user namespace where the caller is.
if [ "$(id -u)" = 0 ]; then exec prepare/make-image.sh; fi
unshare --user --map-root-user true 2>/dev/null || { echo 'make test-vm needs root, or user namespaces: run it as root' >&2; exit 1; }
exec unshare --user --map-root-user prepare/make-image.sh
