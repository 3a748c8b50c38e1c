import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';

const vectors = fileURLToPath(new URL('../../../supervisor/vectors/', import.meta.url));

/** The shared files of a kind, whole ones and spoiled ones. */
export function vectorFiles(kind: 'output' | 'result'): Buffer[] {
  const names = readdirSync(vectors + kind).filter((name) => name.endsWith('.bin'));
  return names.sort().map((name) => readFileSync(`${vectors}${kind}/${name}`));
}

/** The shared frames of a message, such as `ShimEvent`. */
export function vectorFrames(message: string): Buffer[] {
  const all = JSON.parse(readFileSync(`${vectors}wire.json`, 'utf8')) as { readonly message: string; readonly frame: string }[];
  return all.filter((vector) => vector.message.endsWith(`.${message}`)).map(({ frame }) => Buffer.from(frame, 'hex'));
}

const edge = fc.constantFrom('00', '7f', '80', 'ff', 'ffffffff', '00004000', '01004000', 'ffffffffffffffffff01', '80808080808080808080');
const edit = fc.record({
  at: fc.nat(65_535),
  removed: fc.oneof(fc.constant(0), fc.constant(1), fc.nat(40)),
  put: fc.oneof(
    edge.map((hex) => Buffer.from(hex, 'hex')),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  ),
});

/** One of these, or several in a row, with some of their bytes taken out, put in or replaced; or any bytes at all. */
export function spoiled(originals: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const whole = fc.array(fc.constantFrom(...originals), { minLength: 1, maxLength: 3 }).map((pieces) => Buffer.concat(pieces));
  const edited = fc.tuple(whole, fc.array(edit, { maxLength: 4 })).map(([bytes, edits]) =>
    edits.reduce((before, { at, removed, put }) => {
      const from = at % (before.length + 1);
      return Buffer.concat([before.subarray(0, from), put, before.subarray(from + removed)]);
    }, bytes),
  );
  return fc.oneof({ weight: 5, arbitrary: edited }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b)) });
}

/** The same bytes in pieces. */
export function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}
