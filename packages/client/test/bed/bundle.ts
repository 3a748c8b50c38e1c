import { fileURLToPath } from 'node:url';
import { build, type Rolldown } from 'vite';

/** The entry with all it needs, as a bundler makes it for a page. */
export async function bundled(): Promise<{
  readonly code: string;
  readonly modules: readonly string[];
  readonly imports: readonly string[];
}> {
  const entry = fileURLToPath(new URL('../../src/browser/index.ts', import.meta.url));
  const built = (await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@worker/source', 'browser', 'module', 'import', 'default'] },
    build: { write: false, minify: false, target: 'es2024', lib: { entry, formats: ['es'], fileName: 'worker-client' } },
  })) as Rolldown.RolldownOutput[];
  const [chunk, ...more] = built.flatMap(({ output }) => output);
  if (chunk?.type !== 'chunk' || more.length > 0) throw new Error('the bundle is not one file');
  return { code: chunk.code, modules: chunk.moduleIds, imports: [...chunk.imports, ...chunk.dynamicImports] };
}
