import { expect, test } from 'vitest';
import { ABLE, DEBIAN, GIB, NO_CGROUPS, POLICY } from '../../test/support/made-up-host.ts';
import type { Policy } from '../submit/submission-rules.ts';
import { offersOf, submissionRules } from '../submit/submission-rules.ts';
import { checkCeilings, requireCeilings } from './ceilings.ts';
import { LIMIT_NAMES, noLimits } from './limit-name.ts';
import type { LimitName } from './limit-name.ts';
import { limitSupport } from './limit-support.ts';
import { resolveLimits } from './resolve-limits.ts';

const MEMORY_CEILING = Math.floor((10 * GIB * 0.8) / 4096) * 4096;

function resolve(given: object, policy: Partial<Policy> = {}, abilities = ABLE, mode: 'sandbox' | 'host' = 'sandbox') {
  return resolveLimits(given, submissionRules({ ...POLICY, ...policy }, abilities, DEBIAN).limitsFor(mode));
}

const BARE = { abilities: NO_CGROUPS, surroundings: DEBIAN, cgroup: 'auto', ownUids: false };
const MOST = Number.MAX_SAFE_INTEGER;
const bounds: [LimitName, number, number][] = [
  ['wallTimeMs', 1, 10 * 366 * 86_400_000],
  ['outputBytes', 1, MOST],
  ['memoryBytes', 1024 * 1024, 10 * GIB],
  ['processes', 1, 4 * 1024 * 1024],
  ['cpuWeight', 1, 10_000],
  ['cpuMillis', 10, 2000],
  ['openFiles', 8, 1_048_576],
  ['fileSizeBytes', 1, MOST],
  ['ioReadBytesPerSecond', 1024, MOST],
  ['ioWriteBytesPerSecond', 1024, MOST],
];

test.each(bounds)(
  '[LIM-1] [SUB-5] %s is taken from its least to the most that the host has, and refused at 0, below and beyond',
  (name, least, most) => {
    for (const value of [least, most]) expect(resolve({ [name]: value }, {}, ABLE, 'host')[name]).toBe(value);
    for (const value of [0, -1, least - 1, most + 1, least + 0.5, NaN, Infinity, '7', null])
      expect(() => resolve({ [name]: value }, {}, ABLE, 'host'), String(value)).toThrow(
        expect.objectContaining({ code: 'invalid-argument', field: `limits.${name}` }),
      );
  },
);

test.each(bounds)('[LIM-5] %s at its ceiling is taken, above it is refused, and not asked for it is the ceiling', (name, least) => {
  const ceiling = least + 1;
  const policy = { ceilings: { [name]: ceiling }, defaultOutputBytes: 7 };
  expect(resolve({ [name]: ceiling }, policy)[name]).toBe(ceiling);
  expect(resolve({ [name]: least }, policy)[name]).toBe(least);
  expect(() => resolve({ [name]: ceiling + 1 }, policy)).toThrow(
    expect.objectContaining({
      code: 'invalid-argument',
      field: `limits.${name}`,
      message: expect.stringContaining(String(ceiling)) as string,
    }),
  );
  expect(resolve({}, policy)[name]).toBe(Math.min(ceiling, name === 'outputBytes' ? 7 : ceiling));
});

test('[LIM-5] a sandboxed job has ceilings unless told otherwise; one on the host has none; one that the host cannot enforce is none', () => {
  expect(resolve({})).toEqual({ ...noLimits(7), processes: 4096, memoryBytes: MEMORY_CEILING });
  expect(() => resolve({ memoryBytes: MEMORY_CEILING + 1 })).toThrow(expect.objectContaining({ field: 'limits.memoryBytes' }));
  expect(resolve({}, { ceilings: { processes: Infinity, memoryBytes: Infinity } })).toEqual(noLimits(7));
  expect(resolve({}, {}, ABLE, 'host')).toEqual(noLimits(7));
  expect(resolve({}, { ownUids: false }, NO_CGROUPS)).toEqual(noLimits(7));
  // More than the host has is what the host has.
  expect(resolve({}, { ceilings: { memoryBytes: 1000 * GIB } }).memoryBytes).toBe(10 * GIB);
});

test('[LIM-1] [LIM-3] without cgroups processes are held where they are counted for one job alone: by its own user id, or by its user namespace', () => {
  expect(resolve({}, { ownUids: true }, NO_CGROUPS, 'sandbox').processes).toBe(4096);
  expect(resolve({ processes: 9 }, { ownUids: true }, NO_CGROUPS, 'host').processes).toBe(9);
  const enforced = (mode: 'sandbox' | 'host', isRoot: boolean, kernel: readonly [number, number]): boolean =>
    limitSupport('processes', mode, { ...BARE, abilities: { ...NO_CGROUPS, kernel }, surroundings: { ...DEBIAN, isRoot } }).enforced;
  expect(enforced('sandbox', false, [5, 14])).toBe(true);
  expect(enforced('sandbox', false, [6, 1])).toBe(true);
  expect(enforced('sandbox', false, [5, 13])).toBe(false);
  expect(enforced('host', false, [6, 1])).toBe(false);
  expect(enforced('sandbox', true, [6, 1])).toBe(false);
});

test('[LIM-5] an ordinary weight is no more than an ordinary one, whatever the ceiling', () => {
  expect(resolve({}, { ceilings: { cpuWeight: 5000 } }).cpuWeight).toBe(100);
  expect(resolve({}, { ceilings: { cpuWeight: 50 } }).cpuWeight).toBe(50);
});

test.each(['memoryBytes', 'processes', 'cpuWeight', 'cpuMillis', 'ioReadBytesPerSecond', 'ioWriteBytesPerSecond'] as const)(
  '[LIM-1] [ISO-7] %s on a host that cannot enforce it is refused with the cure, and taken when the runner does what it can',
  (name) => {
    const value = bounds.find(([known]) => known === name)![1];
    expect(() => resolve({ [name]: value }, { ownUids: false }, NO_CGROUPS)).toThrow(
      expect.objectContaining({
        code: 'invalid-argument',
        field: `limits.${name}`,
        message: expect.stringContaining('Delegate=yes') as string,
      }),
    );
    expect(resolve({ [name]: value }, { bestEffort: true }, NO_CGROUPS)[name]).toBe(value);
    expect(() => requireCeilings({ [name]: value }, (limit) => limitSupport(limit, 'sandbox', BARE))).toThrow(
      expect.objectContaining({ code: 'unavailable', message: expect.stringContaining('Delegate=yes') as string }),
    );
    requireCeilings({ [name]: value }, (limit) => limitSupport(limit, 'sandbox', { ...BARE, abilities: ABLE }));
    requireCeilings({ [name]: Infinity }, (limit) => limitSupport(limit, 'sandbox', BARE));
  },
);

test('[LIM-5] a ceiling that is none of ours, 0 or no number is refused, and the field is named', () => {
  for (const [given, field] of [
    [{ speed: 1 }, 'maxLimits.speed'],
    [{ outputAction: 1 }, 'maxLimits.outputAction'],
    [{ processes: 0 }, 'maxLimits.processes'],
    [{ cpuWeight: 10_001 }, 'maxLimits.cpuWeight'],
    [{ memoryBytes: '1g' }, 'maxLimits.memoryBytes'],
  ] as const)
    expect(() => checkCeilings(given as object)).toThrow(expect.objectContaining({ code: 'invalid-argument', field }));
  expect(checkCeilings({ processes: undefined, memoryBytes: Infinity })).toEqual({ memoryBytes: Infinity });
});

test('[ISO-7] the offers name what may be asked for, with the limits of a job that asks for none', () => {
  const binds = [{ source: '/a', target: '/b', writable: false }];
  const offers = offersOf(submissionRules({ ...POLICY, binds, ceilings: { wallTimeMs: 9 } }, ABLE, DEBIAN));
  const ceilings = { ...noLimits(0), wallTimeMs: 9, processes: 4096, memoryBytes: MEMORY_CEILING };
  expect(offers).toEqual({
    modes: ['sandbox', 'host'],
    networks: ['none'],
    binds,
    defaultLimits: { ...ceilings, outputBytes: 7 },
    maxLimits: ceilings,
  });
  expect(LIMIT_NAMES.every((name) => name in offers.maxLimits)).toBe(true);
});
