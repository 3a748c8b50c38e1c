import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Pki } from '@worker/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readIdentity, StartError } from './read-identity.ts';

let pki: Pki;

beforeAll(async () => {
  pki = await Pki.create();
});

afterAll(async () => {
  await pki[Symbol.asyncDispose]();
});

async function read(more: { ca?: string; cert?: string; key?: string } = {}): Promise<unknown> {
  return await readIdentity({ ca: pki.ca.certFile, cert: pki.server.certFile, key: pki.server.keyFile, ...more }).catch(
    (error: unknown) => error,
  );
}

it('three files that fit together are read as they are', async () => {
  expect(await read()).toEqual({ ca: pki.ca.cert, cert: pki.server.cert, key: pki.server.key });
});

it.each([0o644, 0o640, 0o604, 0o620, 0o602])('a key of mode %o is refused with the command that mends it [WHO-6]', async (mode) => {
  const key = join(pki.directory, "it's a.key");
  await copyFile(pki.server.keyFile, key);
  await chmod(key, mode);
  const refused = await read({ key });
  expect(refused).toBeInstanceOf(StartError);
  expect(refused).toMatchObject({ message: expect.stringContaining(`chmod 600 '${key.replace("'", String.raw`'\''`)}'`) as string });
  await chmod(key, 0o600);
  expect(await read({ key })).toMatchObject({ key: pki.server.key });
});

it.each([
  [{ key: '/no/such.key' }, /--key/],
  [{ cert: '/no/such.crt' }, /--cert/],
  [{ ca: '/no/such.crt' }, /--ca/],
  [{ ca: '/' }, /EISDIR/],
])('%j: the message names the flag or the error [CLI-7]', async (more, expected) => {
  expect(await read(more)).toMatchObject({ name: 'StartError', message: expect.stringMatching(expected) as string });
});

it('a file that is no certificate, the key of another, and a certificate that has expired are told apart [CLI-7]', async () => {
  const nonsense = join(pki.directory, 'nonsense.pem');
  await writeFile(nonsense, 'nonsense', { mode: 0o600 });
  const other = await pki.issue({ usage: 'server' });
  const expired = await pki.issue({ usage: 'server', validity: { from: new Date(Date.now() - 2e8), to: new Date(Date.now() - 1e8) } });
  const complaint = async (more: { ca?: string; cert?: string; key?: string }) => ((await read(more)) as Error).message;
  expect(await complaint({ ca: nonsense })).toMatch(/nonsense\.pem holds no certificate/);
  expect(await complaint({ cert: nonsense })).toMatch(/nonsense\.pem holds no certificate/);
  expect(await complaint({ key: nonsense })).toMatch(/nonsense\.pem holds no private key/);
  expect(await complaint({ key: other.keyFile })).toMatch(/is not the key of the certificate/);
  expect(await complaint({ cert: expired.certFile, key: expired.keyFile })).toMatch(/expired on /);
});
