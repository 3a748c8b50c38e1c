import type { RunnerSession } from '@worker/vm';
import { expect } from 'vitest';
import { PATIENCE } from './slowness.ts';

/** What a job has written to stdout so far. */
export async function said(session: RunnerSession, id: string): Promise<string> {
  return Buffer.from((await session.output(id, { follow: false })).stdout).toString();
}

/** Waits for a running job to have written this. */
export async function hasSaid(session: RunnerSession, id: string, text: string): Promise<void> {
  await expect.poll(() => said(session, id), PATIENCE).toContain(text);
}
