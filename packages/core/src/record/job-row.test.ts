import { expect, test } from 'vitest';
import { noLimits } from '../limit/limit-name.ts';
import { decodeRow } from './job-row.ts';

test('[RUN-1] rows of the release before read as jobs of the host, without the limits that it did not know', () => {
  // As that release wrote them.
  const spec =
    '{"argv":["echo","hi"],"env":{"A":"1"},"cwd":"","limits":{"wallTimeMs":5,"outputBytes":100,"outputAction":"stop"},"labels":{"a":"b"},"requestId":"r"}';
  const outcome =
    '{"kind":"completed","reason":"exited","exit":{"kind":"code","code":7},"usage":{"wallTimeMs":1.5,"userCpuMs":0,"systemCpuMs":0,"peakMemoryBytes":1,"readBytes":0,"writtenBytes":0},' +
    '"output":{"produced":0,"fileLength":0,"sha256":"e3","complete":true},"endedAt":2000,"startedAt":1000}';
  const row = { id: 'id', owner: 'me', created_ms: 1, spec };
  expect(decodeRow({ ...row, state: 'queued', outcome: null })).toEqual({
    id: 'id',
    owner: 'me',
    createdAt: new Date(1),
    state: 'queued',
    spec: {
      argv: ['echo', 'hi'],
      env: { A: '1' },
      cwd: '',
      limits: { ...noLimits(100), wallTimeMs: 5, outputAction: 'stop' },
      isolation: { mode: 'host', network: 'host', binds: [] },
      labels: { a: 'b' },
      requestId: 'r',
    },
  });
  expect(decodeRow({ ...row, state: 'completed', outcome }).state).toMatchObject({
    kind: 'completed',
    exit: { code: 7 },
    unenforced: [],
    startedAt: new Date(1000),
  });
  const failed = decodeRow({
    ...row,
    state: 'failed',
    outcome: '{"kind":"failed","failure":{"stage":"exec","errno":2,"subject":"x"},"endedAt":3}',
  });
  expect(failed.state).toEqual({ kind: 'failed', failure: { stage: 'exec', errno: 2, subject: 'x' }, endedAt: new Date(3) });
});
