import { expect, test } from 'vitest';
import { parseAddress } from './address.ts';

test.each([
  ['https://127.0.0.1:7443', { origin: 'https://127.0.0.1:7443', host: '127.0.0.1', port: 7443 }],
  ['https://worker.example.com', { origin: 'https://worker.example.com:7443', host: 'worker.example.com', port: 7443 }],
  ['worker.example.com:8443/', { origin: 'https://worker.example.com:8443', host: 'worker.example.com', port: 8443 }],
  ['https://worker.example.com:443', { origin: 'https://worker.example.com', host: 'worker.example.com', port: 443 }],
  ['https://[::1]:7443', { origin: 'https://[::1]:7443', host: '::1', port: 7443 }],
])('the address %s is understood', (text, address) => {
  expect(parseAddress(text)).toEqual(address);
});

test.each(['', 'http://x', 'https://', 'https://x:99999', 'https://x/y', 'https://u:p@x', 'https://x?y', 'ftp://x', 'https://x y'])(
  '%j is refused as an address, naming the field [CLI-7]',
  (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'bad-options', field: 'address' }));
  },
);
