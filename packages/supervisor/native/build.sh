#!/bin/sh
# Builds dist/native/worker-supervisor.
set -eu
cd "$(dirname "$0")"

# Three processes are forked for each job, and each copies what is mapped: without shared libraries and relocations a start costs a tenth less CPU. The flags are given to the
# binary alone, for procedural macros cannot be built with them. Some hosts keep the static C library in a package of its own; without it the binary is an ordinary one.
if ! cargo rustc --quiet --release --locked --bin worker-supervisor -- -C target-feature=+crt-static -C relocation-model=static; then
  echo 'not linked statically: building an ordinary binary instead' >&2
  cargo build --release --locked
fi
mkdir -p ../dist/native
install -m 755 "${CARGO_TARGET_DIR:-target}/release/worker-supervisor" ../dist/native/worker-supervisor
