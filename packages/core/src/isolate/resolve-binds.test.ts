import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CoreError } from '../core-error.ts';
import { resolveAllowedBinds } from './allowed-binds.ts';
import { isWithin } from './normal-path.ts';
import { resolveBinds } from './resolve-binds.ts';

const STATE = '/var/lib/worker';
const allowed = resolveAllowedBinds(
  [
    { source: '/srv/data' },
    { source: '/srv/data/in/', writable: true },
    { source: '//srv//shared', target: '/shared', writable: true },
    { source: '/srv/dat' },
  ],
  STATE,
);

function bind(source: unknown, other: object = {}): unknown {
  return resolveBinds([{ source, ...other }] as Parameters<typeof resolveBinds>[0], allowed)[0];
}

const part = fc.constantFrom('srv', 'data', 'dat', 'in', 'shared', '..', '.', '', 'etc', 'x', '...', ' ', '\\', 'データ');
const path = fc.array(part, { maxLength: 7 }).map((parts) => `/${parts.join('/')}`);

test('[ISO-6] no source, however it is written, leads out of what policy names, and none is writable that it does not let be', () => {
  fc.assert(
    fc.property(path, fc.option(path, { nil: undefined }), fc.boolean(), (source, target, writable) => {
      let found;
      try {
        found = resolveBinds([{ source, writable, ...(target === undefined ? {} : { target }) }], allowed)[0];
      } catch (error) {
        expect(error).toBeInstanceOf(CoreError);
        expect(error).toMatchObject({
          code: 'invalid-argument',
          field: expect.stringMatching(/^isolation\.binds\[0\]\.(source|target|writable)$/) as string,
        });
        return;
      }
      if (found === undefined) throw new Error('nothing was resolved');
      const policy = allowed.find(({ source: root }) => root === found.root);
      if (policy === undefined) throw new Error(`${found.root} is no path of the policy`);
      expect(isWithin(found.source, found.root)).toBe(true);
      for (const text of [found.source, found.target]) expect(text).toMatch(/^(\/(?!\.{1,2}(\/|$))[^/]+)+$/);
      if (found.writable) expect(policy.writable).toBe(true);
      for (const kept of ['/proc', '/dev', '/sys', '/usr', '/etc', '/bin', '/lib', '/lib64', '/sbin']) {
        expect(isWithin(found.target, kept)).toBe(false);
        expect(isWithin(kept, found.target)).toBe(false);
      }
    }),
    { numRuns: 3000 },
  );
});

test('[ISO-6] the innermost path of the policy decides, part by part, and says where a bind appears', () => {
  expect(bind('/srv/data/a')).toEqual({ source: '/srv/data/a', root: '/srv/data', target: '/srv/data/a', writable: false });
  expect(bind('/srv/data/in/./b/', { writable: true })).toEqual({
    source: '/srv/data/in/b',
    root: '/srv/data/in',
    target: '/srv/data/in/b',
    writable: true,
  });
  expect(bind('/srv/shared')).toMatchObject({ root: '/srv/shared', target: '/shared', writable: false });
  expect(bind('/srv/shared/x')).toMatchObject({ target: '/shared/x' });
  expect(bind('/srv/shared/x', { target: '/home//me/' })).toMatchObject({ target: '/home/me' });
});

test.each([
  ['a relative source', { source: 'srv/data' }, 'source'],
  ['a source beside the policy', { source: '/srv/database' }, 'source'],
  ['a source above it', { source: '/srv' }, 'source'],
  ['a way out by ..', { source: '/srv/data/../../etc' }, 'source'],
  ['a .. that stays within', { source: '/srv/data/a/../b' }, 'source'],
  ['a NUL', { source: '/srv/data/\0' }, 'source'],
  ['a number', { source: 7 }, 'source'],
  ['a path of 4,096 bytes', { source: `/srv/data/${'x'.repeat(4086)}` }, 'source'],
  ['writable, where only reading is allowed', { source: '/srv/data', writable: true }, 'writable'],
  ['writable as a text', { source: '/srv/data', writable: 'yes' }, 'writable'],
  ['the root as target', { source: '/srv/data', target: '/' }, 'target'],
  ['the root in other words', { source: '/srv/data', target: '//./' }, 'target'],
  ['/workspace as target', { source: '/srv/data', target: '/workspace' }, 'target'],
  ['a target in /etc', { source: '/srv/data', target: '/etc/ld.so.preload' }, 'target'],
  ['a target in /proc', { source: '/srv/data', target: '/proc/self' }, 'target'],
  ['a target by ..', { source: '/srv/data', target: '/x/../usr' }, 'target'],
])('[ISO-6] [SUB-5] a bind with %s is refused, and the field is named', (_, given, field) => {
  expect(() => resolveBinds([given] as Parameters<typeof resolveBinds>[0], allowed)).toThrow(
    expect.objectContaining({ code: 'invalid-argument', field: `isolation.binds[0].${field}` }),
  );
});

test('[SUB-5] 65 binds, and two of the same target, are refused; outer targets come before those within them', () => {
  const many = Array.from({ length: 65 }, (_, index) => ({ source: '/srv/data', target: `/t${index}` }));
  expect(() => resolveBinds(many, allowed)).toThrow(expect.objectContaining({ field: 'isolation.binds' }));
  expect(resolveBinds(many.slice(1), allowed)).toHaveLength(64);
  const twice = [
    { source: '/srv/data', target: '/t/' },
    { source: '/srv/dat', target: '/t' },
  ];
  expect(() => resolveBinds(twice, allowed)).toThrow(expect.objectContaining({ field: 'isolation.binds[1].target' }));
  const nested = [
    { source: '/srv/data', target: '/a/b' },
    { source: '/srv/dat', target: '/a' },
  ];
  expect(resolveBinds(nested, allowed).map(({ target }) => target)).toEqual(['/a', '/a/b']);
});

test.each([
  ['a relative path', [{ source: 'x' }], 'isolation.binds[0].source'],
  ['the state directory', [{ source: STATE }], 'isolation.binds[0].source'],
  ['what holds the state directory', [{ source: '/' }], 'isolation.binds[0].source'],
  ['a path in the state directory', [{ source: `${STATE}/jobs` }], 'isolation.binds[0].source'],
  ['a target that is the sandbox itself', [{ source: '/a', target: '/usr' }], 'isolation.binds[0].target'],
  ['one path twice', [{ source: '/a' }, { source: '/a/' }], 'isolation.binds[1].source'],
  ['a read-only path within a writable one', [{ source: '/a', writable: true }, { source: '/a/b' }], 'isolation.binds[1].source'],
])('[ISO-6] a policy that allows %s is refused', (_, given, field) => {
  expect(() => resolveAllowedBinds(given, STATE)).toThrow(expect.objectContaining({ code: 'invalid-argument', field }));
});
