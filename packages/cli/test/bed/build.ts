import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The tests run `bin/run.js` as it is shipped: bundled, with its manifest. The server they talk to is built by `nx test`, which comes to it first. */
export default function build(): void {
  for (const step of ['bundle.js', 'write-manifest.js']) {
    execFileSync(process.execPath, [fileURLToPath(new URL(`../../build/${step}`, import.meta.url))], { stdio: 'inherit' });
  }
}
