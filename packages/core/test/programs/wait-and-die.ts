// Waits for the end of a job and dies the moment it is told of it.
import { openJobRunner } from '@worker/core';
import { ON_HOST } from '../support/on-host.ts';

const [stateDir = ''] = process.argv.slice(2);
const runner = await openJobRunner({ stateDir, ...ON_HOST });
const { job } = await runner.submit({ argv: ['sh', '-c', 'exit 9'] });
await runner.wait(job.id);
process.kill(process.pid, 'SIGKILL');
