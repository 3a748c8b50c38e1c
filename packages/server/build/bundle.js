// Makes dist/program of src: worker-server in one file, the thread of its job store in another, and what they share.
import { fileURLToPath } from 'node:url';
import { bundleProgram } from '../../../tools/bundle/bundle-program.js';
import { placed } from './placed.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = fileURLToPath(new URL('../..', import.meta.url));

await bundleProgram({
  program: 'worker-server',
  root,
  // The store looks for the file of its thread beside itself, under this name.
  input: { main: `${root}src/main.ts`, 'sqlite-thread': `${packages}core/src/record/sqlite-thread.ts` },
  plugins: [
    placed({
      // Above dist lies package.json.
      [`${root}src/version.ts`]: `new URL('../version.js', import.meta.url).href`,
      // The native binary stays in its own package, or in that of the platform.
      [`${packages}supervisor/src/find-supervisor.ts`]: `import.meta.resolve('@worker/supervisor')`,
    }),
  ],
  output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
});
