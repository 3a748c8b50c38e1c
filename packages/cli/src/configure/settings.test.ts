import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolveSettings } from './settings.ts';

let root: string;
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'worker-settings-'));
  env = { HOME: join(root, 'home') };
  for (const [directory, email] of [
    ['project', 'owner'],
    ['project', 'other'],
    ['elsewhere', 'owner'],
  ] as const) {
    const clients = join(root, directory, 'certs', 'clients');
    mkdirSync(clients, { recursive: true });
    writeFileSync(join(root, directory, 'certs', 'ca.crt'), `${directory} ca`);
    writeFileSync(join(clients, `${email}@example.com.crt`), `${directory} ${email} cert`);
    writeFileSync(join(clients, `${email}@example.com.key`), `${directory} ${email} key`, { mode: 0o600 });
  }
  mkdirSync(join(root, 'project', 'deep', 'down'), { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true }));

const text = (settings: ReturnType<typeof resolveSettings>) => [
  settings.address,
  settings.ca.toString(),
  settings.cert.toString(),
  settings.key.toString(),
];
const resolve = (flags = {}, directory = 'project/deep/down') => text(resolveSettings(flags, env, join(root, directory)));
const profile = (content: string) => {
  mkdirSync(join(root, 'home', '.config', 'worker'), { recursive: true });
  writeFileSync(join(root, 'home', '.config', 'worker', 'config.json'), content);
};
const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    const { message, next } = error as { message: string; next: string };
    return `${message}\n${next}`;
  }
  throw new Error('nothing was refused');
};

test('with nothing said, what `make certs` made is found from any directory below it', () => {
  expect(resolve()).toEqual(['https://127.0.0.1:7443', 'project ca', 'project owner cert', 'project owner key']);
});

test('a flag wins over the environment, which wins over the profile, which wins over the default', () => {
  profile('{"address": "https://profile:1", "as": "other@example.com"}');
  expect(resolve()[0]).toBe('https://profile:1');
  env['WORKER_ADDRESS'] = 'https://env:1';
  expect(resolve()[0]).toBe('https://env:1');
  expect(resolve({ address: 'https://flag:1' })[0]).toBe('https://flag:1');
});

test('who the caller is comes from one place whole: --as is not mixed with WORKER_CERT', () => {
  const elsewhere = join(root, 'elsewhere', 'certs', 'clients', 'owner@example.com');
  env['WORKER_CERT'] = `${elsewhere}.crt`;
  env['WORKER_KEY'] = `${elsewhere}.key`;
  expect(resolve().slice(2)).toEqual(['elsewhere owner cert', 'elsewhere owner key']);
  expect(resolve({ as: 'other@example.com' }).slice(2)).toEqual(['project other cert', 'project other key']);
});

test('an empty variable is as good as none', () => {
  env['WORKER_AS'] = '';
  expect(resolve()[2]).toBe('project owner cert');
});

test('paths in the profile are relative to it', () => {
  profile('{"ca": "my-ca.crt"}');
  writeFileSync(join(root, 'home', '.config', 'worker', 'my-ca.crt'), 'profile ca');
  expect(resolve()[1]).toBe('profile ca');
});

test('XDG_CONFIG_HOME moves the profile', () => {
  mkdirSync(join(root, 'xdg', 'worker'), { recursive: true });
  writeFileSync(join(root, 'xdg', 'worker', 'config.json'), '{"address": "https://xdg:1"}');
  env['XDG_CONFIG_HOME'] = join(root, 'xdg');
  expect(resolve()[0]).toBe('https://xdg:1');
});

test.each([
  ['{"adress": "x"}', 'adress'],
  ['{"address": 5}', 'address'],
  ['[]', 'object'],
  ['{', 'JSON'],
])('a profile of %s is refused, naming what is wrong with it [CLI-7]', (content, named) => {
  profile(content);
  expect(refusal(resolve)).toContain(named);
});

test.each([
  [{ cert: 'x' }, '--key'],
  [{ key: 'x' }, '--cert'],
  [{ as: 'a@b.c', cert: 'x', key: 'y' }, '--as'],
  [{ as: '../../etc/passwd' }, 'e-mail'],
  [{ as: 'nobody@example.com' }, 'nobody@example.com'],
  [{ ca: '/no/such/file' }, '/no/such/file'],
])('flags %j are refused, saying what would be right [CLI-7]', (flags, named) => {
  expect(refusal(() => resolve(flags))).toContain(named);
});

test('a key that others can read is refused with the command that mends it [WHO-6] [CLI-7]', () => {
  chmodSync(join(root, 'project', 'certs', 'clients', 'owner@example.com.key'), 0o644);
  expect(refusal(resolve)).toContain('chmod 600');
});

test('without any certificate the way to get one is named [CLI-7]', () => {
  expect(refusal(() => resolve({}, 'home/..'))).toContain('make certs');
});
