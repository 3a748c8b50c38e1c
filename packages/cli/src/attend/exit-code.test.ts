import type { Job } from '@worker/client';
import { expect, test } from 'vitest';
import { exitCodeOf } from './exit-code.ts';

const base: Job = {
  id: '01980000-0000-7000-8000-000000000000',
  owner: 'owner@example.com',
  argv: ['true'],
  labels: {},
  limits: { outputBytes: 1, outputAction: 'truncate' },
  state: 'completed',
  ended: true,
  reason: 'exited',
  createdAt: new Date(0),
  unenforced: [],
  outputBytes: 0,
};

test.each<[string, Partial<Job>, number]>([
  ['a success', { exitCode: 0 }, 0],
  ['a failure', { exitCode: 7 }, 7],
  ['126 and 127 of the program itself', { exitCode: 127 }, 127],
  ['a signal', { reason: 'signaled', exitSignal: 'SIGSEGV' }, 139],
  ['a real-time signal', { reason: 'signaled', exitSignal: 'SIGRTMIN+1' }, 163],
  ['a stop that the program obeyed with 0', { state: 'stopped', reason: 'stop-requested', exitCode: 0 }, 143],
  ['a stop that the program obeyed with a code', { state: 'stopped', reason: 'stop-requested', exitCode: 3 }, 3],
  ['a stop by SIGTERM', { state: 'stopped', reason: 'stop-requested', exitSignal: 'SIGTERM' }, 143],
  ['a stop by SIGKILL', { state: 'stopped', reason: 'stop-requested', exitSignal: 'SIGKILL' }, 137],
  ['a time that was up', { state: 'stopped', reason: 'timed-out', exitSignal: 'SIGKILL' }, 124],
  ['memory that was used up', { state: 'stopped', reason: 'out-of-memory', exitSignal: 'SIGKILL' }, 137],
  ['memory that was used up by a child of a program that then succeeded', { state: 'stopped', reason: 'out-of-memory', exitCode: 0 }, 143],
  ['a stop before the start', { state: 'stopped', reason: 'cancelled' }, 143],
  ['a program that could not be started', { state: 'failed', reason: 'start-failed' }, 125],
  ['a lost job', { state: 'lost', reason: 'lost' }, 125],
])('%s is never taken for something else [CLI-1]', (_, job, code) => {
  expect(exitCodeOf({ ...base, ...job })).toBe(code);
});
