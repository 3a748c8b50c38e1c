import { create } from '@bufbuild/protobuf';
import { EndCause, ResultSchema } from '@worker/supervisor';
import { expect, test } from 'vitest';
import { stateOfResult } from './state-of-result.ts';

test('[LIM-1] [LIM-2] a job over its memory is told from one that was killed, and limits that did not hold are named as they were asked for', () => {
  const killed = {
    outcome: { case: 'signal' as const, value: 9 },
    unenforced: ['memory_bytes', 'io_read_bytes_per_second', 'processes'],
  };
  const unenforced = ['memoryBytes', 'ioReadBytesPerSecond', 'processes'];
  expect(stateOfResult(create(ResultSchema, { ...killed, cause: EndCause.OUT_OF_MEMORY }))).toMatchObject({
    kind: 'stopped',
    reason: 'out-of-memory',
    unenforced,
  });
  expect(stateOfResult(create(ResultSchema, killed))).toMatchObject({ kind: 'completed', reason: 'signaled', unenforced });
});

test.each(['prepare', 'cgroup', 'fork', 'sandbox', 'bind', 'limits', 'user', 'chdir', 'exec'])(
  '[SUB-6] a start that fails at %s says so',
  (stage) => {
    const outcome = { case: 'startFailed', value: { stage, errno: 1, subject: Buffer.from('/x') } } as const;
    expect(stateOfResult(create(ResultSchema, { outcome }))).toMatchObject({ kind: 'failed', failure: { stage, errno: 1, subject: '/x' } });
  },
);
