import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../../', import.meta.url));

/** Installs below `directory` what people get of a package of this workspace, such as `cli`, as it is built: its tarball alone, none of its dependencies. Answers where it lies. */
export function installPacked(name: string, directory: string): string {
  const installed = join(directory, 'node_modules/@worker', name);
  const packed = join(directory, `packed-${name}`);
  mkdirSync(installed, { recursive: true });
  mkdirSync(packed);
  const env = { PATH: process.env['PATH'], HOME: directory, npm_config_update_notifier: 'false' };
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', packed], {
    cwd: join(packages, name),
    env,
    stdio: 'pipe',
  });
  const [tarball = ''] = readdirSync(packed);
  execFileSync('tar', ['--extract', '--file', join(packed, tarball), '--directory', installed, '--strip-components', '1']);
  rmSync(packed, { recursive: true });
  return installed;
}
