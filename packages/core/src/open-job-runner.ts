import { resolve } from 'node:path';
import { findSupervisor } from '@worker/supervisor';
import { CoreError } from './core-error.ts';
import { readSurroundings } from './examine/surroundings.ts';
import { readUserFiles } from './isolate/run-as.ts';
import type { JobRunner, JobRunnerOptions } from './job-runner.ts';
import { requireCeilings } from './limit/ceilings.ts';
import { ProcessLauncher } from './launch/process-launcher.ts';
import { LocalJobRunner } from './local-job-runner.ts';
import { SqliteJobStore } from './record/sqlite-job-store.ts';
import { prepareStateDirectory } from './record/state-directory.ts';
import { findStrays } from './recover/find-strays.ts';
import { recoverJobs } from './recover/recover-jobs.ts';
import { checkDelay } from './output/check-delay.ts';
import { AGAIN_AFTER_MS, OutputCompressor } from './output/output-compressor.ts';
import { checkText } from './submit/check-argument.ts';
import { resolvePolicy } from './submit/resolve-policy.ts';
import { requireMode, submissionRules } from './submit/submission-rules.ts';

/**
 * Opens a job runner on a state directory, and takes up what another process left there: jobs that run are followed, ends that nobody noted are noted, accepted
 * jobs that were never started are started.
 *
 * Errors: {@link CoreError} `invalid-argument`; `unavailable` when another runner has the directory, when others than its owner may enter it, when the store or the supervisor cannot be used, and,
 * with the cure, when this host can make no isolation that is allowed, or cannot enforce a ceiling that was given.
 */
export async function openJobRunner(options: JobRunnerOptions): Promise<JobRunner> {
  const stateDir = checkText(options.stateDir, 'stateDir');
  const log = options.log ?? ((): void => undefined);
  const afterMs = checkDelay(options.compressOutputAfterMs);
  const binary = options.supervisorPath ?? supervisor();
  const surroundings = readSurroundings(binary);
  const { policy, runAs } = resolvePolicy(options, resolve(stateDir), { isRoot: surroundings.isRoot, userFiles: readUserFiles });
  const directory = await prepareStateDirectory(stateDir);
  const store = await SqliteJobStore.open(directory.path, log);
  let runner: LocalJobRunner | undefined;
  try {
    const { jobUids } = options;
    const launcher = await ProcessLauncher.start({
      binary,
      stateDir: directory.path,
      cgroup: policy.cgroup,
      log,
      ...(jobUids === undefined ? {} : { jobUids }),
      ...(runAs === undefined ? {} : { runAs }),
    });
    const compressor = new OutputCompressor({ jobsDirectory: directory.jobs, afterMs, againAfterMs: AGAIN_AFTER_MS, log });
    const opened = new LocalJobRunner({ store, launcher, jobsDirectory: directory.jobs, policy, runAs, surroundings, compressor, log });
    runner = opened;
    const rules = submissionRules(policy, launcher.abilities, surroundings);
    for (const missing of requireMode(rules)) log({ level: 'warn', message: `jobs cannot ask for all that is allowed: ${missing}` });
    if (!policy.bestEffort) for (const mode of policy.modes) requireCeilings(policy.ceilings, rules.limitsFor(mode).support);
    await recoverJobs(store, (job) => opened.resume(job));
    findStrays(directory.jobs, store, log).catch((error: unknown) => {
      if (!(error instanceof CoreError && error.code === 'closed'))
        log({ level: 'warn', message: 'the job directories cannot be looked through', error });
    });
    compressor.takeUp();
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
