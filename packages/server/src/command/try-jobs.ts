import { CoreError, errnoName, type Job, type JobRunner, type SubmitOptions } from '@worker/core';

/** A job that was run to see whether such jobs can be. */
export interface Trial {
  /** Such as `a sandbox without network`. */
  readonly kind: string;
  /** Why it did not end as it should have. */
  readonly failure?: string;
}

// Of a job that exits at once: it waits for nothing but a busy machine.
const deadlineMs = 30_000;

/** Runs a job of each kind that may be asked for, one after the other. */
export async function tryJobs(runner: JobRunner): Promise<Trial[]> {
  const { modes, networks } = runner.offers();
  const kinds = modes.flatMap((mode): { kind: string; isolation: NonNullable<SubmitOptions['isolation']> }[] =>
    mode === 'host'
      ? [{ kind: 'the host', isolation: { mode } }]
      : networks.map((network) => ({
          kind: network === 'none' ? 'a sandbox without network' : "a sandbox with the host's network",
          isolation: { mode, network },
        })),
  );
  const trials: Trial[] = [];
  for (const { kind, isolation } of kinds) {
    const failure = await failureOf(runner, isolation);
    trials.push({ kind, ...(failure === undefined ? {} : { failure }) });
  }
  return trials;
}

async function failureOf(runner: JobRunner, isolation: NonNullable<SubmitOptions['isolation']>): Promise<string | undefined> {
  try {
    const { job } = await runner.submit({ argv: ['true'], isolation });
    return describe(await runner.wait(job.id, { timeoutMs: deadlineMs }));
  } catch (error) {
    if (error instanceof CoreError) return error.message;
    throw error;
  }
}

function describe({ state }: Job): string | undefined {
  switch (state.kind) {
    case 'completed':
      return state.exit.kind === 'code' && state.exit.code === 0 ? undefined : 'its program did not succeed';
    case 'failed': {
      const { stage, subject, errno } = state.failure;
      return `it could not be started: ${stage} of ${JSON.stringify(subject)} failed${errno === 0 ? '' : ` with ${errnoName(errno)}`}`;
    }
    case 'stopped':
      return `it was stopped: ${state.reason.replaceAll('-', ' ')}`;
    case 'lost':
      return 'its supervisor was killed';
    default:
      return `it is still ${state.kind} after ${deadlineMs / 1000} s`;
  }
}
