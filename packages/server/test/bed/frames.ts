import { infoPath } from './raw.ts';

/** What a client of HTTP/2 says first. */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const emptySettings = frame(4, 0, 0, Buffer.alloc(0));

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** The code of the last GOAWAY among frames; undefined where there is none, as when the connection was cut. */
export function goawayCodeIn(bytes: Buffer): number | undefined {
  let code: number | undefined;
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) if (bytes[at + 3] === 7) code = bytes.readUInt32BE(at + 13);
  return code;
}

/** In HPACK: POST, https, the path and authority as literals. */
export function requestHeaders(path = infoPath, type = 'application/json'): Buffer {
  const literal = (index: number, value: string) => Buffer.concat([Buffer.from([0x40 | index, value.length]), Buffer.from(value)]);
  return Buffer.concat([Buffer.from([0x83, 0x87]), literal(4, path), literal(1, 'localhost'), literal(31, type)]);
}

/** In the envelope of gRPC and Connect: a message whose first field is an id. */
export function enveloped(id: string): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, id.length + 2, 0x0a, id.length]), Buffer.from(id)]);
}
