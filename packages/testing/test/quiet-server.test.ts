import { expect, test } from 'vitest';
import { eventually, processesOf, switchesWithin, TestBed } from '../src/index.ts';

const WINDOW_MS = 2_000;
// The server: what a V8 that has just worked may do on its own. The native processes have no timer that runs: exactly none.
const SERVER_SWITCHES = 20;

test('quiet jobs with followers and waiters cost no CPU: nobody polls, neither server nor launcher, guard or shim [OUT-10]', async () => {
  await using bed = await TestBed.open();
  const ids = await Promise.all(Array.from({ length: 3 }, () => bed.run('echo first; exec sleep 1000')));
  // At the end of their pipes there is nothing to wait for any more, which a careless loop takes for something to read.
  await bed.run('exec >&- 2>&-; exec sleep 1000');
  const running = ids.length + 1;
  const over = new AbortController();
  const { signal } = over;
  const callers = await Promise.all(Array.from({ length: 3 }, () => bed.connect()));
  const quiet = callers.flatMap(({ jobs, worker }) =>
    ids.flatMap((id) => {
      const output = jobs.streamOutput({ id }, { signal })[Symbol.asyncIterator]();
      const logs = worker.getLogs({ id }, { signal })[Symbol.asyncIterator]();
      return [
        // Each has had the first line and waits for a second.
        output.next().then(() => output.next()),
        logs.next().then(() => logs.next()),
        jobs.waitJob({ id }, { signal }),
      ];
    }),
  );
  let answered = 0;
  for (const call of quiet) void call.then(() => (answered += 1)).catch(() => undefined);

  // The server, the launcher, and a guard and a shim a job.
  const names = await eventually(
    () => {
      const found = processesOf(bed.stateDir).filter(({ commandLine }) => !/^(?:sleep|sh) /.test(commandLine));
      return found.length === 2 + 2 * running && new Map(found.map(({ pid, commandLine }) => [pid, commandLine]));
    },
    { what: 'every process of ours is there' },
  );
  const ours = Array.from(names.keys());
  await eventually(async () => (await switchesWithin(ours, 250)).every(({ switches }) => switches <= 2), {
    what: 'everything has come to rest',
    deadline: 15_000,
  });

  for (const { pid, switches } of await switchesWithin(ours, WINDOW_MS)) {
    expect(switches, `${names.get(pid)}: context switches in ${WINDOW_MS} ms`).toBeLessThanOrEqual(
      pid === bed.server.pid ? SERVER_SWITCHES : 0,
    );
  }
  expect(answered, 'all were still waiting').toBe(0);
  over.abort();
  await Promise.allSettled(quiet);
});
