#!/usr/bin/env node
import process from 'node:process';

// Said before anything is imported: an older Node would fail on the first thing it does not know.
if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(`worker-server: needs Node 24 or newer; this is ${process.versions.node}\n`);
  process.exit(1);
}
await import('../dist/main.js');
