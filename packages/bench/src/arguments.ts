import { parseArgs } from 'node:util';
import type { Effort } from './measurement.ts';

const sections = [
  'jobs',
  'limits',
  'sandbox',
  'loop',
  'first-byte',
  'output',
  'logs',
  'latency',
  'python',
  'seek',
  'disk',
  'memory',
  'start',
] as const;
export type Section = (typeof sections)[number];

export interface BenchArguments {
  readonly effort: Effort;
  readonly quick: boolean;
  readonly only: readonly Section[];
  /** How many jobs run at a time. */
  readonly atOnce: readonly number[];
  /** Where the table goes as JSON too. */
  readonly json?: string;
}

export const usage = `usage: main.ts [--quick] [--only ${sections.join(',')}] [--at-once N,N] [--seek-gib N] [--json FILE]

  --quick       about 20 seconds instead of about three minutes
  --only LIST   these sections alone
  --at-once N,N how many jobs run at a time where rates of jobs are measured; default 8,32
  --seek-gib N  how long the output is in which places are looked for; default 1
  --json FILE   write every sample as JSON, too

Everything is kept in a directory under TMPDIR that is removed at the end.`;

const MiB = 1024 * 1024;

const thorough: Omit<Effort, 'seekBytes'> = {
  rounds: 5,
  rateMs: 1500,
  firstByteJobs: 100,
  outputBytes: 128 * MiB,
  latencyLines: 400,
  memoryJobs: 1000,
  memoryFollowers: 100,
  runningJobs: 20,
};

const quick: Omit<Effort, 'seekBytes'> = {
  rounds: 2,
  rateMs: 400,
  firstByteJobs: 50,
  outputBytes: 64 * MiB,
  latencyLines: 200,
  memoryJobs: 300,
  memoryFollowers: 100,
  runningJobs: 10,
};

/** Throws an Error with one line for the user. */
export function parseArguments(args: readonly string[]): BenchArguments | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      'at-once': { type: 'string', default: '8,32' },
      'seek-gib': { type: 'string', default: '1' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    effort: { ...(values.quick ? quick : thorough), seekBytes: count('seek-gib', values['seek-gib']) * 1024 * MiB },
    quick: values.quick,
    only: values.only === undefined ? sections : values.only.split(',').map(section),
    atOnce: values['at-once'].split(',').map((text) => count('at-once', text)),
    ...(values.json !== undefined && { json: values.json }),
  };
}

function section(name: string): Section {
  const found = sections.find((known) => known === name);
  if (found === undefined) throw new Error(`--only: no section '${name}': one of ${sections.join(', ')}`);
  return found;
}

function count(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${flag}: '${text}' is no whole number, 1 or more`);
  return number;
}
