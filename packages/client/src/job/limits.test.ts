import { create } from '@bufbuild/protobuf';
import { LimitsSchema } from '@worker/protocol';
import { expect, test } from 'vitest';
import type { JobLimits } from './job.ts';
import { limitName, limitsFromMessage, limitsMessage } from './limits.ts';

test('every limit goes out and comes in as the same number, and no field of the protocol is without one [LIM-1]', () => {
  // Complete: the compiler asks for each.
  const limits: Required<JobLimits> = {
    wallTimeMs: 1,
    outputBytes: 2,
    outputAction: 'stop',
    memoryBytes: 3,
    processes: 4,
    cpuWeight: 5,
    cpuMillis: 6,
    openFiles: 7,
    fileSizeBytes: 8,
    ioReadBytesPerSecond: 9,
    ioWriteBytesPerSecond: 10,
  };
  expect(limitsFromMessage(create(LimitsSchema, limitsMessage(limits)))).toEqual(limits);
  const names = Object.keys(limits).map((name) => (name === 'wallTimeMs' ? 'wallTime' : name));
  expect(names.sort()).toEqual(LimitsSchema.fields.map(({ name }) => limitName(name)).sort());
});
