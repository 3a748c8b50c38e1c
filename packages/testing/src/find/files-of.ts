import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface FoundFile {
  /** Below the directory that was searched. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'socket' | 'other';
}

/** Everything below a directory. */
export function filesOf(directory: string): FoundFile[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) => ({
    path: relative(directory, join(entry.parentPath, entry.name)),
    kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : entry.isSocket() ? 'socket' : 'other',
  }));
}
