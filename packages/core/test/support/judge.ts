import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { OutputCursor } from '../../src/output/output-cursor.ts';
import type { Piece } from './write-frames.ts';
import { writeFrames } from './write-frames.ts';

const native = fileURLToPath(new URL('../../../supervisor/native/', import.meta.url));

// A debug build's symbols would cost more than its compilation saves, and the linker's slow pass as much again: the profile and the place are those of the supervisor's own tests, which build the same.
const env = {
  ...process.env,
  CARGO_TARGET_DIR: `${native}target/tests`,
  CARGO_PROFILE_RELEASE_LTO: 'off',
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
};
const cargo = (command: string): string[] => [command, '--quiet', '--release', '--locked', '--example', 'judge'];

/** To be called before {@link judge}: that may take minutes, where the supervisor's tests have not run yet. */
export function buildJudge(): void {
  execFileSync('cargo', cargo('build'), { cwd: native, env, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** What the supervisor's own code makes of each of these, a line each: see native/examples/judge.rs. */
export function judge(records: readonly (readonly ['o' | 'l', Uint8Array])[]): string[] {
  const input = Buffer.concat(
    records.flatMap(([kind, bytes]) => {
      const head = Buffer.from(`${kind}\0\0\0\0`);
      head.writeUInt32LE(bytes.length, 1);
      return [head, bytes];
    }),
  );
  return execFileSync('cargo', cargo('run'), { cwd: native, env, input, maxBuffer: 2 ** 30, encoding: 'utf8' })
    .split('\n')
    .slice(0, -1);
}

/** What this reader finds in a file, in the judge's words. */
export async function wholeFrames(directory: string, bytes: Uint8Array): Promise<string> {
  writeFileSync(join(directory, 'output'), bytes);
  const cursor = new OutputCursor({ directory, from: 0, maxChunkBytes: 1 });
  let text = '';
  for await (const batch of cursor.read({ fileLength: Number.MAX_SAFE_INTEGER, produced: Number.MAX_SAFE_INTEGER }, true)) {
    for (const event of batch) {
      if (event.kind === 'gap') text += `;${event.offset} ${event.reason} ${event.stdoutBytes} ${event.stderrBytes}`;
      else text += `;${event.offset} ${event.stream} ${event.timeNs} ${Buffer.from(event.data).toString('hex')}`;
    }
  }
  await cursor.close();
  return `${cursor.position}${text}`;
}

/** A line of either with each byte by itself and gaps in a row as one, which readers are free to do; a gap of nothing is none. */
export function inBytes(line: string): string[] {
  const [end = '', ...frames] = line.split(';');
  const found: string[] = [];
  let gap: { offset: string; reason: string; stdout: bigint; stderr: bigint; next: bigint } | undefined;
  const flush = () => {
    if (gap !== undefined && gap.stdout + gap.stderr > 0n) found.push(`${gap.offset} ${gap.reason} ${gap.stdout} ${gap.stderr}`);
    gap = undefined;
  };
  for (const frame of frames) {
    const [offset = '', kind = '', first = '', second = ''] = frame.split(' ');
    if (kind.startsWith('std')) {
      flush();
      for (const [at, byte] of [...Buffer.from(second, 'hex')].entries())
        found.push(`${BigInt(offset) + BigInt(at)} ${kind} ${first} ${byte}`);
      continue;
    }
    const [stdout, stderr] = [BigInt(first), BigInt(second)];
    if (gap?.reason !== kind || gap.next !== BigInt(offset)) flush();
    gap = {
      offset: gap?.offset ?? offset,
      reason: kind,
      stdout: (gap?.stdout ?? 0n) + stdout,
      stderr: (gap?.stderr ?? 0n) + stderr,
      next: BigInt(offset) + stdout + stderr,
    };
  }
  flush();
  return [end, ...found];
}

const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({
    kind: fc.constant('data' as const),
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    data: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  fc.record({
    kind: fc.constant('gap' as const),
    stdoutBytes: fc.oneof(fc.nat(9), fc.constantFrom(2 ** 53 - 1, 2 ** 53 - 20, 2 ** 60)),
    stderrBytes: fc.oneof(fc.nat(9), fc.constantFrom(2 ** 52, 2 ** 60)),
    reason: fc.constantFrom(1 as const, 2 as const),
  }),
);
const headerEdit = fc.record({ frame: fc.nat(5), at: fc.nat(27), value: fc.oneof(fc.nat(3), fc.nat(255)) });

/** Frames as their writer writes them, of which a byte of a header may be another one and the checksum right again: what lies behind the checksums is reached. */
export const resealedFile: fc.Arbitrary<Buffer> = fc
  .tuple(fc.array(piece, { minLength: 1, maxLength: 6 }), fc.array(headerEdit, { maxLength: 2 }))
  .map(([pieces, edits]) => {
    const { file, ends } = writeFrames(pieces);
    for (const { frame, at, value } of edits) {
      const start = [16, ...ends][frame % pieces.length] ?? 16;
      file[start + at] = value;
      file.writeUInt32LE(crc32(file.subarray(start, start + 28)), start + 28);
    }
    return file;
  });
