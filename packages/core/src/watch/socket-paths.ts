import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';

/** sockaddr_un holds 108 bytes, one of them the NUL. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Where the sockets of shims are; below a directory whose path is too long for a socket address by way of an open descriptor of it. */
export class SocketPaths {
  readonly #directory: string;
  #fd: number | undefined;

  /** The directory has to exist by the first call of `of`. */
  constructor(jobsDirectory: string) {
    this.#directory = jobsDirectory;
  }

  of(jobId: string): string {
    const path = join(this.#directory, jobId, 'shim.sock');
    if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
    this.#fd ??= openSync(this.#directory, constants.O_RDONLY | constants.O_DIRECTORY);
    return `/proc/self/fd/${this.#fd}/${jobId}/shim.sock`;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
