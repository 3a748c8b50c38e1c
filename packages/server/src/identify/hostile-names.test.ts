import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseOptions } from '../command/options.ts';
import { UsageError } from '../command/usage-error.ts';
import { subjectAltNamesOf } from './subject-alt-names.ts';

const host = fc.stringMatching(/^[a-zA-Z0-9*.-]{1,20}$/);
const mail = fc.string({ unit: 'binary', maxLength: 12 });
/** As Node writes a name in which a comma or a quote could be taken for the next one. */
const written = (kind: string, value: string) => `${kind}:${/[",\\]|[^\x20-\x7e]/.test(value) ? JSON.stringify(value) : value}`;

test('[WHO-3] no value of another kind in a certificate is taken for a name that binds it', () => {
  fc.assert(
    fc.property(fc.array(host), fc.array(fc.ipV4()), fc.array(mail), (hosts, addresses, mails) => {
      const names = [
        ...mails.map((value) => written('email', value)),
        ...hosts.map((value) => written('DNS', value)),
        ...addresses.map((value) => written('IP Address', value)),
        ...mails.map((value) => written('URI', `DNS:x, ${value}, IP Address:10.0.0.1`)),
      ];
      const found = subjectAltNamesOf(names.join(', '));
      expect(found).toEqual({ hosts: hosts.map((name) => name.toLowerCase()), addresses });
    }),
  );
});

test('[WHO-3] any text at all is read, or not understood', () => {
  const pieces = fc.constantFrom(
    'DNS:',
    'IP Address:',
    'URI:',
    ', ',
    ',',
    '"',
    '\\',
    '\\"',
    'a',
    '1.2.3.4',
    '::1',
    'fe80::1%eth0',
    '::ffff:1.2.3.4',
    '\0',
    ' ',
  );
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: pieces }), fc.string({ unit: 'binary' })), (text) => {
      const names = subjectAltNamesOf(text);
      expect(names === undefined || names.hosts.every((name) => name !== '' && !name.startsWith('"'))).toBe(true);
    }),
    { numRuns: 3000 },
  );
});

test('any command line of the server is understood, or refused in one line', () => {
  const words = fc.oneof(
    fc.constantFrom(
      '--listen',
      '--state-dir',
      '--ca',
      '--stop-jobs-on-exit',
      '--default-output-bytes',
      '--help',
      '-h',
      '--',
      '-',
      '=',
      '--listen=[::1]:0',
      '127.0.0.1:99999',
      '1e3',
    ),
    fc.string({ unit: 'binary', maxLength: 10 }),
  );
  fc.assert(
    fc.property(
      fc.array(words, { maxLength: 5 }),
      fc.dictionary(fc.constantFrom('WORKER_LISTEN', 'WORKER_STOP_JOBS_ON_EXIT'), fc.string()),
      (argv, env) => {
        try {
          parseOptions(argv, env);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
