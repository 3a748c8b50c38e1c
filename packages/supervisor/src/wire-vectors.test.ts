import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { LauncherRequestSchema, LauncherResponseSchema, ShimEventSchema, ShimRequestSchema } from './index.ts';

interface Vector {
  name: string;
  message: string;
  frame: string;
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/wire.json', import.meta.url), 'utf8')) as Vector[];
const schemas = [LauncherRequestSchema, LauncherResponseSchema, ShimEventSchema, ShimRequestSchema];

describe('the wire that the supervisor speaks', () => {
  it.each(vectors)('$name reads the same on both sides, byte for byte', ({ message, frame }) => {
    const bytes = Buffer.from(frame, 'hex');
    expect(bytes.readUInt32LE(0)).toBe(bytes.length - 4);
    const schema = schemas.find((candidate) => candidate.typeName === message);
    if (schema === undefined) throw new Error(`no schema for ${message}`);
    const decoded = fromBinary(schema, bytes.subarray(4));
    expect(decoded.$unknown).toBeUndefined();
    expect(Buffer.from(toBinary(schema, decoded)).toString('hex')).toBe(frame.slice(8));
  });
});
