import { execFile } from 'node:child_process';
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

/** Makes the development PKI below `directory` with the very script that `make certs` runs. */
export async function makeDevCertificates(directory: string): Promise<DevCertificates> {
  const script = fileURLToPath(new URL('../../../../tools/make-certs.sh', import.meta.url));
  await promisify(execFile)(script, [directory]);
  const pair = (stem: string) => ({ cert: join(directory, `${stem}.crt`), key: join(directory, `${stem}.key`) });
  return { ca: join(directory, 'ca.crt'), server: pair('server'), client: (email) => pair(`clients/${email}`) };
}
