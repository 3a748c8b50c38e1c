import { once } from 'node:events';
import { connect, type SecureClientSessionOptions } from 'node:http2';

/** What became of one call of Connect in JSON on a connection of its own. */
export type Outcome =
  | { readonly kind: 'answered'; readonly status: number; readonly body: Record<string, unknown>; readonly reason: string | undefined }
  /** No response came: the handshake failed, or the connection was closed. */
  | { readonly kind: 'refused' };

/** Asks over HTTP/2 and never rejects for what the server does. */
export async function ask(url: string, tls: SecureClientSessionOptions, path: string, body: unknown = {}): Promise<Outcome> {
  const session = connect(url, tls);
  const { promise: over, resolve } = Promise.withResolvers<Outcome>();
  const refused = () => {
    resolve({ kind: 'refused' });
  };
  session.on('error', refused).on('close', refused);
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
  stream.on('error', refused);
  stream.end(JSON.stringify(body));
  const answer = async (): Promise<Outcome> => {
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
    const parsed = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    return { kind: 'answered', status: Number(headers[':status']), body: parsed, reason: reasonIn(parsed) };
  };
  answer().then(resolve, refused);
  try {
    return await over;
  } finally {
    session.destroy();
  }
}

/** The reason of google.rpc.ErrorInfo in an error of Connect, by the debug form of its detail. */
function reasonIn(body: Record<string, unknown>): string | undefined {
  const details = body['details'] as
    readonly { readonly type: string; readonly debug?: { readonly reason?: string }; readonly value: string }[] | undefined;
  const info = details?.find(({ type }) => type === 'google.rpc.ErrorInfo');
  return (
    info?.debug?.reason ??
    (info === undefined ? undefined : /[A-Z][A-Z_]{3,}/.exec(Buffer.from(info.value, 'base64').toString('latin1'))?.[0])
  );
}
