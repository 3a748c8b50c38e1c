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

properties() { # PACKAGE SECONDS ARGUMENT…
  package=$1 for=$2
  shift 2
  (cd "packages/$package" && FUZZ_SECONDS=$for FUZZ_CRASHES="$work/crashes" vitest --run --no-file-parallelism --testTimeout=$(((for + 60) * 1000)) --reporter=dot "$@")
}

mkdir -p "$work/crashes" "$work/scratch"
trap 'rm -rf "$work/scratch"' EXIT

if [ -n "${INPUT:-}" ]; then
  case $INPUT in
    *.json) exec env FUZZ_INPUT="$(realpath "$INPUT")" node tools/replay-property.ts "$INPUT" ;;
  esac
  build_libfuzzer
  name=$(basename "$INPUT")
  libfuzzer "${name%%-*}" "$INPUT"
  exit
fi

total=$(seconds "${TIME:-10m}")
build_libfuzzer
for target in $targets; do
  mkdir -p "$work/corpus/$target" "$native/fuzz/regressions/$target"
  cargo run --quiet --release --locked --manifest-path $native/fuzz/Cargo.toml --bin write-seeds -- "$target" "$work/corpus/$target"
  echo "fuzz: $target for $((total / 8)) s"
  libfuzzer "$target" -fork="$(nproc)" -ignore_crashes=0 -max_total_time=$((total / 8)) -artifact_prefix="$work/crashes/$target-" -verbosity=0 -print_final_stats=1 \
    "$work/corpus/$target" "$native/fuzz/regressions/$target"
done
