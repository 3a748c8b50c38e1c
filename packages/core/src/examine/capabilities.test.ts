import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { HostSchema } from '@worker/supervisor';
import { expect, test } from 'vitest';
import { ABLE, DEBIAN, failed, NO_CGROUPS } from '../../test/support/made-up-host.ts';
import { capabilities } from './capabilities.ts';
import { hostAbilities } from './host-abilities.ts';
import type { Surroundings } from './surroundings.ts';
import { readSurroundings } from './surroundings.ts';

const USE = { cgroup: 'auto', runAs: undefined, ownUids: true, mode: 'sandbox' } as const;
const [EPERM, ENOSPC] = [1, 28];
const USER: Surroundings = { ...DEBIAN, isRoot: false };
const NOTHING = {
  ...NO_CGROUPS,
  sandbox: failed('unshare user', EPERM),
  networkNamespace: failed('unshare net', EPERM),
  seccomp: failed('seccomp', EPERM),
  landlockAbi: 0,
  ownUids: failed('setresuid', EPERM),
};

test('[ISO-7] a host that can do everything needs no cure', () => {
  const found = capabilities(ABLE, DEBIAN, USE);
  expect(found.every(({ available, cure }) => available && cure === undefined)).toBe(true);
  expect(found.map(({ name }) => name).sort()).toEqual(
    [
      ...['isolation.sandbox', 'isolation.host', 'isolation.network-none', 'isolation.own-uid', 'isolation.seccomp', 'isolation.landlock'],
      ...['kill.cgroup', 'kill.namespace', 'kill.own-uid', 'kill.sweep'],
      ...[
        'limit.memory',
        'limit.processes',
        'limit.cpu-weight',
        'limit.cpu',
        'limit.io',
        'limit.open-files',
        'limit.file-size',
        'limit.wall-time',
        'limit.output-bytes',
      ],
    ].sort(),
  );
});

test('[ISO-7] whatever a host lacks is named, each thing with a cure in one line', () => {
  for (const isRoot of [true, false])
    for (const container of [undefined, 'docker', 'podman', 'kubernetes', 'other'] as const)
      for (const hasSystemd of [true, false]) {
        const found = capabilities(NOTHING, { ...DEBIAN, isRoot, container, hasSystemd }, USE);
        for (const { name, available, cure, detail } of found) {
          expect(detail, name).not.toBe('');
          expect(available ? '' : cure, name).toMatch(available ? /^$/ : /^[^\n]{10,}$/);
        }
        expect(found.filter(({ available }) => available).map(({ name }) => name)).toEqual([
          'isolation.host',
          'kill.sweep',
          'limit.wall-time',
          'limit.output-bytes',
          'limit.open-files',
          'limit.file-size',
        ]);
      }
});

test.each<[string, Surroundings, string, string]>([
  [
    "Ubuntu's AppArmor restriction",
    { ...USER, distribution: ['ubuntu', 'debian'], apparmorRestrictsUserns: 1 },
    'isolation.sandbox',
    'apparmor_parser -r',
  ],
  ["Debian's switch", { ...USER, unprivilegedUsernsClone: 0 }, 'isolation.sandbox', 'kernel.unprivileged_userns_clone = 1'],
  ['no user namespaces at all', { ...USER, maxUserNamespaces: 0 }, 'isolation.sandbox', 'user.max_user_namespaces = 15000'],
  ['no network namespaces at all', { ...USER, maxNetNamespaces: 0 }, 'isolation.network-none', 'user.max_net_namespaces = 15000'],
  ['a unit that takes capabilities away', DEBIAN, 'isolation.sandbox', 'CapabilityBoundingSet='],
  ['a container of root', { ...DEBIAN, container: 'docker' }, 'isolation.sandbox', 'docker run --cap-add SYS_ADMIN'],
  ['a container of a user', { ...USER, container: 'podman' }, 'isolation.sandbox', 'podman run --security-opt seccomp=unconfined'],
  ['an ordinary user with systemd', USER, 'limit.memory', 'systemd-run --user --scope -p Delegate=yes'],
  ['an ordinary user whose systemd keeps the CPU', USER, 'limit.cpu', 'Delegate=cpu cpuset io memory pids'],
  ['a unit without delegation', DEBIAN, 'limit.memory', 'Delegate=yes'],
  ['a container without cgroups', { ...DEBIAN, container: 'docker' }, 'limit.memory', '--cgroupns private'],
  ['cgroup v1 without systemd', { ...DEBIAN, hasSystemd: false }, 'limit.io', 'cgroup2'],
  ['an ordinary user', USER, 'isolation.own-uid', 'as root'],
  [
    'a container with few user ids',
    { ...DEBIAN, container: 'docker', mappedUids: { first: 1000, last: 65_535 } },
    'isolation.own-uid',
    '--job-uids 55535-65534',
  ],
  [
    'a user namespace that forbids to change groups',
    { ...DEBIAN, forbidsGroups: true },
    'isolation.own-uid',
    'outside of this user namespace',
  ],
  ['the same', { ...DEBIAN, forbidsGroups: true }, 'isolation.sandbox', 'outside of this user namespace'],
])('[ISO-7] %s is told from the rest, and has its own cure', (_, host, name, cure) => {
  expect(capabilities(NOTHING, host, USE).find((found) => found.name === name)?.cure).toContain(cure);
});

test.each([
  ['setgroups', EPERM, DEBIAN, 'CAP_SETGID'],
  ['setresuid', EPERM, { ...DEBIAN, container: 'podman' } as const, 'podman run --cap-add SETUID'],
  ['setresuid', 22, DEBIAN, 'exist in this user namespace'],
  ['setgroups', EPERM, { ...DEBIAN, forbidsGroups: true }, 'outside of this user namespace'],
])('[ISO-7] jobs that cannot become the user named for them: where %s fails with %i the cure is its own', (stage, errno, host, cure) => {
  const abilities = { ...ABLE, runAs: failed(stage, errno) };
  const found = capabilities(abilities, host, { ...USE, runAs: 'build', ownUids: false }).find(({ name }) => name === 'isolation.host');
  expect(found).toMatchObject({ available: false, detail: expect.stringContaining(`the user build: ${stage} fails`) as string });
  expect(found?.cure).toContain(cure);
});

test('[ISO-7] cgroups that were switched off are cured by switching them on', () => {
  expect(capabilities(NOTHING, DEBIAN, { ...USE, cgroup: 'none' }).find(({ name }) => name === 'limit.memory')?.cure).toContain(
    '--cgroup none',
  );
});

test('[ISO-7] what a launcher does not speak of cannot be done', () => {
  for (const host of [undefined, create(HostSchema)]) {
    const abilities = hostAbilities(host);
    expect([abilities.sandbox, abilities.networkNamespace, abilities.seccomp, abilities.ownUids].some(({ done }) => done)).toBe(false);
    expect(Object.values(abilities.controllers).every(({ version }) => version === 0)).toBe(true);
  }
  const told = create(HostSchema, {
    sandbox: { done: false, stage: 'mount proc', errno: ENOSPC },
    controllers: [
      { name: 'memory', version: 1, path: '/x' },
      { name: 'io', version: 0, errno: 13 },
    ],
    memoryBytes: 5n,
  });
  expect(hostAbilities(told)).toMatchObject({
    sandbox: { done: false, stage: 'mount proc', errno: ENOSPC },
    controllers: { memory: { version: 1 }, io: { version: 0, errno: 13 }, cpu: { version: 0, errno: 2 } },
    memoryBytes: 5,
  });
});

test('[ISO-7] the facts that tell cures apart are read from the host, and what is not there is not known', () => {
  const root = mkdtempSync(join(tmpdir(), 'core-host-'));
  try {
    expect(Object.keys(readSurroundings('/s', root, {})).sort()).toEqual([
      'container',
      'distribution',
      'hasSystemd',
      'isRoot',
      'supervisorPath',
    ]);
    const files = {
      'etc/os-release': 'NAME="X"\nID=ubuntu\nID_LIKE="debian other"\n',
      'proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n',
      'proc/sys/user/max_user_namespaces': '63\n',
      'proc/sys/kernel/unprivileged_userns_clone': 'nonsense',
      'proc/self/uid_map': '         0       1000          1\n         1     100000      65536\n',
      'proc/self/setgroups': 'deny\n',
      '.dockerenv': '',
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const found = readSurroundings('/s', root, {});
    expect(found).toMatchObject({
      distribution: ['ubuntu', 'debian', 'other'],
      container: 'docker',
      apparmorRestrictsUserns: 1,
      maxUserNamespaces: 63,
      mappedUids: { first: 1000, last: 65_536 },
      forbidsGroups: true,
    });
    expect(found).not.toHaveProperty('unprivilegedUsernsClone');
  } finally {
    rmSync(root, { recursive: true });
  }
});
