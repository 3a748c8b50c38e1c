import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '@worker/protocol';
import type { Handler } from './fast-way.ts';
import { ModelOutput, type Written } from './model-output.ts';

export const refused = (code: Code, reason: string, retryAfterSeconds?: number) =>
  new ConnectError('as the server says', code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: 'worker' } },
    ...(retryAfterSeconds === undefined ? [] : [{ desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(retryAfterSeconds) } } }]),
  ]);

export const text = (value: string): Written => ({ stream: 'stdout', data: Buffer.from(value) });
export const hello = new ModelOutput([text('hello '), text('world')]);
export const cut = () => new ConnectError('cut', Code.Unavailable);

/** The first calls end as `fates` say, each after so many events; those that follow are answered in full. */
export function failing(
  output: ModelOutput,
  fates: readonly { readonly after: number; readonly error?: Error | undefined }[],
): { handler: Handler; offsets: number[] } {
  const offsets: number[] = [];
  const handler: Handler = async function* (request) {
    const fate = fates[offsets.length];
    offsets.push(Number(request.start.value));
    let sent = 0;
    for (const response of output.responses(request)) {
      if (sent === fate?.after) {
        if (fate.error !== undefined) throw fate.error;
        return;
      }
      sent += 1;
      yield response;
    }
  };
  return { handler, offsets };
}
