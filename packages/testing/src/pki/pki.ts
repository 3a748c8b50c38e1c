import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { amendCertificate, replaceBytes } from './amend-certificate.ts';

/** A certificate and its key, PEM and as files. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface IssueOptions {
  /** Any characters, also those that no tool would put there. Default: `owner@example.com` alone. */
  readonly commonNames?: readonly string[];
  /** Extended key usage; `none` leaves the extension out. Default `client`. */
  readonly usage?: 'client' | 'server' | 'any' | 'none';
  /** Subject alternative names as openssl spells them, such as `IP:127.0.0.1,DNS:example.com`. Default: none. */
  readonly names?: string;
  /** Default: from a minute ago for two days. */
  readonly validity?: { readonly from: Date; readonly to: Date };
  /** Default: the CA. */
  readonly issuer?: Credentials;
  /** Basic constraints CA:TRUE. Default false. */
  readonly ca?: boolean;
}

const config = `[req]
distinguished_name = subject
prompt = no
string_mask = utf8only
x509_extensions = none
[subject]
[none]
`;
const usages = { client: 'clientAuth', server: 'serverAuth', any: 'anyExtendedKeyUsage' } as const;
const run = promisify(execFile);

/** A CA of its own with its certificates, made by openssl in a directory that goes with it. */
export class Pki implements AsyncDisposable {
  readonly directory: string;
  readonly ca: Credentials;
  /** For 127.0.0.1, ::1 and localhost. */
  readonly server: Credentials;
  #count = 0;

  private constructor(directory: string, ca: Credentials, server: Credentials) {
    this.directory = directory;
    this.ca = ca;
    this.server = server;
  }

  static async create(): Promise<Pki> {
    const directory = await mkdtemp(join(tmpdir(), 'pki-'));
    const ca = await makeCa(directory);
    const server = await make(directory, 'server', ca, {
      commonNames: ['localhost'],
      usage: 'server',
      names: 'IP:127.0.0.1,IP:::1,DNS:localhost',
    });
    return new Pki(directory, ca, server);
  }

  /** Signed by the CA, or by `issuer`. */
  async issue(options: IssueOptions = {}): Promise<Credentials> {
    this.#count += 1;
    return await make(this.directory, `leaf-${String(this.#count)}`, options.issuer ?? this.ca, options);
  }

  /** A client certificate as people have it. */
  async client(email: string): Promise<Credentials> {
    return await this.issue({ commonNames: [email] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}

async function makeCa(directory: string): Promise<Credentials> {
  await writeFile(join(directory, 'openssl.cnf'), config);
  const files = filesOf(directory, 'ca');
  const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  await openssl(directory, files, ['-subj', `/CN=Test CA ${directory.slice(-6)}`, '-days', '3', ...extensions]);
  return await read(files);
}

async function make(directory: string, name: string, issuer: Credentials, options: IssueOptions): Promise<Credentials> {
  const { commonNames = ['owner@example.com'], usage = 'client', names, ca = false, validity } = options;
  const files = filesOf(directory, name);
  const subject =
    commonNames.length === 0
      ? '/O=Nobody'
      : commonNames.map((commonName, index) => `/CN=${isPlain(commonName) ? commonName : standIn(commonName, index)}`).join('');
  const extensions = [
    ['basicConstraints', `critical,CA:${ca ? 'TRUE' : 'FALSE'}`],
    ...(usage === 'none' ? [] : [['extendedKeyUsage', usages[usage]]]),
    ...(names === undefined ? [] : [['subjectAltName', names]]),
  ].flatMap(([extension, value]) => ['-addext', `${String(extension)}=${String(value)}`]);
  await openssl(directory, files, ['-subj', subject, '-days', '2', '-CA', issuer.certFile, '-CAkey', issuer.keyFile, ...extensions]);
  const made = await read(files);
  const cert = amendCertificate(made.cert, issuer.key, (signedPart) => {
    const named = commonNames.reduce(
      (part, commonName, index) => (isPlain(commonName) ? part : nameIn(part, commonName, index)),
      signedPart,
    );
    return validity === undefined ? named : withValidity(named, validity);
  });
  await writeFile(files.certFile, cert);
  return { ...made, cert };
}

async function openssl(
  directory: string,
  { certFile, keyFile }: { certFile: string; keyFile: string },
  args: readonly string[],
): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  await run('openssl', ['req', '-new', '-x509', '-sha256', '-config', join(directory, 'openssl.cnf'), ...key, '-out', certFile, ...args]);
}

function filesOf(directory: string, name: string) {
  return { certFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) };
}

async function read(files: { readonly certFile: string; readonly keyFile: string }): Promise<Credentials> {
  return { ...files, cert: await readFile(files.certFile, 'utf8'), key: await readFile(files.keyFile, 'utf8') };
}

/** What openssl takes for a value of `-subj` and encodes as it stands. */
function isPlain(commonName: string): boolean {
  return /^[A-Za-z0-9@._ -]+$/.test(commonName);
}

/** As long as the name in UTF-8, and unlike any other. */
function standIn(commonName: string, index: number): string {
  return `${String(index)}${'z'.repeat(Buffer.byteLength(commonName) - 1)}`;
}

function nameIn(part: Buffer, commonName: string, index: number): Buffer {
  const utf8String = (text: string) => Buffer.concat([Buffer.from([0x0c, Buffer.byteLength(text)]), Buffer.from(text)]);
  return replaceBytes(part, utf8String(standIn(commonName, index)), utf8String(commonName));
}

/** The two times of a certificate stand side by side as UTCTime, thirteen characters each. */
function withValidity(part: Buffer, { from, to }: { readonly from: Date; readonly to: Date }): Buffer {
  const at = part.indexOf(Buffer.from([0x30, 0x1e, 0x17, 0x0d]));
  const times = Buffer.concat([from, to].map((date) => Buffer.from(`\x17\x0d${utcTime(date)}`, 'latin1')));
  if (at === -1) throw new Error('the certificate has no validity in UTCTime');
  return Buffer.concat([part.subarray(0, at + 2), times, part.subarray(at + 2 + times.length)]);
}

function utcTime(date: Date): string {
  return `${date.toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`;
}
