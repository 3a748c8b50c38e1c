import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The files of a PKI as `make certs` lays it out. */
export interface DevCertificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  /** Of `owner@example.com`, `other@example.com` or `admin@example.com`. */
  client(email: string): { readonly cert: string; readonly key: string };
}

const script = fileURLToPath(new URL('../../../../tools/make-certs.sh', import.meta.url));
const cache = fileURLToPath(new URL('../../../../node_modules/.cache/worker-test-certs/', import.meta.url));

/** Lays down the development PKI below `directory`, made by the very script that `make certs` runs: once a day, for its two dozen calls of openssl cost half as much as the start of a server. */
export async function makeDevCertificates(directory: string): Promise<DevCertificates> {
  await cp(await madeToday(), directory, { recursive: true });
  const pair = (stem: string) => ({ cert: join(directory, `${stem}.crt`), key: join(directory, `${stem}.key`) });
  return { ca: join(directory, 'ca.crt'), server: pair('server'), client: (email) => pair(`clients/${email}`) };
}

async function madeToday(): Promise<string> {
  const day = new Date().toISOString().slice(0, 10);
  const digest = createHash('sha256')
    .update(await readFile(script))
    .digest('hex')
    .slice(0, 12);
  const made = join(cache, `${day}-${digest}`);
  if (existsSync(made)) return made;
  await mkdir(cache, { recursive: true });
  const begun = await mkdtemp(join(cache, 'begun-'));
  try {
    await promisify(execFile)(script, [begun]);
    await rename(begun, made);
  } catch (error) {
    await rm(begun, { recursive: true, force: true });
    // Another test file was faster.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  return made;
}
