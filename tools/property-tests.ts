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

const replayed = FUZZ_INPUT === undefined ? {} : (JSON.parse(readFileSync(FUZZ_INPUT, 'utf8')) as { seed: number; path: string });
const longRun =
  FUZZ_SECONDS === undefined ? {} : { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: Number(FUZZ_SECONDS) * 1000 };

function report(details: fc.RunDetails<unknown>): void {
  if (!details.failed) return;
  const message = fc.defaultReportMessage(details) ?? 'a property failed';
  if (FUZZ_CRASHES !== undefined) {
    const { testPath = '', currentTestName: test = '' } = expect.getState();
    const file = relative(join(import.meta.dirname, '..'), testPath);
    const text = JSON.stringify(
      { file, test, seed: details.seed, path: details.counterexamplePath, counterexample: fc.stringify(details.counterexample) },
      undefined,
      2,
    );
    const name = createHash('sha256').update(text).digest('hex').slice(0, 12);
    writeFileSync(join(FUZZ_CRASHES, `property-${name}.json`), `${text}\n`);
  }
  throw new Error(message, { cause: details.errorInstance });
}

fc.configureGlobal({ seed: Number(FUZZ_SEED ?? 1), ...longRun, ...replayed, reporter: report });
