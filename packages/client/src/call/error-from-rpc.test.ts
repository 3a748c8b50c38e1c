import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { errorFromRpc } from './error-from-rpc.ts';

test.each([Code.Aborted, Code.Canceled, Code.Unavailable])(
  'a call that nobody cancelled, and whose stream went away under it, can be made again: code %i [CLIENT-1]',
  (code) => {
    expect(errorFromRpc(new ConnectError('http/2 stream closed with error code CANCEL (0x8)', code))).toMatchObject({
      code: 'unavailable',
    });
    expect(errorFromRpc(new ConnectError('it', code), new AbortController().signal)).toMatchObject({ code: 'unavailable' });
  },
);

test('a call that its caller cancelled throws the reason of that', () => {
  const reason = new Error('enough');
  expect(errorFromRpc(new ConnectError('it', Code.Canceled), AbortSignal.abort(reason))).toBe(reason);
});
