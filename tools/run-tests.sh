#!/bin/sh
# Runs the given Nx targets in every package that has them, one package at a time (they start real servers, measure real kills, and fill the processors by themselves), and sums what they counted.
#
# usage: tools/run-tests.sh TARGET…
set -u
rm -rf test-results
mkdir -p test-results
status=0
nx run-many -t "$@" --parallel=1 --nxBail=false --outputStyle=stream-without-prefixes || status=$?
exec node tools/sum-tests.ts test-results "$status"
