#!/bin/sh
# The tests of the supervisor as programs that need no library of the host's: cache/native, laid out as cargo lays them out, for they look for the binary beside them.
set -eu
target=x86_64-unknown-linux-gnu
built=cache/target/$target/release

# With a target named, the flags are for it alone: procedural macros cannot be built with them.
CARGO_TARGET_DIR=$PWD/cache/target RUSTFLAGS='-C target-feature=+crt-static' \
  cargo test --no-run --release --locked --target "$target" --manifest-path ../supervisor/native/Cargo.toml --message-format=json >cache/cargo.json 2>cache/cargo.log ||
  { cat cache/cargo.log >&2; exit 1; }

rm -rf cache/native
mkdir -p cache/native/deps cache/native/examples
cp "$built/worker-supervisor" cache/native/
sed -n 's/.*"kind":\["test"\].*"name":"\([^"]*\)".*"executable":"\([^"]*\)".*/\1 \2/p' cache/cargo.json | while read -r name executable; do
  cp "$executable" "cache/native/deps/$name"
done
sed -n 's/.*"kind":\["example"\].*"executable":"\([^"]*\)".*/\1/p' cache/cargo.json | while read -r executable; do
  cp "$executable" cache/native/examples/
done
