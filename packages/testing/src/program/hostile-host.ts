import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { accessSync, chmodSync, constants, copyFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { compile } from './compile.ts';

/** What came of one attempt of the hostile probe. */
export interface Attempt {
  readonly name: string;
  readonly verdict: 'refused' | 'harmless' | 'HARM';
  readonly detail: string;
}

const canaryPlaces = ['/home', '/root', '/var', '/srv', '/opt', '/mnt', '/media', '/tmp', '/var/tmp', '/etc', '/run', '/dev/shm'];

/** Something to find in every corner of the host, somebody to reach on every way: what a job in a sandbox must not, and one on the host as root does. */
export class HostileHost implements AsyncDisposable {
  /** In every canary, in its name, and wherever else something is planted. */
  readonly marker = randomUUID();
  /** What a sandbox is given to read: the probe, a setuid root copy of id, a copy of the probe with all file capabilities, links to canaries. */
  readonly readable: string;
  readonly probe: string;
  readonly #canaries: string[] = [];
  readonly #listeners: (Server | Socket)[] = [];
  readonly #arguments: string[] = [];
  readonly #shm = String(Math.floor(Math.random() * 2 ** 30) + 1);

  private constructor(readable: string, probe: string) {
    this.readable = readable;
    this.probe = probe;
  }

  /** Plants all of it; `directory` is for what may be bound, and is kept by whoever made it. */
  static async plant(directory: string): Promise<HostileHost> {
    const readable = join(directory, 'readable');
    mkdirSync(readable);
    const host = new HostileHost(readable, await compile('hostile-probe', readable));
    try {
      host.#plantCanaries([...canaryPlaces, directory]);
      host.#plantPrograms();
      await host.#listen();
      execFileSync(host.probe, ['plant-shm', host.#shm]);
      host.#arguments.push(`shm=${host.#shm}`);
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The arguments of the probe, without those that its caller knows. */
  arguments(): string[] {
    const namespaces = ['mnt', 'pid', 'net', 'ipc', 'uts', 'user', 'cgroup'].map(
      (kind) => `ns:${kind}=${kind},${statSync(`/proc/self/ns/${kind}`).ino}`,
    );
    return [`marker=${this.marker}`, `readable=${this.readable}`, ...this.#arguments, ...namespaces];
  }

  /** What the probe printed. */
  static parse(output: string): Attempt[] {
    return output
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [name, verdict, detail] = line.split('\t');
        if (name === undefined || detail === undefined || (verdict !== 'refused' && verdict !== 'harmless' && verdict !== 'HARM'))
          throw new Error(`not a line of the probe: ${JSON.stringify(line)}`);
        return { name, verdict, detail };
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const canary of this.#canaries) rmSync(canary, { force: true });
    for (const listener of this.#listeners) {
      listener.close();
      await once(listener, 'close');
    }
    try {
      execFileSync('ipcrm', ['-M', this.#shm], { stdio: 'ignore' });
    } catch {
      // It was never planted.
    }
  }

  #plantCanaries(places: readonly string[]): void {
    for (const place of places) {
      const path = join(place, `canary-${this.marker}`);
      try {
        accessSync(place, constants.W_OK);
      } catch {
        continue;
      }
      writeFileSync(path, this.marker, { mode: 0o644 });
      chmodSync(path, 0o644);
      this.#canaries.push(path);
      this.#arguments.push(`canary:${place}=${path}`);
    }
  }

  #plantPrograms(): void {
    const setuid = join(this.readable, 'setuid-id');
    copyFileSync('/usr/bin/id', setuid);
    chmodSync(setuid, 0o4755);
    this.#arguments.push(`setuid:planted=${setuid}`);
    const filecap = join(this.readable, 'filecap-probe');
    copyFileSync(this.probe, filecap);
    chmodSync(filecap, 0o755);
    if (process.getuid?.() === 0) execFileSync(this.probe, ['plant-filecap', filecap]);
    this.#arguments.push(`filecap:planted=${filecap}`);
    for (const [index, canary] of this.#canaries.entries()) {
      const link = join(this.readable, `link-${index}`);
      execFileSync('ln', ['-s', canary, link]);
      this.#arguments.push(`read:link-in-bind-${index}=${link}`);
    }
    execFileSync('ln', ['-s', '../'.repeat(12), join(this.readable, 'up')]);
    for (const canary of this.#canaries.slice(0, 3))
      this.#arguments.push(`read:dots-in-bind${canary.slice(0, 5)}=${join(this.readable, 'up')}${canary}`);
  }

  async #listen(): Promise<void> {
    const abstract = `worker-probe-${this.marker}`;
    await this.#server({ path: `\0${abstract}` });
    this.#arguments.push(`abstract:planted=${abstract}`);
    const path = `/tmp/socket-${this.marker}`;
    await this.#server({ path });
    chmodSync(path, 0o777);
    this.#arguments.push(`unix:planted=${path}`);
    for (const host of ['127.0.0.1', '::1', ...ownAddresses()]) {
      const port = await this.#server({ host, port: 0 });
      this.#arguments.push(`tcp:${host}=${host},${port}`);
      const type = host.includes(':') ? 'udp6' : 'udp4';
      const socket = createSocket(type);
      socket.on('message', (_, from) => socket.send('answer', from.port, from.address));
      socket.bind(0, host);
      await once(socket, 'listening');
      this.#listeners.push(socket);
      this.#arguments.push(`udp:${host}=${host},${socket.address().port}`);
    }
    // Where clouds answer with credentials.
    this.#arguments.push('tcp:metadata=169.254.169.254,80');
  }

  async #server(where: { path: string } | { host: string; port: number }): Promise<number> {
    const server = createServer((socket) => socket.on('error', () => undefined).end());
    server.listen(where);
    await once(server, 'listening');
    this.#listeners.push(server);
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }
}

/** Of this host, as others reach it. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address);
}

/** The names of what is planted that are left on the host. */
export function canariesLeft(marker: string): string[] {
  return canaryPlaces.flatMap((place) => {
    try {
      return readdirSync(place).filter((name) => name.includes(marker));
    } catch {
      return [];
    }
  });
}
