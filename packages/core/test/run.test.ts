import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded } from '@worker/core';
import { eventually } from '@worker/testing';
import { expect, test } from 'vitest';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';

test('[OUT-1] [OUT-3] what a job writes comes out, stream by stream, and the end says how it ended', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job, existing } = await runner.submit({ argv: ['sh', '-c', 'printf out; printf err >&2'], owner: 'me' });
  expect(existing).toBe(false);
  expect(job).toMatchObject({ owner: 'me', state: { kind: 'queued' } });
  const { stdout, stderr, end } = await collect(runner.output(job.id));
  expect([stdout.toString(), stderr.toString()]).toEqual(['out', 'err']);
  expect(end).toMatchObject({
    complete: true,
    length: 6,
    job: { state: { kind: 'completed', reason: 'exited', exit: { kind: 'code', code: 0 } } },
  });
  expect(await runner.get(job.id)).toEqual(end.job);
});

test('[JOB-2] an exit code and a signal are told apart', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const ended = async (argv: string[]) => (await runner.wait((await runner.submit({ argv })).job.id)).state;
  expect(await ended(['sh', '-c', 'exit 7'])).toMatchObject({ kind: 'completed', reason: 'exited', exit: { kind: 'code', code: 7 } });
  expect(await ended(['sh', '-c', 'exit 143'])).toMatchObject({ kind: 'completed', reason: 'exited', exit: { kind: 'code', code: 143 } });
  expect(await ended(['sh', '-c', 'kill -9 $$'])).toMatchObject({
    kind: 'completed',
    reason: 'signaled',
    exit: { kind: 'signal', signal: 9 },
  });
});

test('[SUB-6] a program that cannot be started makes a failed job that says which step failed and why', async () => {
  await using bed = new Bed();
  mkdirSync(bed.path('files'));
  const noBit = bed.path('files/no-bit');
  const noFormat = bed.path('files/no-format');
  writeFileSync(noBit, '#!/bin/sh\n', { mode: 0o644 });
  writeFileSync(noFormat, 'neither a program nor a script', { mode: 0o755 });
  const runner = await bed.open();
  const failure = async (options: { argv: string[]; cwd?: string }) => {
    const { job } = await runner.submit(options);
    const { end } = await collect(runner.output(job.id));
    expect(end).toMatchObject({ length: 0, complete: true });
    return end.job.state;
  };
  expect(await failure({ argv: ['no-such-program-at-all'] })).toMatchObject({
    kind: 'failed',
    failure: { stage: 'exec', errno: 2, subject: 'no-such-program-at-all' },
  });
  expect(await failure({ argv: ['true'], cwd: bed.path('nowhere') })).toMatchObject({
    kind: 'failed',
    failure: { stage: 'chdir', errno: 2, subject: bed.path('nowhere') },
  });
  expect(await failure({ argv: [noBit] })).toMatchObject({ kind: 'failed', failure: { stage: 'exec', errno: 13, subject: noBit } });
  expect(await failure({ argv: [noFormat] })).toMatchObject({ kind: 'failed', failure: { stage: 'exec', errno: 8 } });
});

test('[SUB-4] arguments, environment and directory arrive exactly', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const argv = ['sh', '-c', 'printf "%s|" "$@"; printf "%s" "$A"; pwd; env', 'x', '', ' a  b ', 'é\n"\'\\', '$HOME *'];
  const { job } = await runner.submit({ argv, env: { A: '1\n2', PATH: '/usr/bin:/bin' }, cwd: '/usr' });
  const { stdout } = await collect(runner.output(job.id));
  expect(stdout.toString()).toContain('| a  b |é\n"\'\\|$HOME *|1\n2/usr\n');
  expect(stdout.toString()).toContain(`WORKER_JOB_ID=${job.id}`);
  expect(stdout.toString()).not.toContain('VITEST');
});

test('[SUB-5] a bad submission starts and stores nothing', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  await expect(runner.submit({ argv: [] })).rejects.toMatchObject({ code: 'invalid-argument', field: 'argv' });
  await expect(runner.submit({ argv: ['a\0'] })).rejects.toMatchObject({ code: 'invalid-argument', field: 'argv[0]' });
  expect((await runner.list()).jobs).toEqual([]);
  expect(readdirSync(join(bed.stateDir, 'jobs'))).toEqual([]);
});

test('[SUB-3] a request id makes a submission safe to repeat, also after a restart, and refuses another one', async () => {
  await using bed = new Bed();
  const first = await bed.open();
  const request = { argv: ['sh', '-c', `echo x >> ${bed.path('ran')}`], owner: 'me', requestId: 'r1' };
  const answers = await Promise.all([first.submit(request), first.submit(request), first.submit(request)]);
  const ids = new Set(answers.map(({ job }) => job.id));
  expect(ids.size).toBe(1);
  expect(answers.map(({ existing }) => existing).sort()).toEqual([false, true, true]);
  await expect(first.submit({ ...request, argv: ['true'] })).rejects.toMatchObject({ code: 'already-exists' });
  expect((await first.submit({ ...request, owner: 'you' })).existing).toBe(false);
  const id = [...ids][0] ?? '';
  await first.wait(id);
  await first.close();
  const second = await bed.open({ defaultOutputBytes: 5 });
  const again = await second.submit(request);
  expect(again).toMatchObject({ existing: true, job: { id, state: { kind: 'completed' } } });
});

test('[JOB-4] a wait ends with the job, with its time, or with its caller, and leaves no listener', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['sleep', '60'] });
  expect((await runner.wait(job.id, { timeoutMs: 0 })).state.kind).not.toBe('completed');
  expect(hasEnded((await runner.wait(job.id, { timeoutMs: 20 })).state)).toBe(false);
  const controller = new AbortController();
  const reason = new Error('gone');
  const waits = [1, 2, 3].map(() => runner.wait(job.id, { signal: controller.signal }));
  controller.abort(reason);
  for (const wait of waits) await expect(wait).rejects.toBe(reason);
  const whole = runner.wait(job.id);
  await runner.stop(job.id);
  expect((await whole).state.kind).toBe('stopped');
  await expect(runner.wait('00000000-0000-7000-8000-000000000000')).rejects.toMatchObject({ code: 'not-found' });
  await expect(runner.wait(job.id, { timeoutMs: -1 })).rejects.toMatchObject({ code: 'invalid-argument', field: 'timeoutMs' });
});

test('[JOB-5] lists are newest first, whole over their pages, and hold what the filter asks for', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const ids: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    const { job } = await runner.submit({
      argv: ['true'],
      owner: index === 6 ? 'you' : 'me',
      labels: { parity: index % 2 === 0 ? 'even' : 'odd' },
    });
    ids.push(job.id);
  }
  const sleeper = (await runner.submit({ argv: ['sleep', '60'], owner: 'me' })).job.id;
  for (const id of ids) await runner.wait(id);
  const pages: string[][] = [];
  let pageToken: string | undefined;
  do {
    const page = await runner.list({ owner: 'me', states: ['completed'], pageSize: 4, ...(pageToken === undefined ? {} : { pageToken }) });
    pages.push(page.jobs.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
  expect(pages).toEqual([ids.slice(2, 6).reverse(), ids.slice(0, 2).reverse()]);
  expect((await runner.list({ labels: { parity: 'odd' } })).jobs.map(({ id }) => id)).toEqual([ids[5], ids[3], ids[1]]);
  await eventually(async () => (await runner.get(sleeper)).state.kind === 'running', { what: 'the sleeper runs' });
  expect((await runner.list({ states: ['running'] })).jobs.map(({ id }) => id)).toEqual([sleeper]);
  expect((await runner.list({ states: ['queued'] })).jobs).toEqual([]);
  const { nextPageToken } = await runner.list({ pageSize: 1 });
  for (const wrong of ['', 'x', nextPageToken?.slice(1), `${nextPageToken}x`]) {
    await expect(runner.list({ pageToken: wrong ?? '' }), wrong ?? '').rejects.toMatchObject({
      code: 'invalid-argument',
      field: 'pageToken',
    });
  }
  await expect(runner.list({ owner: 'me', pageToken: nextPageToken ?? '' })).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('[RUN-6] two runners never share a state directory, and a path too long for a socket address does not matter', async () => {
  await using bed = new Bed(`${'long-'.repeat(20)}/${'path-'.repeat(20)}`);
  const runner = await bed.open();
  await expect(bed.open()).rejects.toMatchObject({ code: 'unavailable' });
  const { job } = await runner.submit({ argv: ['echo', 'far'] });
  expect((await collect(runner.output(job.id))).stdout.toString()).toBe('far\n');
});

test('[JOB-4] everything answers closed after close, and what waits is told', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['sleep', '60'] });
  const iterator = runner.output(job.id)[Symbol.asyncIterator]();
  const waiting = [runner.wait(job.id), iterator.next(), runner.stop(job.id, { graceMs: 3_600_000, signal: 'SIGWINCH' })].map((each) =>
    each.catch((error: unknown) => error),
  );
  await runner.get(job.id);
  const echo = (await runner.submit({ argv: ['echo', 'one'] })).job;
  await runner.wait(echo.id);
  const idle = runner.output(echo.id)[Symbol.asyncIterator]();
  await idle.next();
  await runner.close();
  await expect(idle.next()).rejects.toMatchObject({ code: 'closed' });
  for (const each of waiting) expect(await each).toMatchObject({ code: 'closed' });
  for (const call of [
    runner.submit({ argv: ['true'] }),
    runner.get(job.id),
    runner.list(),
    runner.wait(job.id),
    runner.stop(job.id),
    runner.signal(job.id, 'HUP'),
  ]) {
    await expect(call).rejects.toMatchObject({ code: 'closed' });
  }
  await runner.close();
  const again = await bed.open();
  await again.stop(job.id);
});
