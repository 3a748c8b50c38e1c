import { describe, expect, it } from 'vitest';
import { subjectAltNamesOf } from './subject-alt-names.ts';

describe('the alternative names of a certificate', () => {
  it.each([
    [undefined, { addresses: [], hosts: [] }],
    ['', { addresses: [], hosts: [] }],
    ['IP Address:127.0.0.1', { addresses: ['127.0.0.1'], hosts: [] }],
    ['IP Address:0:0:0:0:0:FFFF:7F00:1, DNS:Host.Example', { addresses: ['127.0.0.1'], hosts: ['host.example'] }],
    ['IP Address:2001:DB8:0:0:0:0:0:1, email:a@b.cd, URI:https://x/', { addresses: ['2001:db8::1'], hosts: [] }],
    ['URI:"https://x/, IP Address:127.0.0.1", DNS:a.example', { addresses: [], hosts: ['a.example'] }],
  ])('%j are read as what they are [WHO-3]', (text, names) => {
    expect(subjectAltNamesOf(text)).toEqual(names);
  });

  it.each([
    'DNS:a"b',
    'DNS:a,IP Address:127.0.0.1',
    'IP Address:<invalid>',
    'IP Address:',
    'DNS:',
    'DNS:"a.example, IP Address:127.0.0.1"',
    'nonsense',
    'DNS:a, ',
  ])('%j cannot be read whole, so the certificate is not used [WHO-3]', (text) => {
    expect(subjectAltNamesOf(text)).toBeUndefined();
  });
});
