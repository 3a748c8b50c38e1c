// Makes dist/program of src: one file a command and a few that they share.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from '../../../tools/bundle/bundle-program.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const commands = readdirSync(`${root}src/commands`).map((file) => [`commands/${file.replace(/\.ts$/, '')}`, `${root}src/commands/${file}`]);

await bundleProgram({
  program: 'worker',
  root,
  // Commands are files by themselves, for oclif loads them by their paths.
  input: {
    index: `${root}src/index.ts`,
    main: `${root}src/main.ts`,
    'compile-cache': `${root}src/compile-cache.ts`,
    ...Object.fromEntries(commands),
  },
  // oclif asks for it where it runs from sources, and goes on without.
  external: ['typescript'],
  output: {
    // Imported as an ES module, each builtin is made whole at once: node:http brings fetch with it.
    format: 'cjs',
    // What has a default export alone is still asked for it by that name.
    exports: 'named',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'shared/[name].cjs',
    codeSplitting: {
      groups: [
        { name: 'client', test: /\/packages\/(?:client|protocol)\/|\/node_modules\/@(?:bufbuild|connectrpc)\// },
        { name: 'oclif', test: /\/node_modules\// },
      ],
    },
  },
});
