import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The tests run `bin/run.js` as it is shipped: compiled, with its manifest. The server they talk to is built by `nx test`, which comes to it first. */
export default function build(): void {
  const packages = fileURLToPath(new URL('../../../', import.meta.url));
  const tsc = fileURLToPath(new URL('../../../../node_modules/typescript/bin/tsc', import.meta.url));
  execFileSync(process.execPath, [tsc, '--build', `${packages}cli/tsconfig.lib.json`], { stdio: 'inherit' });
  execFileSync(process.execPath, [`${packages}cli/build/write-manifest.js`], { stdio: 'inherit' });
}
