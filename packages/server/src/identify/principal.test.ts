import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { principalOf } from './principal.ts';

const atom = fc.stringMatching(/^[A-Za-z0-9_+%-]{1,12}$/);
const label = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?$/);
const last = fc.stringMatching(/^[A-Za-z]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?$/);
const address = fc
  .tuple(fc.array(atom, { minLength: 1, maxLength: 4 }), fc.array(label, { minLength: 1, maxLength: 5 }), last)
  .map(([local, domain, top]) => `${local.join('.')}@${[...domain, top].join('.')}`);

describe('the principal of a certificate', () => {
  it('is the address in lower case, for every address of the grammar [WHO-2]', () => {
    fc.assert(fc.property(address, (text) => principalOf(text) === text.toLowerCase()));
  });

  it('is the same in whatever case it is written, and stays what it is [WHO-2]', () => {
    fc.assert(
      fc.property(address, (text) => {
        const principal = principalOf(text);
        expect(principalOf(text.toUpperCase())).toBe(principal);
        expect(principalOf(principal)).toBe(principal);
      }),
    );
  });

  it('is none when one more character is anywhere in it that the grammar does not know [WHO-2]', () => {
    const foreign = fc.constantFrom(
      ...Array.from('\0\n\r\t "\'`(),:;<>[]\\/|{}~!#$&*=?^'),
      '\u0430',
      '\u2024',
      '\uff20',
      'é',
      '\u0130',
      '\u212a',
      '\u017f',
      '@',
      '\ud800',
    );
    fc.assert(
      fc.property(address, foreign, fc.nat(), (text, character, seed) => {
        const at = seed % (text.length + 1);
        expect(principalOf(text.slice(0, at) + character + text.slice(at))).toBeUndefined();
      }),
    );
  });

  it('is either none or a plain ASCII address of at most 254 bytes, for any value, and reading it never throws [WHO-2]', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const principal = principalOf(value);
        if (principal === undefined) return;
        expect(principal).toMatch(/^[a-z0-9_+%.-]+@[a-z0-9.-]+$/);
        expect(principal.length).toBeLessThanOrEqual(254);
      }),
    );
  });

  it.each([
    '',
    '@',
    'a@',
    '@b.c',
    'a@b',
    'a@b.',
    'a@.b.c',
    '.a@b.c',
    'a.@b.c',
    'a..b@c.d',
    'a@b..c',
    'a@-b.c',
    'a@b-.c',
    'a@1.2.3.4',
    'a@[1.2.3.4]',
    'a@b.c@d.e',
    `${'a'.repeat(65)}@b.c`,
    `a@${'b'.repeat(64)}.c`,
    `a@${'b.'.repeat(126)}cc`,
    'a@b.c,d@e.f',
    '"a b"@c.d',
    'mailto:a@b.c',
  ])('is none for %j [WHO-2]', (text) => {
    expect(principalOf(text)).toBeUndefined();
  });

  it.each([[['a@b.cd', 'e@f.gh']], [['a@b.cd']], [undefined], [null], [7], [{ CN: 'a@b.cd' }]])(
    'is none for %j, which is not one name [WHO-2]',
    (value) => {
      expect(principalOf(value)).toBeUndefined();
    },
  );

  it('is decided in no time for the longest of names [WHO-2]', () => {
    const started = performance.now();
    for (const text of ['a.'.repeat(1_000_000), `${'a-'.repeat(31)}@${'a-'.repeat(80)}`, `a@${'a.'.repeat(120)}!`])
      expect(principalOf(text)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
