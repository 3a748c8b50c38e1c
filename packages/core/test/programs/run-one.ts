// Runs one job to its end and closes the runner. Has to leave by itself: nothing may keep it.
import { openJobRunner } from '@worker/core';
import { ON_HOST } from '../support/on-host.ts';

const [stateDir = ''] = process.argv.slice(2);
const runner = await openJobRunner({ stateDir, ...ON_HOST });
const { job } = await runner.submit({ argv: ['echo', 'one'] });
for await (const event of runner.output(job.id)) if (event.kind === 'end') process.stdout.write(`${String(event.complete)}\n`);
const waiting = await runner.submit({ argv: ['sleep', '0.2'] });
await runner.close();
process.stdout.write(`${String(waiting.existing)}\n`);
