import { expect, test } from 'vitest';
import { ABLE, DEBIAN, failed, POLICY } from '../../test/support/made-up-host.ts';
import type { Policy } from '../submit/submission-rules.ts';
import { requireMode, submissionRules } from '../submit/submission-rules.ts';
import { resolveIsolation } from './resolve-isolation.ts';

const EPERM = 1;
const NO_SANDBOX = { ...ABLE, sandbox: failed('unshare user', EPERM) };
const NO_NETWORK = { ...ABLE, networkNamespace: failed('unshare net', EPERM) };
const NO_UIDS = { ...ABLE, ownUids: failed('setresuid', 22) };

function resolve(given: object | undefined, policy: Partial<Policy> = {}, abilities = ABLE) {
  return resolveIsolation(given, submissionRules({ ...POLICY, ...policy }, abilities, DEBIAN).isolation);
}

test('[ISO-2] [ISO-7] the first that policy allows is the default, and nothing falls back to less', () => {
  expect(resolve(undefined)).toEqual({ mode: 'sandbox', network: 'none', binds: [] });
  expect(resolve({}, { modes: ['host', 'sandbox'] })).toEqual({ mode: 'host', network: 'host', binds: [] });
  expect(resolve({ mode: 'host', network: 'host', binds: [] })).toEqual({ mode: 'host', network: 'host', binds: [] });
  expect(resolve({}, { networks: ['host', 'none'] }).network).toBe('host');
  expect(resolve({ network: 'none' }, { networks: ['host', 'none'] }).network).toBe('none');
  // The host could run it as HOST, and policy allows that: it was not asked for.
  expect(() => resolve({}, {}, NO_SANDBOX)).toThrow(expect.objectContaining({ code: 'invalid-argument', field: 'isolation.mode' }));
  expect(() => resolve({}, { networks: ['none', 'host'] }, NO_NETWORK)).toThrow(expect.objectContaining({ field: 'isolation.network' }));
});

test.each([
  ['a mode beside policy', { mode: 'host' }, { modes: ['sandbox'] }, 'isolation.mode', 'sandbox'],
  ['a mode that is none', { mode: 'jail' }, {}, 'isolation.mode', 'sandbox, host'],
  ['a network beside policy', { network: 'host' }, {}, 'isolation.network', 'none'],
  ['no network on the host', { mode: 'host', network: 'none' }, {}, 'isolation.network', 'host'],
  ['a bind on the host', { mode: 'host', binds: [{ source: '/a' }] }, {}, 'isolation.binds', 'host'],
  ['a bind without policy', { binds: [{ source: '/a' }] }, {}, 'isolation.binds[0].source', 'none'],
])('[ISO-6] [SUB-5] %s is refused with what is allowed', (_, given, policy, field, allowed) => {
  expect(() => resolve(given, policy as Partial<Policy>)).toThrow(
    expect.objectContaining({ code: 'invalid-argument', field, message: expect.stringContaining(allowed) as string }),
  );
});

test('[ISO-7] [ISO-8] what the host cannot make is refused at the opening with its cure, when nothing else is allowed', () => {
  const open = (policy: Partial<Policy>, abilities = ABLE) => requireMode(submissionRules({ ...POLICY, ...policy }, abilities, DEBIAN));
  expect(open({})).toEqual([]);
  expect(open({}, NO_SANDBOX)).toEqual([expect.stringContaining('unshare user fails with EPERM')]);
  const unavailable = (cure: string): unknown =>
    expect.objectContaining({ code: 'unavailable', message: expect.stringContaining(cure) as string });
  expect(() => open({ modes: ['sandbox'] }, NO_SANDBOX)).toThrow(unavailable('CAP_SYS_ADMIN'));
  expect(() => open({ modes: ['sandbox'] }, NO_NETWORK)).toThrow(unavailable('unshare net'));
  expect(open({ modes: ['sandbox'], networks: ['none', 'host'] }, NO_NETWORK)).toEqual([]);
  expect(() => open({}, NO_UIDS)).toThrow(unavailable('--run-as'));
  expect(open({ ownUids: false }, NO_UIDS)).toEqual([]);
  const nobodyElse = { ...ABLE, runAs: failed('setresuid', EPERM) };
  expect(() => open({ ownUids: false }, nobodyElse)).toThrow(unavailable('CAP_SETUID'));
});
