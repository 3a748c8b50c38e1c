import { join } from 'node:path';
import { CliError } from '../fail/cli-error.ts';
import { findCertificates, readKey, readPem } from './certificates.ts';
import { profilePath, readProfile, type Profile } from './profile.ts';

/** Complete: what a connection is made from. */
export interface Settings {
  readonly address: string;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export const DEFAULT_ADDRESS = 'https://127.0.0.1:7443';
export const DEFAULT_EMAIL = 'owner@example.com';

interface Layer extends Profile {
  /** What a message calls it. */
  readonly origin: string;
}

/**
 * Flags, then WORKER_*, then the profile file, then what `make certs` made. Each setting comes from the first that has it; who the caller is, a certificate
 * with its key or an e-mail address whose certificate `make certs` made, comes from one of them whole.
 *
 * Errors: CliError.
 */
export function resolveSettings(flags: Profile, env: NodeJS.ProcessEnv, cwd: string): Settings {
  const file = profilePath(env);
  const layers: Layer[] = [
    { ...flags, origin: 'a flag' },
    { ...fromEnvironment(env), origin: 'the environment' },
    { ...readProfile(file), origin: file },
  ];
  for (const layer of layers) checkIdentity(layer);
  const certs = findCertificates(cwd);
  const ca = layers.find((layer) => layer.ca !== undefined);
  return {
    address: layers.find((layer) => layer.address !== undefined)?.address ?? DEFAULT_ADDRESS,
    ca:
      ca?.ca === undefined
        ? readPem('the CA', join(made(certs, cwd, '--ca'), 'ca.crt'), 'from `make certs`')
        : readPem('the CA', ca.ca, ca.origin),
    ...identityOf(layers, certs, cwd),
  };
}

function identityOf(layers: readonly Layer[], certs: string | undefined, cwd: string): { cert: Buffer; key: Buffer } {
  const layer = layers.find(({ as, cert }) => as !== undefined || cert !== undefined);
  if (layer?.cert !== undefined && layer.key !== undefined) {
    return { cert: readPem('the client certificate', layer.cert, layer.origin), key: readKey(layer.key, layer.origin) };
  }
  const email = layer?.as ?? DEFAULT_EMAIL;
  // It becomes part of a path.
  if (!/^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$/.test(email))
    throw new CliError(`--as "${email}" is not an e-mail address`, `give one such as ${DEFAULT_EMAIL}`);
  const stem = join(made(certs, cwd, '--cert and --key'), 'clients', email);
  const origin = layer === undefined ? 'the default' : `for "${email}", by ${layer.origin}`;
  return { cert: readPem('the client certificate', `${stem}.crt`, origin), key: readKey(`${stem}.key`, origin) };
}

function made(certs: string | undefined, cwd: string, flag: string): string {
  if (certs !== undefined) return certs;
  throw new CliError(
    `there are no certificates: no certs/ca.crt in ${cwd} or above, and no ${flag} was given`,
    'make them with `make certs`, or give --ca, --cert and --key (or WORKER_CA, WORKER_CERT and WORKER_KEY)',
  );
}

function checkIdentity({ as, cert, key, origin }: Layer): void {
  if ((cert === undefined) !== (key === undefined))
    throw new CliError(
      `a ${cert === undefined ? 'key without its certificate' : 'certificate without its key'} was given (${origin})`,
      'give both, --cert and --key',
    );
  if (as !== undefined && cert !== undefined)
    throw new CliError(`both an e-mail address and a certificate were given (${origin})`, 'give --as, or --cert and --key');
}

function fromEnvironment(env: NodeJS.ProcessEnv): Profile {
  const given = {
    address: env['WORKER_ADDRESS'],
    ca: env['WORKER_CA'],
    cert: env['WORKER_CERT'],
    key: env['WORKER_KEY'],
    as: env['WORKER_AS'],
  };
  // Empty is as good as unset: that is how scripts unset.
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== ''));
}
