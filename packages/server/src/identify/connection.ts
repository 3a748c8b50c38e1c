import type { TLSSocket } from 'node:tls';
import { refusal } from '../fail/refusal.ts';
import { canonicalAddress } from './address.ts';
import { identityOf, type Identity } from './certificate.ts';
import type { HostAddresses } from './host-addresses.ts';
import type { Principal } from './principal.ts';

/** Who is at the other end, fixed when the connection was made. */
export interface Connection {
  /** Canonical; empty when the peer was gone already. */
  readonly address: string;
  /** Address and port, for the log. */
  readonly peer: string;
  readonly identity: Identity;
}

/** Reads the connection once. Never throws. */
export function connectionOf(socket: Pick<TLSSocket, 'remoteAddress' | 'remotePort' | 'getPeerCertificate'>): Connection {
  const address = canonicalAddress(socket.remoteAddress ?? '');
  return { address, peer: `${address} ${String(socket.remotePort ?? 0)}`, identity: identityOf(socket.getPeerCertificate()) };
}

/**
 * The principal of a connection, or UNAUTHENTICATED. Its validity and, for a certificate bound to hosts, the resolver's answer are looked at anew on
 * every call; the rest was decided when the connection was made.
 */
export function identify(connection: Connection, hosts: HostAddresses, now: Date): Principal | Promise<Principal> {
  const { identity, address } = connection;
  if (identity.kind === 'refused') throw refusal(identity.reason, identity.message);
  if (hasExpired(identity, now)) throw refusal('CERTIFICATE_EXPIRED', 'the client certificate has expired: have it renewed');
  const { names, principal } = identity;
  if (names.addresses.length > 0) {
    if (names.addresses.includes(address)) return principal;
    throw addressMismatch();
  }
  if (names.hosts.length === 0) return principal;
  return anyResolves(names.hosts, address, hosts).then((found) => {
    if (found) return principal;
    throw addressMismatch();
  });
}

/** Whether the connection's certificate was valid once and is no longer. */
export function hasExpired(identity: Identity, now: Date): boolean {
  return identity.kind === 'known' && identity.expiresAt.getTime() <= now.getTime();
}

async function anyResolves(names: readonly string[], address: string, hosts: HostAddresses): Promise<boolean> {
  for (const name of names) if (await hosts.has(name, address)) return true;
  return false;
}

function addressMismatch() {
  return refusal('ADDRESS_MISMATCH', 'the client certificate is bound to other addresses than the one this connection comes from');
}
