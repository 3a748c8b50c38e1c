import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CoreError } from '../core-error.ts';
import { openCompressed } from '../output/compressed-file.ts';
import { FILE_HEADER_BYTES } from '../output/frame.ts';
import { openIfThere, readAt } from '../output/open-if-there.ts';
import type { OutputFile } from '../output/output-file.ts';
import { COMPRESSED_OUTPUT, openPlain, OUTPUT } from '../output/output-file.ts';

const ZSTD_MAGIC = 0xfd2fb528;

/** An output file to be read by itself. */
export interface Inspected {
  readonly path: string;
  /** Where index and result are, if they are anywhere. */
  readonly directory: string;
  readonly compressed: boolean;
  readonly storedBytes: number;
  readonly file: OutputFile;
  readonly header: Buffer;
}

/** The file at a path, or the output in the job's directory there. Undefined for a directory without one. Errors: `not-found`. */
export async function openInspected(given: string): Promise<Inspected | { readonly directory: string; readonly path: undefined }> {
  const path = await realpath(given).catch((error: unknown) => {
    throw new CoreError('not-found', 'there is no such file or directory', { cause: error });
  });
  const found = await stat(path);
  if (found.isFile()) return openFile(path);
  if (!found.isDirectory()) throw new CoreError('not-found', 'it is neither a file nor a directory');
  for (const name of [OUTPUT, COMPRESSED_OUTPUT]) {
    const candidate = join(path, name);
    if ((await stat(candidate).catch(() => undefined))?.isFile() === true) return openFile(candidate);
  }
  return { directory: path, path: undefined };
}

async function openFile(path: string): Promise<Inspected> {
  const handle = await openIfThere(path);
  if (handle === undefined) throw new CoreError('not-found', 'there is no such file');
  let compressed: boolean;
  let storedBytes: number;
  try {
    const start = await readAt(handle, 0, 4);
    // By what it holds: a copy may have any name. One that is spoiled at its very beginning still has its own.
    compressed = (start.length === 4 && start.readUInt32LE(0) === ZSTD_MAGIC) || basename(path) === COMPRESSED_OUTPUT;
    storedBytes = (await handle.stat()).size;
  } finally {
    await handle.close();
  }
  const file = await (compressed ? openCompressed(path) : openPlain(path));
  if (file === undefined) throw new CoreError('not-found', 'there is no such file');
  return { path, directory: dirname(path), compressed, storedBytes, file, header: await file.read(0, FILE_HEADER_BYTES) };
}
