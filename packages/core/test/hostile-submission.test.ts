import { rounds } from '@worker/testing';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { CoreError } from '../src/core-error.ts';
import type { SubmitOptions } from '../src/job-runner.ts';
import { LIMIT_NAMES } from '../src/limit/limit-name.ts';
import { encodeOrder } from '../src/launch/launch-message.ts';
import { jobEnvironment } from '../src/submit/base-environment.ts';
import { requestDigest } from '../src/submit/request-digest.ts';
import { resolveSubmission } from '../src/submit/resolve-submission.ts';
import { splitCommand } from '../src/submit/split-command.ts';
import { submissionRules } from '../src/submit/submission-rules.ts';
import { buildJudge, judge } from './support/judge.ts';

beforeAll(buildJudge, 600_000);
import { ABLE, DEBIAN, POLICY } from './support/made-up-host.ts';

const anything = fc.anything({ withSparseArray: true, withBigInt: true, withDate: true, withMap: true, withNullPrototype: true });
const text = fc.oneof(
  { weight: 60, arbitrary: fc.string({ unit: fc.constantFrom(...Array.from('abc/ _.$é\u{1f600}')), minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom('', '=', '\0', '\ud800', '__proto__', 'constructor', '/', '/tmp/..', 'A=B') },
);
const number = fc.oneof(
  { weight: 10, arbitrary: fc.integer({ min: 1 }) },
  { weight: 1, arbitrary: fc.oneof(fc.double(), fc.constantFrom(0, -1, 0.5, Number.MAX_SAFE_INTEGER, 2 ** 53, Number.NaN)) },
);
const dictionary = fc.dictionary(text, text, { maxKeys: 4 });
/** Mostly of the right shape, so that what is behind the first check is reached. */
const nearly = <T>(right: fc.Arbitrary<T>) => fc.oneof({ weight: 25, arbitrary: right }, { weight: 1, arbitrary: anything });

const limits = Object.fromEntries(LIMIT_NAMES.map((name) => [name, nearly(number)]));
const path = fc
  .array(fc.constantFrom('srv', 'data', 'rw', 'inner', 'other', 'etc', 'x', '', '.', '..', '...', '\n', 'datax'), { maxLength: 5 })
  .map((parts) => `/${parts.join('/')}`);
const bind = fc.record({ source: nearly(path), target: nearly(path), writable: nearly(fc.boolean()) }, { requiredKeys: ['source'] });

const options = fc.record(
  {
    argv: nearly(
      fc.oneof(
        { weight: 9, arbitrary: fc.array(text, { minLength: 1, maxLength: 4 }) },
        fc.sparseArray(text, { maxLength: 3, noTrailingHole: true }),
      ),
    ),
    env: nearly(dictionary),
    cwd: nearly(
      fc.oneof(
        text,
        text.map((path) => `/${path}`),
      ),
    ),
    owner: nearly(text),
    requestId: nearly(fc.stringMatching(/^[ -~]{0,20}$/)),
    labels: nearly(fc.dictionary(fc.stringMatching(/^[a-z._/-]{1,4}$/), text, { maxKeys: 3 })),
    limits: nearly(fc.record({ ...limits, outputAction: nearly(fc.constantFrom('stop', 'truncate')) }, { requiredKeys: [] })),
    isolation: nearly(
      fc.record(
        {
          mode: nearly(fc.constantFrom('sandbox', 'host')),
          network: nearly(fc.constantFrom('none', 'host')),
          binds: nearly(fc.oneof(fc.array(nearly(bind), { maxLength: 3 }), fc.sparseArray(bind, { maxLength: 2 }))),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: ['argv'] },
);

const JOB_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const user = { name: 'somebody', home: '/' };
const binds = [
  { source: '/srv/data', target: '/data', writable: false },
  { source: '/srv/rw', target: '/srv/rw', writable: true },
  { source: '/srv/rw/inner', target: '/inner', writable: true },
];
const rules = submissionRules(
  { ...POLICY, modes: ['sandbox', 'host'], networks: ['none', 'host'], binds, ceilings: { memoryBytes: 2 ** 32, processes: 1000 } },
  ABLE,
  DEBIAN,
);

/** The order that a submission becomes, as it goes to the launcher; undefined when it is refused. */
function orderOf(given: SubmitOptions): Uint8Array | undefined {
  let spec;
  try {
    ({ spec } = resolveSubmission(given, rules));
  } catch (error) {
    expect(error).toBeInstanceOf(CoreError);
    expect(error).toMatchObject({ code: 'invalid-argument', field: expect.any(String) });
    expect((error as Error).message.isWellFormed()).toBe(true);
    return undefined;
  }
  for (const each of [...spec.argv, ...Object.entries(spec.env).flat(), spec.cwd, spec.requestId]) {
    expect(each.isWellFormed() && !each.includes('\0')).toBe(true);
  }
  expect(requestDigest(given)).toMatch(/^[0-9a-f]{64}$/);
  for (const { source, root, target, writable } of spec.isolation.binds) {
    const allowed = binds.find((each) => each.source === root);
    expect(allowed !== undefined && (source === root || source.startsWith(`${root}/`))).toBe(true);
    expect([source, target].some((each) => each.split('/').includes('..'))).toBe(false);
    expect(!writable || allowed?.writable).toBe(true);
    expect(target).not.toMatch(/^\/(etc|usr|proc|dev|bin)?(\/|$)/);
  }
  const { memoryBytes, processes } = spec.limits;
  expect(memoryBytes >= 1 && memoryBytes <= 2 ** 32 && processes >= 1 && processes <= 1000).toBe(true);
  const order = { ...spec, jobId: JOB_ID, env: jobEnvironment(spec.env, JOB_ID, user), cwd: spec.cwd || '/' };
  return encodeOrder(1n, { ...order, bestEffort: false, identity: { kind: 'own' } });
}

test('[SUB-5] whatever is submitted is refused with its field named, or becomes an order that the launcher takes', () => {
  const accepted: Uint8Array[] = [];
  fc.assert(
    fc.property(options, (given) => {
      const order = orderOf(given as unknown as SubmitOptions);
      if (order !== undefined && accepted.length < 2000) accepted.push(order);
    }),
    { numRuns: rounds(1000, 3000) },
  );
  expect(accepted.length).toBeGreaterThan(5);
  const verdicts = judge(accepted.map((order) => ['l', order]));
  expect(verdicts.filter((verdict) => verdict !== 'ok')).toEqual([]);
});

test('[SUB-7] whatever is given as one line is refused, or split into words that quoting puts together again', () => {
  const pieces = fc.constantFrom(...Array.from(' \t\n\'"\\$`a'), 'é', '\u{1f600}', '\0', '\ud800');
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: pieces, maxLength: 40 }), fc.string({ unit: 'binary' })), (line) => {
      let words;
      try {
        words = splitCommand(line);
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid-argument', field: 'command' });
        return;
      }
      const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
      expect(splitCommand(quoted)).toEqual(words);
    }),
    { numRuns: rounds(700, 2000) },
  );
});
