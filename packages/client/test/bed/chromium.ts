import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { eventually, processesOf, type DevCertificates } from '@worker/testing';

export interface ChromiumOptions {
  readonly certificates: DevCertificates;
  /** Whose certificate it shows. */
  readonly email: string;
  /** To whom it shows it, without asking anybody. */
  readonly origin: string;
}

type Listener = (params: Record<string, unknown>) => void;

/**
 * A headless Chromium, driven by the DevTools protocol over a pipe. It has a home of its own, and in it a store of certificates with our CA and the caller's. That it shows a certificate without asking is
 * a matter of policy, which it reads from /etc alone: it is given an /etc/chromium that nobody else sees.
 */
export class Chromium implements AsyncDisposable {
  readonly #home: string;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #answers = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  readonly #listeners = new Map<string, Listener>();
  #session: string | undefined;
  #said = '';
  #last = 0;

  private constructor(home: string) {
    this.#home = home;
    const flags = [
      '--headless=new',
      '--remote-debugging-pipe',
      `--user-data-dir=${join(home, 'profile')}`,
      '--no-first-run',
      '--disable-gpu',
    ];
    // Its own sandbox is not for root, and the only pages it sees are ours.
    const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    const apart = ['--mount', ...(asRoot.length > 0 ? [] : ['--map-root-user'])];
    const line = 'mount -t tmpfs none /etc/chromium && cp -r "$HOME/policies" /etc/chromium && exec chromium "$@"';
    this.#child = spawn('unshare', [...apart, 'sh', '-c', line, 'sh', ...asRoot, ...flags, 'about:blank'], {
      env: { PATH: process.env['PATH'], HOME: home },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close');
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
    const [, , , toIt, fromIt] = this.#child.stdio as [null, null, Readable, Writable, Readable];
    // What is written to one that has died shows as its end.
    toIt.on('error', () => undefined);
    let rest = '';
    fromIt.setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#receive(JSON.parse(message) as Message);
    });
    void this.#closed.then(() => {
      for (const { reject } of this.#answers.values()) reject(new Error(`chromium has left:\n${this.#said}`));
    });
  }

  /** With one page, which is empty. */
  static async start(options: ChromiumOptions): Promise<Chromium> {
    const home = mkdtempSync(join(tmpdir(), 'worker-chromium-'));
    prepare(home, options);
    const chromium = new Chromium(home);
    try {
      const { targetId } = await chromium.send('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await chromium.send('Target.attachToTarget', { targetId, flatten: true });
      chromium.#session = sessionId as string;
      return chromium;
    } catch (error) {
      await chromium[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What the browser itself has written to stderr. */
  get said(): string {
    return this.#said;
  }

  /** A command of the DevTools protocol, to the page once there is one. */
  async send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    const answer = Promise.withResolvers<Record<string, unknown>>();
    this.#answers.set(id, answer);
    const toIt = this.#child.stdio[3] as Writable;
    toIt.write(`${JSON.stringify({ id, method, params, ...(this.#session === undefined ? {} : { sessionId: this.#session }) })}\0`);
    return answer.promise.finally(() => this.#answers.delete(id));
  }

  /** One listener for each event of the protocol. */
  on(method: string, listener: Listener): void {
    this.#listeners.set(method, listener);
  }

  #receive({ id, result, error, method, params }: Message): void {
    if (id === undefined) return this.#listeners.get(method ?? '')?.(params ?? {});
    if (error === undefined) this.#answers.get(id)?.resolve(result ?? {});
    else this.#answers.get(id)?.reject(new Error(error.message));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
    // Its own children notice, and leave.
    await eventually(() => processesOf(this.#home).length === 0, { what: 'no process of chromium is left' });
    rmSync(this.#home, { recursive: true });
  }
}

interface Message {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: Record<string, unknown>;
}

/** The store of certificates, as Chromium looks for it, and the policy. */
function prepare(home: string, { certificates, email, origin }: ChromiumOptions): void {
  const store = join(home, '.pki/nssdb');
  mkdirSync(store, { recursive: true });
  const { cert, key } = certificates.client(email);
  const bag = join(home, 'client.p12');
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  run('certutil', '-N', '-d', `sql:${store}`, '--empty-password');
  run('certutil', '-A', '-d', `sql:${store}`, '-n', 'ca', '-t', 'C,,', '-i', certificates.ca);
  run('openssl', 'pkcs12', '-export', '-in', cert, '-inkey', key, '-out', bag, '-passout', 'pass:');
  run('pk12util', '-i', bag, '-d', `sql:${store}`, '-W', '');
  const policies = join(home, 'policies/managed');
  mkdirSync(policies, { recursive: true });
  const policy = { AutoSelectCertificateForUrls: [JSON.stringify({ pattern: origin, filter: {} })] };
  writeFileSync(join(policies, 'worker.json'), JSON.stringify(policy));
}
