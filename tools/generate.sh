#!/bin/sh
# Generates the TypeScript and the Rust code of proto/ below DIRECTORY, in the places where it stands in the tree.
#
# usage: tools/generate.sh DIRECTORY
set -eu
out=$1
buf generate --output "$out"
buf generate --template buf.gen.supervisor.yaml --output "$out"
descriptors=$(mktemp)
trap 'rm -f "$descriptors"' EXIT
buf build --path proto/worker/supervisor -o "$descriptors#format=binpb"
mkdir -p "$out/packages/supervisor/native/src/gen"
cargo run --quiet --locked --manifest-path packages/supervisor/native/codegen/Cargo.toml -- "$descriptors" "$out/packages/supervisor/native/src/gen"
