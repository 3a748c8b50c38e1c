import type { Bench } from './bench.ts';

type Samplers = Readonly<Record<string, () => Promise<unknown>>>;
type Samples<S extends Samplers> = { readonly [Kind in keyof S]: Awaited<ReturnType<S[Kind]>>[] };

/**
 * Takes one sample of each kind in turn, once a round, so that whatever else the machine does falls on all of them alike. One round before the first warms up
 * and does not count.
 */
export async function alternate<S extends Samplers>({ effort, signal }: Bench, samplers: S): Promise<Samples<S>> {
  const samples = Object.fromEntries(Object.keys(samplers).map((kind) => [kind, [] as unknown[]]));
  for (let round = 0; round <= effort.rounds; round++) {
    for (const [kind, sample] of Object.entries(samplers)) {
      signal.throwIfAborted();
      const value = await sample();
      if (round > 0) samples[kind]?.push(value);
    }
  }
  return samples as Samples<S>;
}
