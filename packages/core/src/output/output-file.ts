import { join } from 'node:path';
import { openCompressed } from './compressed-file.ts';
import { FILE_HEADER_BYTES, isFileHeader } from './frame.ts';
import { openIfThere, readAt } from './open-if-there.ts';

/** The bytes of an output file, wherever they are kept. */
export interface OutputFile {
  /** So many bytes from a position on, fewer at the end: in a buffer that is never written to again, or at the beginning of the one that is given, which has room for them. */
  read(position: number, length: number, into?: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

/** One that is open, and is closed by whoever has it. */
export interface OpenOutput {
  readonly file: OutputFile;
  readonly header: Buffer;
}

/** Names in a job's directory. */
export const OUTPUT = 'output';
export const COMPRESSED_OUTPUT = 'output.zst';
export const OUTPUT_INDEX = 'index';

/**
 * The output file in a job's directory and its header; undefined when there is none, or its header is spoiled. A compressed file is in place before the other is removed, so that whoever looks in this order finds one.
 */
export async function openOutput(directory: string): Promise<OpenOutput | undefined> {
  const file = (await openPlain(join(directory, OUTPUT))) ?? (await openCompressed(join(directory, COMPRESSED_OUTPUT)));
  if (file === undefined) return undefined;
  try {
    const header = await file.read(0, FILE_HEADER_BYTES);
    if (isFileHeader(header)) return { file, header };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

/** Undefined when there is none. */
export async function openPlain(path: string): Promise<OutputFile | undefined> {
  const handle = await openIfThere(path);
  if (handle === undefined) return undefined;
  return { read: (position, length, into) => readAt(handle, position, length, into), close: () => handle.close() };
}
