#!/usr/bin/env node
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

// Said before anything is imported: an older Node would fail on the first thing it does not know.
if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(`worker-server: needs Node 24 or newer; this is ${process.versions.node}\n`);
  process.exit(1);
}
// Keeps the young generation of V8 at the few megabytes it starts with, from before anything is loaded. By default it grows to 128 MiB on a large machine once many followers keep what belongs to their chunks
// until the network has taken it: memory that stays for ever, for fewer collections of a millisecond.
setFlagsFromString('--semi-space-growth-factor=1');
await import('../dist/program/main.js');
