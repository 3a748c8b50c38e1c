import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
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
  const digest = createHash('sha256')
    .update(await readFile(script))
    .digest('hex')
    .slice(0, 12);
  return await madeOfDay(cache, digest, new Date(), (directory) => promisify(execFile)(script, [directory]));
}

/** What `make` makes, in a directory below `within` for that day and digest: made when it is not there, which removes those of days that nobody uses any more. */
export async function madeOfDay(within: string, digest: string, now: Date, make: (directory: string) => Promise<unknown>): Promise<string> {
  const made = join(within, `${dayOf(now)}-${digest}`);
  if (existsSync(made)) return made;
  await mkdir(within, { recursive: true });
  const begun = await mkdtemp(join(within, 'begun-'));
  try {
    await make(begun);
    await rename(begun, made);
  } catch (error) {
    await rm(begun, { recursive: true, force: true });
    // Another test file was faster.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  await removeOld(within, now);
  return made;
}

const DAY_MS = 24 * 3_600_000;

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

/** Another run may have chosen what was made yesterday a moment before midnight, and may be making something now: these stay. */
async function removeOld(within: string, now: Date): Promise<void> {
  const yesterday = new Date(now.getTime() - DAY_MS);
  for (const name of await readdir(within)) {
    const path = join(within, name);
    const isOld = /^\d{4}-\d\d-\d\d-/.test(name)
      ? name < dayOf(yesterday)
      : name.startsWith('begun-') && ((await stat(path).catch(() => undefined))?.mtime ?? now) < yesterday;
    if (isOld) await rm(path, { recursive: true, force: true });
  }
}
