import { expect, test } from 'vitest';
import { resolvePolicy } from '../submit/resolve-policy.ts';
import { checkJobUids, findUser } from './run-as.ts';

const files = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nbuild:x:1001:1002::/nowhere/at/all:/bin/sh\n4711:x:1003:1003::/:/bin/sh\nbroken:x:no:1::/:/\n',
  group: 'root:x:0:\nbuild:x:1002:build\ndocker:x:7:root,build\naudio:x:8:builder\nvideo:x:9:build\nbig:x:70000:\n',
};

test('[SUB-4] a user is found by name or number, with the groups that it is in and a home that exists', () => {
  expect(findUser('build', files)).toEqual({ name: 'build', home: '/', uid: 1001, gid: 1002, groups: [7, 9] });
  expect(findUser('1001', files)).toEqual(findUser('build', files));
  expect(findUser('4711', files).uid).toBe(1003);
  expect(findUser('build:docker', files)).toMatchObject({ uid: 1001, gid: 7, groups: [1002, 9] });
  expect(findUser('1001:8', files)).toMatchObject({ uid: 1001, gid: 8 });
});

test.each(['', 'nobody', '1002', '-1', '0x0', 'broken', 'build:7:7', 'build:', 'build:nogroup', ':', 'bui'])(
  '[SUB-5] the user %j is none, and that is said',
  (name) => {
    expect(() => findUser(name, files)).toThrow(expect.objectContaining({ code: 'invalid-argument', field: 'runAs' }));
  },
);

test('[ISO-8] the user ids of jobs are a range that holds nobody of the host', () => {
  checkJobUids({ first: 2000, last: 2000 }, files);
  for (const [first, last, field] of [
    [0, 10, 'jobUids.first'],
    [5, 4, 'jobUids.last'],
    [5, 2 ** 32 - 1, 'jobUids.last'],
    [1000, 1001, 'jobUids'],
    [69_000, 71_000, 'jobUids'],
  ] as const)
    expect(() => checkJobUids({ first, last }, files), field).toThrow(expect.objectContaining({ code: 'invalid-argument', field }));
});

test.each([
  ['a user without being root', false, { runAs: 'root' }, 'runAs'],
  ['user ids without being root', false, { jobUids: { first: 2000, last: 3000 } }, 'jobUids'],
  ['a user and user ids', true, { runAs: 'root', jobUids: { first: 2000, last: 3000 } }, 'jobUids'],
  ['no mode', true, { isolation: { modes: [] } }, 'isolation.modes'],
  ['a mode that is none', true, { isolation: { modes: ['jail'] } }, 'isolation.modes'],
  ['a network that is none', true, { isolation: { networks: ['lan'] } }, 'isolation.networks'],
  ['a relative cgroup', true, { cgroup: 'worker' }, 'cgroup'],
  ['an enforcement that is none', true, { enforcement: 'maybe' }, 'enforcement'],
])('[SUB-5] options with %s are refused, and the field is named', (_, isRoot, options, field) => {
  const given = { stateDir: '/s', ...options } as Parameters<typeof resolvePolicy>[0];
  expect(() => resolvePolicy(given, '/s', { isRoot, userFiles: () => files })).toThrow(
    expect.objectContaining({ code: 'invalid-argument', field }),
  );
});

test('[ISO-8] the safe level is the default: a sandbox, no network, no bind, and for root a user id for each job', () => {
  const { policy, runAs } = resolvePolicy({ stateDir: '/s' }, '/s', { isRoot: true, userFiles: () => files });
  expect(policy).toMatchObject({ modes: ['sandbox'], networks: ['none'], binds: [], ceilings: {}, bestEffort: false, ownUids: true });
  expect(runAs).toBeUndefined();
  expect(resolvePolicy({ stateDir: '/s', runAs: 'build' }, '/s', { isRoot: true, userFiles: () => files }).policy.ownUids).toBe(false);
});
