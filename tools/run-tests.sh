#!/bin/sh
# Runs the given Nx targets in every package that has them, two at a time but for those that measure (`parallelism` in their package.json), and sums what they counted.
#
# usage: tools/run-tests.sh TARGET…
set -u
rm -rf test-results
mkdir -p test-results
status=0
nx run-many -t "$@" --parallel=2 --nxBail=false --outputStyle=stream || status=$?
exec node tools/sum-tests.ts test-results "$status"
