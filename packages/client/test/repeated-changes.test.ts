import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { CuttingProxy, eventually, within } from '@worker/testing';
import { expect, test } from 'vitest';
import { WorkerClient, type WayChange } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';

const bed = await ClientBed.forFile();
const owner = await bed.connect();

test('a submission with a request id that is cut anywhere, also behind the acknowledgement, is made again and runs once [CLIENT-7] [SUB-2] [SUB-3]', async () => {
  // What the server sends up to its first word of HTTP/2, and somewhat less than that with its answer to a submission.
  const places = Array.from({ length: 60 }, (_, index) => 1_200 + 50 * index);
  let place = 0;
  const fateOf = (connection: number) => (connection === 0 ? { after: place, how: 'reset' as const } : undefined);
  const ran = bed.bed.path('ran');
  writeFileSync(ran, '');
  // Each job is a user of its own.
  chmodSync(ran, 0o666);
  const jobs = new Set<string>();
  let [cut, existing] = [0, 0];
  for (place of places) {
    await using proxy = await CuttingProxy.open({ port: Number(new URL(await bed.bed.server.ready).port), fateOf });
    const address = `https://127.0.0.1:${proxy.port}`;
    await using client = await WorkerClient.connect({ ...(await bed.options()), address }).catch(() => null);
    // It was cut before there was a connection.
    if (client === null) continue;
    const changes: WayChange[] = [];
    const submitted = await client.submit({
      argv: ['sh', '-c', `echo "$0" >>${ran}`, String(place)],
      isolation: { mode: 'host' },
      requestId: `place-${place}`,
      reconnect: { minDelayMs: 1 },
      onConnection: (change) => changes.push(change),
    });
    jobs.add(submitted.job.id);
    if (submitted.existing) existing += 1;
    if (changes.length > 0) cut += 1;
    expect(changes.map(({ kind }) => kind)).toEqual(changes.length === 0 ? [] : ['lost', 'restored']);
  }
  for (const id of jobs) await owner.wait(id);
  console.log(`${jobs.size} submissions, ${cut} of them cut, ${existing} of those behind the acknowledgement`);
  expect(existing).toBeGreaterThan(0);
  const lines = readFileSync(ran, 'utf8').split('\n').filter(Boolean);
  expect(new Set(lines).size).toBe(lines.length);
  expect(lines).toHaveLength(jobs.size);
});

test('a submission with a request id that the server never read is made again, by a new start of it [CLIENT-7] [SUB-1] [SUB-2]', async () => {
  const client = await bed.connect();
  process.kill(bed.bed.server.pid, 'SIGSTOP');
  const submitting = client.submit({ argv: ['true'], requestId: 'unread', reconnect: { minDelayMs: 10 } });
  await bed.bed.killAndRestart();
  const { job, existing } = await within(20_000, 'it is acknowledged', submitting);
  expect(existing).toBe(false);
  expect(await owner.wait(job.id)).toMatchObject({ job: { exitCode: 0 } });
});

test('a submission without a request id is never made again, and asking for it is refused [CLIENT-7] [CLIENT-6] [SUB-2]', async () => {
  await expect(owner.submit({ argv: ['true'], reconnect: {} })).rejects.toMatchObject({ code: 'invalid-argument', field: 'reconnect' });
  const client = await bed.connect();
  process.kill(bed.bed.server.pid, 'SIGSTOP');
  const submitting = client.submit({ argv: ['true'], labels: { once: 'yes' } }).catch((error: unknown) => error);
  await bed.bed.killAndRestart();
  expect(await within(10_000, 'it fails', submitting)).toMatchObject({ code: 'unavailable', reason: '' });
});

test('a stop goes through a kill -9 of the server: the program hears its signal once, and the grace gets no longer [CLIENT-7] [KILL-3]', async () => {
  const [heard, alive] = [bed.bed.path('heard'), bed.bed.path('alive')];
  const gate = bed.bed.gate();
  const script = `note() { read up _ </proc/uptime; echo "$up" >>"$1"; }
    trap 'note "$HEARD"' TERM; echo ready; read _ <"$GATE"; while :; do note "$ALIVE"; sleep 0.05; done`;
  const id = await bed.run(owner, script, { env: { HEARD: heard, ALIVE: alive, GATE: gate.path }, isolation: { mode: 'host' } });
  for await (const event of owner.follow(id)) if (event.kind === 'chunk') break;
  const began = performance.now();
  const changes: WayChange[] = [];
  const stopping = owner.stop(id, { graceMs: 6_000, reconnect: { minDelayMs: 10 }, onConnection: (change) => changes.push(change) });
  const once = owner.stop(id, { graceMs: 6_000 }).catch((error: unknown) => error);
  gate.open();
  await eventually(() => existsSync(heard), { what: 'the program hears the signal' });
  /** Seconds from the signal to the last sign of life, by the program itself. */
  const lived = () => Number(notesIn(alive).at(-1)) - Number(notesIn(heard)[0]);
  await bed.bed.server.kill('SIGKILL');
  await eventually(() => lived() > 3, { what: 'half of the grace is over', deadline: 30_000 });
  const away = lived();
  bed.bed.server = await bed.bed.server.restart();
  expect(await within(10_000, 'the other one fails', once)).toMatchObject({ code: 'unavailable' });
  expect(await within(30_000, 'the stop is answered', stopping)).toMatchObject({ job: { state: 'stopped' }, survivingPids: [] });
  expect(performance.now() - began).toBeGreaterThan(5_900);
  // Counted anew, it would be over later by as long as the server was away, at the least.
  expect(lived()).toBeLessThan(6 + away / 2);
  expect(changes[0]).toMatchObject({ kind: 'lost' });
  expect(notesIn(heard)).toHaveLength(1);
});

function notesIn(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}

test('a list goes through a kill -9 of the server where that is asked for: every job once, and by default no page is asked for again [CLIENT-7] [JOB-5]', async () => {
  const labels = { listed: 'yes' };
  const submitted: string[] = [];
  for (let count = 0; count < 4; count += 1) submitted.push((await owner.submit({ argv: ['true'], labels })).job.id);
  const changes: WayChange[] = [];
  const again = owner.list({ labels, pageSize: 1, reconnect: { minDelayMs: 10 }, onConnection: (change) => changes.push(change) });
  const never = owner.list({ labels, pageSize: 1 });
  const listed = [(await again.next()).value?.id];
  await never.next();
  await bed.bed.server.kill('SIGKILL');
  await expect(never.next()).rejects.toMatchObject({ code: 'connect-failed' });
  const rest = (async () => {
    for await (const { id } of again) listed.push(id);
  })();
  await eventually(() => changes.length === 1, { what: 'it is told that the connection is lost', deadline: 30_000 });
  bed.bed.server = await bed.bed.server.restart();
  await within(30_000, 'the list ends', rest);
  expect(listed).toEqual(submitted.toReversed());
  expect(changes.map(({ kind }) => kind)).toEqual(['lost', 'restored']);
});
