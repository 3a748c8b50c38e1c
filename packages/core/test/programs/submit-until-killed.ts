// Opens a runner and submits jobs one after another until it is killed. Tells of each on stdout: what it asks for before the call, the job after the answer.
import { writeSync } from 'node:fs';
import { openJobRunner } from '@worker/core';
import { ON_HOST } from '../support/on-host.ts';

const [stateDir = '', round = '', script = ''] = process.argv.slice(2);
const runner = await openJobRunner({ stateDir, ...ON_HOST });
for (let index = 0; ; index += 1) {
  const requestId = `${round}-${index}`;
  writeSync(1, `asked ${requestId}\n`);
  const { job } = await runner.submit({ argv: ['sh', '-c', script, 'sh', String(index % 5)], requestId });
  writeSync(1, `accepted ${requestId} ${job.id}\n`);
}
