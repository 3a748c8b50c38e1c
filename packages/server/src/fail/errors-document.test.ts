import { readFile } from 'node:fs/promises';
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { reasons } from './reasons.ts';

it('the documented table has every reason with its code, and no other [NET-6]', async () => {
  const text = await readFile(new URL('../../../../docs/errors.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^\| `([A-Z_]+)` \| `([A-Z_]+)` \|/gm)].map(([, reason, code]) => [reason, code]);
  const constant = (code: Code) => Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
  expect(documented).toEqual(Object.entries(reasons).map(([reason, code]) => [reason, constant(code)]));
});
