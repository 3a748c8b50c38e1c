import { findSupervisor } from '@worker/supervisor';
import { CoreError } from './core-error.ts';
import type { JobRunner, JobRunnerOptions } from './job-runner.ts';
import { ProcessLauncher } from './launch/process-launcher.ts';
import { LocalJobRunner } from './local-job-runner.ts';
import { SqliteJobStore } from './record/sqlite-job-store.ts';
import { prepareStateDirectory } from './record/state-directory.ts';
import { findStrays } from './recover/find-strays.ts';
import { recoverJobs } from './recover/recover-jobs.ts';
import { currentUser } from './submit/base-environment.ts';
import { checkInteger, checkText } from './submit/check-argument.ts';

const DEFAULT_OUTPUT_BYTES = 4 * 1024 ** 3;

/**
 * Opens a job runner on a state directory, and takes up what another process left there: jobs that run are followed, ends that nobody noted are noted, accepted
 * jobs that were never started are started.
 *
 * Errors: {@link CoreError} `invalid-argument`; `unavailable` when another runner has the directory, when others than its owner may enter it, or when the store or the
 * supervisor cannot be used.
 */
export async function openJobRunner(options: JobRunnerOptions): Promise<JobRunner> {
  const stateDir = checkText(options.stateDir, 'stateDir');
  const defaultOutputBytes = checkInteger(
    options.defaultOutputBytes ?? DEFAULT_OUTPUT_BYTES,
    'defaultOutputBytes',
    1,
    Number.MAX_SAFE_INTEGER,
  );
  const log = options.log ?? ((): void => undefined);
  const binary = options.supervisorPath ?? supervisor();
  const directory = await prepareStateDirectory(stateDir);
  const store = await SqliteJobStore.open(directory.path);
  let runner: LocalJobRunner | undefined;
  try {
    const launcher = await ProcessLauncher.start({ binary, stateDir: directory.path, log });
    const opened = new LocalJobRunner({ store, launcher, jobsDirectory: directory.jobs, user: currentUser(), defaultOutputBytes, log });
    runner = opened;
    await recoverJobs(store, (job) => opened.resume(job));
    findStrays(directory.jobs, store, log).catch((error: unknown) => {
      if (!(error instanceof CoreError && error.code === 'closed'))
        log({ level: 'warn', message: 'the job directories cannot be looked through', error });
    });
    return opened;
  } catch (error) {
    await (runner ?? store).close();
    throw error;
  }
}

function supervisor(): string {
  try {
    return findSupervisor();
  } catch (error) {
    throw new CoreError('unavailable', error instanceof Error ? error.message : 'the supervisor is missing', { cause: error });
  }
}
