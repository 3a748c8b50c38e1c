// Makes dist/program of src: one file a command and a few that they share. What is loaded from hundreds of small files costs more than what it does.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { thirdPartyNotices } from './third-party-notices.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const commands = readdirSync(`${root}src/commands`).map((file) => [`commands/${file.replace(/\.ts$/, '')}`, `${root}src/commands/${file}`]);

const bundle = await rolldown({
  cwd: root,
  // Commands are files by themselves, for oclif loads them by their paths.
  input: {
    index: `${root}src/index.ts`,
    main: `${root}src/main.ts`,
    'compile-cache': `${root}src/compile-cache.ts`,
    ...Object.fromEntries(commands),
  },
  platform: 'node',
  // What is built of the other packages of the workspace is not what is on the way from their sources to here.
  resolve: { conditionNames: ['@worker/source', 'node', 'import', 'default'] },
  // oclif asks for it where it runs from sources, and goes on without.
  external: ['typescript'],
  plugins: [thirdPartyNotices('THIRD-PARTY-NOTICES.txt')],
  onLog(level, log) {
    throw new Error(`${level}: ${log.message}`);
  },
});
try {
  await bundle.write({
    dir: `${root}dist/program`,
    cleanDir: true,
    // Imported as an ES module, each builtin is made whole at once: node:http brings fetch with it.
    format: 'cjs',
    // What has a default export alone is still asked for it by that name.
    exports: 'named',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'shared/[name].cjs',
    sourcemap: true,
    comments: { legal: true, annotation: false, jsdoc: false },
    // Less to read at each start; functions keep their names for whoever reads a stack trace.
    minify: { compress: true, mangle: { keepNames: true }, codegen: true },
    codeSplitting: {
      groups: [
        { name: 'client', test: /\/packages\/(?:client|protocol)\/|\/node_modules\/@(?:bufbuild|connectrpc)\// },
        { name: 'oclif', test: /\/node_modules\// },
      ],
    },
  });
} finally {
  await bundle.close();
}
