import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { CoreError, openJobRunner, type Capability, type JobRunner } from '@worker/core';
import type { JobOptions } from '../start-server.ts';
import { explainCore } from './explain-core.ts';
import type { DoctorOptions } from './options.ts';
import { StartError } from './read-identity.ts';
import { tryJobs, type Trial } from './try-jobs.ts';
import { UsageError } from './usage-error.ts';

/** What was found. */
interface Examination {
  readonly capabilities: readonly Capability[];
  /** One job of each kind that the flags let a client ask for. */
  readonly trials: readonly Trial[];
  /** Why a server with these flags would not start. */
  readonly problem?: string;
}

/**
 * Examines this host as a server with these flags would use it, by a launcher and jobs of its own in a directory that is gone afterwards. Resolves to the exit code: 0 when what the flags ask for is
 * enforced. Errors: UsageError, StartError.
 */
export async function doctor({ stateDir, jobs, output }: DoctorOptions): Promise<number> {
  const found = await examine(stateDir, jobs);
  const enforced = found.problem === undefined && found.trials.every(({ failure }) => failure === undefined);
  process.stdout.write(output === 'json' ? `${JSON.stringify({ enforced, ...found }, undefined, 2)}\n` : reportOf(found, enforced));
  return enforced ? 0 : 1;
}

async function examine(stateDir: string | undefined, jobs: JobOptions): Promise<Examination> {
  const directory = await makeDirectory(stateDir);
  try {
    return await examineIn(join(directory, 'state'), jobs);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function examineIn(stateDir: string, jobs: JobOptions): Promise<Examination> {
  let problem: string | undefined;
  // What cannot be opened as asked still tells what is missing when it is opened with less: with nothing that a host could lack at last.
  for (const options of [jobs, ...lessThan(jobs)]) {
    try {
      await using runner = await openJobRunner({ ...options, stateDir });
      return problem === undefined ? await examineWith(runner) : { capabilities: runner.capabilities(), trials: [], problem };
    } catch (error) {
      if (!(error instanceof CoreError)) throw error;
      const explained = explainCore(error, stateDir);
      if (explained instanceof UsageError && !isOfTheHost(error)) throw explained;
      problem ??= explained instanceof UsageError ? explained.message : error.message;
    }
  }
  throw new StartError(problem ?? 'nothing could be examined');
}

async function examineWith(runner: JobRunner): Promise<Examination> {
  const trials = await tryJobs(runner);
  // Not before the jobs have ended: they are what the answer is for.
  return { capabilities: runner.capabilities(), trials };
}

/** Which users there are, and whether jobs can be theirs, is the host's to say: another one would take the same flags. */
function isOfTheHost({ field = '' }: CoreError): boolean {
  return /^(runAs|jobUids)/.test(field);
}

function lessThan({ cgroup, jobUids }: JobOptions): JobOptions[] {
  const least: JobOptions = { isolation: { modes: ['host'] }, enforcement: 'best-effort', ...(cgroup === undefined ? {} : { cgroup }) };
  const ownUids = { ...least, ...(jobUids === undefined ? {} : { jobUids }) };
  return process.getuid?.() === 0 ? [ownUids, { ...least, runAs: '0' }] : [least];
}

/** On the file system that the server would use, where that was said. */
async function makeDirectory(stateDir: string | undefined): Promise<string> {
  const beside = stateDir === undefined ? tmpdir() : nearestDirectory(dirname(resolve(stateDir)));
  try {
    return await mkdtemp(join(beside, '.worker-doctor-'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unwritable';
    throw new StartError(`nothing can be written to ${beside} (${code}): name another place with --state-dir`, { cause: error });
  }
}

function nearestDirectory(path: string): string {
  return existsSync(path) ? path : nearestDirectory(dirname(path));
}

function reportOf({ capabilities, trials, problem }: Examination, enforced: boolean): string {
  const width = Math.max(...capabilities.map(({ name }) => name.length));
  const lines = capabilities.flatMap(({ name, available, detail, cure = '' }) => [
    `${available ? 'available' : 'missing  '}  ${name.padEnd(width)}  ${detail}`,
    ...(cure === '' ? [] : [`           to get it: ${cure}`]),
  ]);
  const tried = trials.map(
    ({ kind, failure }) =>
      `${failure === undefined ? 'works    ' : 'fails    '}  a job in ${kind}${failure === undefined ? '' : `: ${failure}`}`,
  );
  const verdict = enforced
    ? 'This host enforces what these flags ask for.'
    : `This host does not enforce what these flags ask for${problem === undefined ? '' : `: ${problem}`}`;
  return `${[...lines, '', ...tried, ...(tried.length === 0 ? [] : ['']), verdict].join('\n')}\n`;
}
