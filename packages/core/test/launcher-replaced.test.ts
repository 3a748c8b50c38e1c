import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, isAlive } from '@worker/testing';
import { expect, test } from 'vitest';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';
import { hello, ScriptedLauncher } from './support/scripted-launcher.ts';

test('[RUN-2] [SUB-1] a launcher of another version that takes the place of a dead one is ended, said so, and believed nothing; the next one of ours starts the job', async () => {
  await using bed = new Bed();
  // The first order has the first sequence: the second launcher claims at once that it has started it.
  const launched = { sequence: 1n, response: { case: 'launched', value: { shimPid: 1 } } } as const;
  const launchers = new ScriptedLauncher(bed.path('supervisor'), [[hello()], [hello(1), launched]]);
  const runner = await bed.open({ supervisorPath: launchers.path });
  const { job } = await runner.submit({ argv: ['sh', '-c', 'echo ran; exit 3'] });
  await eventually(() => launchers.wasAsked(0), { what: 'the job is ordered' });
  // The binary is replaced by another release's while the server runs.
  process.kill(launchers.pid(0)!, 'SIGKILL');
  const other = await eventually(() => launchers.pid(1), { what: 'another launcher is started' });
  await eventually(() => !isAlive(other), { what: 'it is ended' });
  await eventually(() => launchers.pid(2), { what: 'the next one is started' });
  expect((await runner.wait(job.id, { timeoutMs: 10_000 })).state).toMatchObject({ kind: 'completed', exit: { code: 3 } });
  expect(existsSync(join(bed.stateDir, 'jobs', job.id, 'result'))).toBe(true);
  expect((await collect(runner.output(job.id))).stdout.toString()).toBe('ran\n');
  const errors = bed.log.filter(({ level }) => level === 'error').map(({ message }) => message);
  expect(errors).toEqual([expect.stringMatching(/speaks version 1 of the wire, this release 2$/)]);
  expect((await collect(runner.output((await runner.submit({ argv: ['echo', 'well'] })).job.id))).stdout.toString()).toBe('well\n');
});
