import { randomInt } from 'node:crypto';

/** A reproducible source of numbers: the same seed gives the same sequence. */
export interface Random {
  readonly seed: number;
  /** A whole number from `low` up to, not including, `high`. */
  between(low: number, high: number): number;
}

/** Seeded by WORKER_TEST_SEED when it is set, else at random; tests print the seed, so that a failure can be seen again. */
export function seededRandom(seed = Number(process.env['WORKER_TEST_SEED'] ?? randomInt(2 ** 31))): Random {
  let state = seed >>> 0;
  // mulberry32, by Tommy Ettinger (public domain): 32 bits of state are plenty for choosing instants.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { seed, between: (low, high) => low + Math.floor(next() * (high - low)) };
}
