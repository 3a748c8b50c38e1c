// How property tests run, in every package: as often as they say and always alike, so that a failure comes again. tools/fuzz.sh sets
//   FUZZ_SEED     another seed
//   FUZZ_SECONDS  how long each property that does not say how often it runs is tried
//   FUZZ_CRASHES  a folder for what broke a property, as a file that FUZZ_INPUT takes
//   FUZZ_INPUT    such a file: only that case is run
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';

const { FUZZ_SEED, FUZZ_SECONDS, FUZZ_CRASHES, FUZZ_INPUT } = process.env;

interface Crash {
  readonly seed: number;
  readonly path: string | null;
}

/** Writes what broke a property; the report of the failure itself is fast-check's. */
const keepCrash = () => ({
  onAllRunsComplete: (details: fc.RunDetails<unknown>) => {
    if (!details.failed || FUZZ_CRASHES === undefined) return;
    const { testPath = '', currentTestName: test = '' } = expect.getState();
    const file = relative(join(import.meta.dirname, '..'), testPath);
    const { seed, counterexamplePath: path, counterexample } = details;
    const text = JSON.stringify({ file, test, seed, path, counterexample: fc.stringify(counterexample) }, undefined, 2);
    const name = createHash('sha256').update(text).digest('hex').slice(0, 12);
    writeFileSync(join(FUZZ_CRASHES, `property-${name}.json`), `${text}\n`);
  },
});

fc.configureGlobal({ seed: Number(FUZZ_SEED ?? 1), ...(FUZZ_SECONDS === undefined ? {} : { numRuns: Number.MAX_SAFE_INTEGER }) });
fc.installGlobalPlugin(keepCrash);
if (FUZZ_SECONDS !== undefined) fc.installGlobalPlugin(fc.interruptAfterTimeLimit(Number(FUZZ_SECONDS) * 1000));

if (FUZZ_INPUT !== undefined) {
  const { seed, path } = JSON.parse(readFileSync(FUZZ_INPUT, 'utf8')) as Crash;
  // The path is no global parameter by its type, for it fits one property alone: the replay runs one.
  const replay: object = { ...(path === null ? {} : { path }), endOnFailure: true };
  fc.configureGlobal({ seed, ...replay });
}
