import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { ResultSchema } from '@worker/supervisor';
import { expect, test } from 'vitest';
import { parseResult, readResult } from './read-result.ts';

const id = '01900000-0000-7000-8000-000000000001';

function file(jobId = id): Buffer {
  const body = toBinary(ResultSchema, create(ResultSchema, { jobId, outcome: { case: 'exitCode', value: 3 } }));
  const header = Buffer.alloc(16);
  header.write('WKRRES\0\x01', 'latin1');
  header.writeUInt32LE(body.length, 8);
  header.writeUInt32LE(crc32(body), 12);
  return Buffer.concat([header, body]);
}

test('[RUN-4] a result counts when it is whole, and not when any byte is cut or any bit flipped', () => {
  const whole = file();
  expect(parseResult(whole)?.outcome).toEqual({ case: 'exitCode', value: 3 });
  for (let length = 0; length < whole.length; length += 1)
    expect(parseResult(whole.subarray(0, length)), `cut at ${length}`).toBeUndefined();
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(parseResult(flipped), `bit ${bit}`).toBeUndefined();
  }
});

test('[RUN-4] no result, and the result of another job, are none; what cannot be read is not taken for none', () => {
  const directory = mkdtempSync(join(tmpdir(), 'core-result-'));
  try {
    expect(readResult(directory, id)).toBeUndefined();
    mkdirSync(join(directory, id));
    expect(readResult(directory, id)).toBeUndefined();
    writeFileSync(join(directory, id, 'result'), file('01900000-0000-7000-8000-000000000002'));
    expect(readResult(directory, id)).toBeUndefined();
    writeFileSync(join(directory, id, 'result'), file());
    expect(readResult(directory, id)?.jobId).toBe(id);
    rmSync(join(directory, id, 'result'));
    symlinkSync('/dev/null', join(directory, id, 'result'));
    expect(() => readResult(directory, id)).toThrow('ELOOP');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
