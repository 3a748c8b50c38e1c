import { expect, test } from 'vitest';
import type { SubmitOptions } from '../job-runner.ts';
import { jobEnvironment } from './base-environment.ts';
import { requestDigest } from './request-digest.ts';
import { noLimits } from '../limit/limit-name.ts';
import { ABLE, DEBIAN, POLICY } from '../../test/support/made-up-host.ts';
import { resolveSubmission } from './resolve-submission.ts';
import { submissionRules } from './submission-rules.ts';

const rules = submissionRules({ ...POLICY, modes: ['host'] }, ABLE, DEBIAN);

const long = 'x'.repeat(131_072);
const wrong: [string, unknown, string][] = [
  ['no argv', {}, 'argv'],
  ['an empty argv', { argv: [] }, 'argv'],
  ['an argv that is a string', { argv: 'true' }, 'argv'],
  ['an empty program', { argv: [''] }, 'argv[0]'],
  ['a NUL in an argument', { argv: ['a', 'b\0c'] }, 'argv[1]'],
  ['a lone surrogate', { argv: ['a', '\ud800'] }, 'argv[1]'],
  ['a number as an argument', { argv: ['a', 1] }, 'argv[1]'],
  ['an argument that is too long', { argv: ['a', long] }, 'argv[1]'],
  ['an argument that is too long in bytes alone', { argv: ['a', 'é'.repeat(65_536)] }, 'argv[1]'],
  ['3 MB of arguments', { argv: ['a', ...Array.from({ length: 30 }, () => 'x'.repeat(100_000))] }, 'argv'],
  ['too many empty arguments', { argv: ['a', ...Array.from({ length: 250_000 }, () => '')] }, 'argv'],
  ['an empty variable name', { argv: ['a'], env: { '': 'x' } }, 'env.'],
  ['a = in a variable name', { argv: ['a'], env: { 'A=B': 'x' } }, 'env.A=B'],
  ['a NUL in a value', { argv: ['a'], env: { A: '\0' } }, 'env.A'],
  ['a variable that is too long', { argv: ['a'], env: { A: long.slice(2) } }, 'env.A'],
  ['a relative cwd', { argv: ['a'], cwd: 'tmp' }, 'cwd'],
  ['a NUL in cwd', { argv: ['a'], cwd: '/\0' }, 'cwd'],
  ['no wall time at all', { argv: ['a'], limits: { wallTimeMs: 0 } }, 'limits.wallTimeMs'],
  ['a wall time beyond ten years', { argv: ['a'], limits: { wallTimeMs: 400_000_000_000 } }, 'limits.wallTimeMs'],
  ['half a byte of output', { argv: ['a'], limits: { outputBytes: 0.5 } }, 'limits.outputBytes'],
  ['less than no output', { argv: ['a'], limits: { outputBytes: -1 } }, 'limits.outputBytes'],
  ['an unknown action', { argv: ['a'], limits: { outputAction: 'explode' } }, 'limits.outputAction'],
  ['65 labels', { argv: ['a'], labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ''])) }, 'labels'],
  ['a blank in a label key', { argv: ['a'], labels: { 'a b': '' } }, 'labels.a b'],
  ['a label value of 256 bytes', { argv: ['a'], labels: { a: 'é'.repeat(128) } }, 'labels.a'],
  ['a request id that is not ASCII', { argv: ['a'], requestId: 'é' }, 'requestId'],
  ['a request id of 129 characters', { argv: ['a'], requestId: 'x'.repeat(129) }, 'requestId'],
];

test.each(wrong)('[SUB-5] %s is refused, and the field is named', (_, options, field) => {
  expect(() => resolveSubmission(options as SubmitOptions, rules)).toThrow(expect.objectContaining({ code: 'invalid-argument', field }));
});

test('[SUB-5] what lies just within the limits is taken', () => {
  const options = {
    argv: ['a', long.slice(1)],
    env: { A: long.slice(3) },
    labels: { 'a.b_c/d-E9': 'x'.repeat(255) },
    requestId: ' ~'.repeat(64),
    cwd: '/',
  };
  expect(resolveSubmission(options, rules).spec).toEqual({
    ...options,
    limits: noLimits(7),
    isolation: { mode: 'host', network: 'host', binds: [] },
  });
});

test('[SUB-4] a job gets the base environment and what it was given, and the server none of its own', () => {
  const env = jobEnvironment({ HOME: '/h', A: '=b=', WORKER_JOB_ID: 'forged', WORKER_ATTEMPT: '9' }, 'the-id', { name: 'me', home: '/' });
  expect(env.sort()).toEqual([
    'A==b=',
    'HOME=/h',
    'LANG=C.UTF-8',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'USER=me',
    'WORKER_ATTEMPT=1',
    'WORKER_JOB_ID=the-id',
  ]);
});

test('[SUB-4] a variable called __proto__ is one like any other, and what was put into Object.prototype is none', () => {
  const given = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
  Object.defineProperty(Object.prototype, 'POLLUTED', { value: 'yes', enumerable: true, configurable: true, writable: true });
  try {
    const { spec } = resolveSubmission({ argv: ['a'], env: given }, rules);
    const env = jobEnvironment(spec.env, 'id', { name: 'me', home: '/' });
    expect(env).toContain('__proto__=x');
    expect(env.join()).not.toContain('POLLUTED');
  } finally {
    delete (Object.prototype as { POLLUTED?: string }).POLLUTED;
  }
});

test('[SUB-3] the order of variables and labels, and a default spelled out, make no other request', () => {
  const one = requestDigest({ argv: ['a'], env: { A: '1', B: '2' }, labels: { x: '1', y: '2' } });
  expect(
    requestDigest({ argv: ['a'], env: { B: '2', A: '1' }, labels: { y: '2', x: '1' }, cwd: '', limits: { outputAction: 'truncate' } }),
  ).toBe(one);
  // As the release before made it: a retry that was under way during an upgrade is the same request.
  expect(one).toBe('5c016ebfba1ae91c2ecdfb67d735255b3c54ba87c1a9876dbe1f36a4392fd19c');
  for (const other of [
    { argv: ['a'], limits: { memoryBytes: 1 } },
    { argv: ['a'], isolation: { mode: 'host' } as const },
    { argv: ['a'], isolation: { binds: [{ source: '/a' }] } },
    { argv: ['a', ''] },
    { argv: ['a'], env: { A: '1' } },
    { argv: ['a'], cwd: '/' },
    { argv: ['a'], limits: { wallTimeMs: 1 } },
  ]) {
    expect(requestDigest(other)).not.toBe(one);
  }
});
