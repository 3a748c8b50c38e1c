#!/usr/bin/env node
// Checked before anything is imported: an older Node would stop at syntax it does not know, with a message about that.
if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(
    `error: worker needs Node 24 or later; this is ${process.version}\nnext: install a newer Node, or run it by npx where the package "node" is installed\n`,
  );
  process.exit(125);
}
const { keepCompiled } = await import('../dist/program/compile-cache.cjs');
keepCompiled(process.env);
const { main } = await import('../dist/program/main.cjs');
await main(process.argv.slice(2));
