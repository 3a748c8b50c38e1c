import type { AllowedBind, Ceilings, IsolationMode, NetworkMode } from '@worker/core';
import type { JobOptions } from '../start-server.ts';
import { count, duration, processors, size, type Quantity } from './quantity.ts';
import { notUnderstood } from './usage-error.ts';

/** What jobs may ask for and whom they run as: of the server, and of its doctor. */
export const jobFlags = {
  isolation: { type: 'string' },
  network: { type: 'string' },
  bind: { type: 'string', multiple: true },
  'run-as': { type: 'string' },
  'job-uids': { type: 'string' },
  cgroup: { type: 'string' },
  enforcement: { type: 'string' },
  'max-memory': { type: 'string' },
  'max-processes': { type: 'string' },
  'max-cpus': { type: 'string' },
  'max-wall-time': { type: 'string' },
  'max-open-files': { type: 'string' },
  'max-file-size': { type: 'string' },
  'max-io-read': { type: 'string' },
  'max-io-write': { type: 'string' },
  'max-output': { type: 'string' },
} as const;

/** A flag's value, or that of its variable. */
export type Given = (flag: Exclude<keyof typeof jobFlags, 'bind'>) => string | undefined;

const modes: readonly IsolationMode[] = ['sandbox', 'host'];
const networks: readonly NetworkMode[] = ['none', 'host'];

/** Flags of ceilings, with the limit that each holds down. */
export const ceilingFlags = {
  'max-memory': ['memoryBytes', size],
  'max-processes': ['processes', count],
  'max-cpus': ['cpuMillis', processors],
  'max-wall-time': ['wallTimeMs', duration],
  'max-open-files': ['openFiles', count],
  'max-file-size': ['fileSizeBytes', size],
  'max-io-read': ['ioReadBytesPerSecond', size],
  'max-io-write': ['ioWriteBytesPerSecond', size],
  'max-output': ['outputBytes', size],
} as const satisfies Partial<Record<keyof typeof jobFlags, readonly [keyof Ceilings, Quantity]>>;

/** Errors: UsageError. What the host makes of them is found when the runner is opened. */
export function jobOptionsOf(given: Given, binds: readonly string[]): JobOptions {
  const runAs = given('run-as');
  const uids = given('job-uids');
  const cgroup = given('cgroup');
  const enforcement = given('enforcement');
  return {
    isolation: {
      modes: listOf('isolation', modes, given('isolation') ?? 'sandbox'),
      networks: listOf('network', networks, given('network') ?? 'none'),
      binds: binds.map(parseBind),
    },
    ...(runAs === undefined ? {} : { runAs }),
    ...(uids === undefined ? {} : { jobUids: parseRange(uids) }),
    ...(cgroup === undefined ? {} : { cgroup: parseCgroup(cgroup) }),
    ...(enforcement === undefined ? {} : { enforcement: oneOf('enforcement', ['require', 'best-effort'] as const, enforcement) }),
    maxLimits: ceilingsOf(given),
  };
}

function ceilingsOf(given: Given): Partial<Ceilings> {
  const entries = (Object.keys(ceilingFlags) as (keyof typeof ceilingFlags)[]).flatMap((flag) => {
    const text = given(flag);
    if (text === undefined) return [];
    const [limit, { form, parse }] = ceilingFlags[flag];
    const value = text === 'none' ? Infinity : parse(text);
    if (value === undefined) throw notUnderstood(flag, `none, or ${form}`, text);
    return [[limit, value] as const];
  });
  return Object.fromEntries(entries);
}

function listOf<Name extends string>(flag: string, names: readonly Name[], text: string): Name[] {
  const chosen = text.split(',').map((word) => names.find((name) => name === word));
  if (chosen.includes(undefined) || new Set(chosen).size < chosen.length)
    throw notUnderstood(flag, `one or more of ${names.join(', ')}, separated by commas, the default first`, text);
  return chosen.filter((name) => name !== undefined);
}

function oneOf<Name extends string>(flag: string, names: readonly Name[], text: string): Name {
  const name = names.find((candidate) => candidate === text);
  if (name === undefined) throw notUnderstood(flag, names.join(' or '), text);
  return name;
}

function parseBind(text: string): AllowedBind {
  const [, paths = '', access] = /^(.*?)(?::(rw|ro))?$/s.exec(text) ?? [];
  const [source = '', target, ...more] = paths.split(':');
  if (more.length > 0 || !source.startsWith('/') || target?.startsWith('/') === false)
    throw notUnderstood('bind', 'SOURCE[:TARGET][:rw], absolute paths without a colon in them', text);
  return { source, ...(target === undefined ? {} : { target }), writable: access === 'rw' };
}

function parseRange(text: string): { first: number; last: number } {
  // The last two are "no user" and the overflow of 16 bits made wide.
  const highest = 4_294_967_293;
  const [, first, last] = /^(\d{1,10})-(\d{1,10})$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (!(range.first >= 1 && range.first <= range.last && range.last <= highest))
    throw notUnderstood('job-uids', 'FIRST-LAST, two user ids such as 1880000000-1880065535', text);
  return range;
}

function parseCgroup(text: string): string {
  if (text !== 'auto' && text !== 'none' && !text.startsWith('/'))
    throw notUnderstood('cgroup', 'auto, none, or the absolute path of a cgroup', text);
  return text;
}
