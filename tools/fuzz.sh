#!/bin/sh
# Fuzzes everything that reads what others wrote, for TIME (such as 90s, 10m, 2h; default 10m), on all cores: the Rust targets by libFuzzer, guided by coverage, then the
# property tests of every package with ever new seeds. Inputs that reach new code are kept under .fuzz/corpus, what breaks a promise under .fuzz/crashes.
#
# usage: tools/fuzz.sh           runs until TIME is over, or something breaks: then it exits 1 and names the file
#        INPUT=file tools/fuzz.sh   runs one such file again
set -eu
cd "$(dirname "$0")/.."
work=$PWD/.fuzz
native=packages/supervisor/native
targets='launcher_wire shim_wire output_file writer'

seconds() { # 90s, 10m, 2h, or seconds
  number=${1%[smh]}
  case $number in '' | *[!0-9]*) echo "TIME must be such as 90s, 10m or 2h; it is $1" >&2; exit 2 ;; esac
  case $1 in *h) echo $((number * 3600)) ;; *m) echo $((number * 60)) ;; *) echo "$number" ;; esac
}

# The flags that cargo-fuzz gives, as far as a stable compiler takes them: counters of edges and compared values, and no sanitizer, which unsafe code alone would need.
build_libfuzzer() {
  command -v c++ >/dev/null || { echo 'c++ is missing, and libFuzzer is built with it: apt-get install g++' >&2; exit 1; }
  triple=$(rustc -vV | sed -n 's/^host: //p')
  pass=-Cllvm-args=-sanitizer-coverage
  RUSTFLAGS="-Cpasses=sancov-module $pass-level=4 $pass-inline-8bit-counters $pass-pc-table $pass-trace-compares -Ccodegen-units=1" \
    cargo build --quiet --release --locked --manifest-path $native/fuzz/Cargo.toml --target "$triple" --target-dir "$work/target" --features libfuzzer --bin fuzz
  fuzzer=$work/target/$triple/release/fuzz
}

libfuzzer() { # TARGET ARGUMENT…
  FUZZ_TARGET=$1 TMPDIR=$work/scratch
  export FUZZ_TARGET TMPDIR
  shift
  "$fuzzer" -timeout=10 -rss_limit_mb=1024 -max_len=65536 "$@"
}

# Each package's files with property tests; those that start servers or terminals are no part of it.
properties() { # PACKAGE SECONDS SEED
  files=$(cd "packages/$1" && grep -rl --include='*.test.ts' 'fc\.assert' src test 2>/dev/null) || return 0
  # shellcheck disable=SC2086 # one word a file
  (cd "packages/$1" && FUZZ_SEED=$3 FUZZ_SECONDS=$2 FUZZ_CRASHES="$work/crashes" vitest --run --no-file-parallelism --testTimeout=$((($2 + 60) * 1000)) --reporter=dot $files)
}

mkdir -p "$work/crashes" "$work/scratch"
trap 'rm -rf "$work/scratch"' EXIT

if [ -n "${INPUT:-}" ]; then
  case $INPUT in
    *.json) exec node tools/replay-property.ts "$INPUT" ;;
  esac
  build_libfuzzer
  name=$(basename "$INPUT")
  libfuzzer "${name%%-*}" "$INPUT"
  exit
fi

total=$(seconds "${TIME:-10m}")
build_libfuzzer
started=$(date +%s)
left() { echo $((total - $(date +%s) + started)); }
broken() {
  echo "fuzz: $1 broke; run it again with: make fuzz INPUT=FILE, where FILE is the newest of" >&2
  ls -t "$work/crashes" | sed "s|^|  .fuzz/crashes/|" | head -n 5 >&2
  exit 1
}

# Half of the time belongs to libFuzzer.
share=$((total / 8))
for target in $targets; do
  mkdir -p "$work/corpus/$target" "$native/fuzz/regressions/$target"
  cargo run --quiet --release --locked --manifest-path $native/fuzz/Cargo.toml --bin write-seeds -- "$target" "$work/corpus/$target"
  echo "fuzz: $target for $share s"
  libfuzzer "$target" -fork="$(nproc)" -ignore_crashes=0 -max_total_time=$((share > 0 ? share : 1)) -artifact_prefix="$work/crashes/$target-" -verbosity=0 \
    "$work/corpus/$target" "$native/fuzz/regressions/$target" || broken "$target"
done

seed=$started
while [ "$(left)" -gt 0 ]; do
  # One property takes this long, so that a run of hours has many rounds, each by another seed.
  each=$(($(left) / 60))
  each=$((each < 5 ? 5 : each > 60 ? 60 : each))
  for package in core server client cli; do
    [ "$(left)" -gt 0 ] || break
    echo "fuzz: properties of $package by seed $seed, $each s each"
    properties "$package" "$each" "$seed" || broken "a property of $package"
  done
  echo "fuzz: the living launcher and shim by seed $seed"
  (cd $native && FUZZ_SEED=$seed FUZZ_ROUNDS=300 cargo test --quiet --release --locked --test hostile) || broken "the launcher or shim by FUZZ_SEED=$seed FUZZ_ROUNDS=300"
  seed=$((seed + 1))
done
echo "fuzz: nothing broke in $(($(date +%s) - started)) s"
