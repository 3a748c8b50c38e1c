import { afterAll, afterEach } from 'vitest';
import { Bed } from './bed.ts';
import { unharmed } from './raw.ts';

/** A server of little patience for the tests of one file, each of which must leave it serving others. To be called once, at the top of the file. */
export async function openUnharmedBed(): Promise<Bed> {
  const bed = await Bed.open({ limits: { idleMs: 2_000, requestBodyMs: 500 } });
  afterEach(() => unharmed(bed));
  afterAll(() => bed[Symbol.asyncDispose]());
  return bed;
}
