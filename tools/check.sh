#!/bin/sh
# Everything that can be said of the tree without running it. Goes on after a failure and names all that failed.
set -u
failed=
step() { # NAME COMMAND…
  name=$1
  shift
  echo "check: $name"
  "$@" || failed="$failed $name"
}

generated_is_current() {
  fresh=$(mktemp -d)
  tools/generate.sh "$fresh" && for dir in packages/protocol/src/gen packages/supervisor/src/gen packages/supervisor/native/src/gen; do
    diff -r "$dir" "$fresh/$dir" || { echo 'the generated code is not what proto/ makes: run make gen' >&2; rm -rf "$fresh"; return 1; }
  done
  rm -rf "$fresh"
}

# The baseline holds what is fixed: the present text of the same files may add to it and change nothing.
protocol_is_kept() {
  present=$(mktemp -d)
  buf build --path proto/worker/v1/worker_service.proto -o "$present/image.binpb" && buf breaking "$present/image.binpb" --against tools/proto-baseline
  kept=$?
  rm -rf "$present"
  return $kept
}

# No addresses of registries in it, and what it locks is what package.json asks for, on every platform.
lock_file_is_whole() {
  ! grep -n '"resolved": "http' package-lock.json && npm ci --dry-run --ignore-scripts --loglevel=error >/dev/null
}

step format prettier --check --log-level warn .
step proto-format buf format -d --exit-code
step proto-lint buf lint
step proto-breaking protocol_is_kept
step generated generated_is_current
step workspace nx sync:check
step types nx run-many -t typecheck --outputStyle=stream-without-prefixes
step lint nx run-many -t lint native-lint --outputStyle=stream-without-prefixes
step tools-lint eslint --max-warnings 0 tools eslint.config.js
step unused knip --no-progress
step contracts node tools/check-contracts.ts
step lock-file lock_file_is_whole

[ -z "$failed" ] || { echo "check: failed:$failed" >&2; exit 1; }
echo 'check: all well'
