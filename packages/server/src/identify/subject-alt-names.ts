import { isIP } from 'node:net';
import { canonicalAddress } from './address.ts';

/** The names in a certificate that bind it to where it may be used from. */
export interface SubjectAltNames {
  /** Canonical. */
  readonly addresses: readonly string[];
  /** In lower case. */
  readonly hosts: readonly string[];
}

/** One `Kind:value`; Node quotes, as JSON, a value in which a comma or a quote could be taken for the next name. */
const entry = /(?:^|, )([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^",]*)/y;

/** Reads Node's `subjectaltname`. `undefined` when it cannot be understood whole: a restriction that cannot be read must not be passed by. */
export function subjectAltNamesOf(text: string | undefined): SubjectAltNames | undefined {
  const addresses: string[] = [];
  const hosts: string[] = [];
  const source = text ?? '';
  for (let at = 0; at < source.length; at = entry.lastIndex) {
    entry.lastIndex = at;
    const [, kind, value] = entry.exec(source) ?? [];
    if (kind === undefined || value === undefined) return undefined;
    if (kind === 'IP Address') {
      if (isIP(value) === 0) return undefined;
      addresses.push(canonicalAddress(value));
    }
    if (kind === 'DNS') {
      if (value === '' || value.startsWith('"')) return undefined;
      hosts.push(value.toLowerCase());
    }
  }
  return { addresses, hosts };
}
