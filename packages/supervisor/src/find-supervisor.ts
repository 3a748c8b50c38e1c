import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Finds the native supervisor: the file that `WORKER_SUPERVISOR_PATH` names, else the one built in this workspace, else the one of the platform package
 * `@worker/supervisor-linux-<arch>`.
 *
 * @returns its absolute path.
 * @throws Error naming what is missing. A `WORKER_SUPERVISOR_PATH` that names no file is an error, never passed over.
 */
export function findSupervisor(): string {
  const named = process.env['WORKER_SUPERVISOR_PATH'];
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) throw new Error(`WORKER_SUPERVISOR_PATH names a file that does not exist: ${named}`);
    return named;
  }
  // From src/ and from dist/ alike: both are one level below the package.
  const built = fileURLToPath(new URL('../dist/native/worker-supervisor', import.meta.url));
  if (existsSync(built)) return built;
  const platformPackage = `@worker/supervisor-${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(`${platformPackage}/worker-supervisor`);
  } catch (cause) {
    const message = `the native supervisor is missing: neither ${built} (made by \`nx run @worker/supervisor:native\`) nor the package ${platformPackage} is there`;
    throw new Error(message, { cause });
  }
}
