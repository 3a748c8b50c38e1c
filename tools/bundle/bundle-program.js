// What is loaded from hundreds of small files costs more than what it does, so programs are bundled into a few.
import { rolldown } from 'rolldown';
import { thirdPartyNotices } from './third-party-notices.js';

/**
 * Bundles the sources of a program with all they need into dist/program of its package, and beside them the licences of what is of others.
 *
 * @param program Its name.
 * @param root The directory of its package, with a slash at its end.
 * @param input The files to begin with, by the names of what becomes of them.
 * @param plugins More plugins of Rolldown. Optional.
 * @param external What is not to be had when it is bundled, and not needed. Optional.
 * @param output What Rolldown is to know of the form of the output.
 */
export async function bundleProgram({ program, root, input, plugins = [], external = [], output }) {
  const bundle = await rolldown({
    cwd: root,
    input,
    platform: 'node',
    // What is built of the other packages of the workspace is not what is on the way from their sources to here.
    resolve: { conditionNames: ['@worker/source', 'node', 'import', 'default'] },
    external,
    plugins: [...plugins, thirdPartyNotices(program)],
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  try {
    await bundle.write({
      dir: `${root}dist/program`,
      cleanDir: true,
      sourcemap: true,
      comments: { legal: true, annotation: false, jsdoc: false },
      // Less to read at each start; functions keep their names for whoever reads a stack trace.
      minify: { compress: true, mangle: { keepNames: true }, codegen: true },
      ...output,
    });
  } finally {
    await bundle.close();
  }
}
