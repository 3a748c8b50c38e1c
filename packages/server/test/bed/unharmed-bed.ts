import { afterAll, afterEach } from 'vitest';
import type { ListenLimits } from '../../src/listen/limits.ts';
import { Bed } from './bed.ts';
import { unharmed } from './raw.ts';

/** Of a server of little patience. */
const impatient = { idleMs: 2_000, requestBodyMs: 500 };

/** A server for the tests of one file, each of which must leave it serving others. To be called once, at the top of the file. */
export async function openUnharmedBed(limits: Partial<ListenLimits> = impatient): Promise<Bed> {
  const bed = await Bed.open({ limits });
  afterEach(() => unharmed(bed));
  afterAll(() => bed[Symbol.asyncDispose]());
  return bed;
}
