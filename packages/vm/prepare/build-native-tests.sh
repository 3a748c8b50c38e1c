#!/bin/sh
# The tests of the supervisor that the guest runs, as programs that need no library of the host's: cache/native, laid out as cargo lays them out, for they look for the binary
# and the example programs beside them. The binary is the one that was built.
#
# usage: build-native-tests.sh TEST…
set -eu
target=x86_64-unknown-linux-gnu

# With a target named, the flags are for it alone: procedural macros cannot be built with them. What is optimized as for a release takes minutes to build.
build() {
  CARGO_TARGET_DIR=$PWD/cache/target RUSTFLAGS='-C target-feature=+crt-static' \
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    cargo "$@" --release --locked --target "$target" --manifest-path ../supervisor/native/Cargo.toml --message-format=json >>cache/cargo.json 2>>cache/cargo.log ||
    { cat cache/cargo.log >&2; exit 1; }
}
: >cache/cargo.json
: >cache/cargo.log
build build --examples
build test --no-run $(printf -- '--test %s ' "$@")

rm -rf cache/native
mkdir -p cache/native/deps cache/native/examples
cp ../supervisor/dist/native/worker-supervisor cache/native/
sed -n 's/.*"kind":\["\(test\|example\)"\].*"name":"\([^"]*\)".*"executable":"\([^"]*\)".*/\1 \2 \3/p' cache/cargo.json | while read -r kind name executable; do
  case $kind in
    test) cp "$executable" "cache/native/deps/$name" ;;
    example) cp "$executable" "cache/native/examples/$name" ;;
  esac
done
