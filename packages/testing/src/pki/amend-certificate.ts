import { sign } from 'node:crypto';

/**
 * The certificate with other bytes in its signed part, signed anew by the same issuer: for what the tools refuse to issue. `amend` must return as many bytes as it was given.
 *
 * @param pem A certificate signed with ECDSA and SHA-256.
 * @param issuerKey PEM.
 */
export function amendCertificate(pem: string, issuerKey: string, amend: (signedPart: Buffer) => Buffer): string {
  const body = contentOf(fromPem(pem));
  const signedPart = elementAt(body, 0);
  const algorithm = elementAt(body, signedPart.length);
  const amended = amend(Buffer.from(signedPart));
  if (amended.length !== signedPart.length) throw new Error('an amended certificate must keep its length');
  const signature = element(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', amended, issuerKey)]));
  return toPem(element(0x30, Buffer.concat([amended, algorithm, signature])));
}

/** `from` must occur exactly once. */
export function replaceBytes(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const at = bytes.indexOf(from);
  if (at === -1 || bytes.includes(from, at + 1) || from.length !== to.length)
    throw new Error('the bytes to replace must occur once and keep their length');
  return Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + from.length)]);
}

/** X.690: a tag, a length in one byte or, with the high bit set, in that many following bytes, and the content. */
function element(tag: number, content: Buffer): Buffer {
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const bytes = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, content]);
}

function elementAt(bytes: Buffer, at: number): Buffer {
  const { start, end } = extentAt(bytes, at);
  return bytes.subarray(start, end);
}

function contentOf(bytes: Buffer): Buffer {
  const { content, end } = extentAt(bytes, 0);
  return bytes.subarray(content, end);
}

function extentAt(bytes: Buffer, start: number): { start: number; content: number; end: number } {
  const first = bytes.readUInt8(start + 1);
  if (first < 0x80) return { start, content: start + 2, end: start + 2 + first };
  const count = first & 0x7f;
  const content = start + 2 + count;
  return { start, content, end: content + bytes.readUIntBE(start + 2, count) };
}

function fromPem(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[A-Z ]+-----/g, ''), 'base64');
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
