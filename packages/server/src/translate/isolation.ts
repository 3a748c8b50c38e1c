import { create } from '@bufbuild/protobuf';
import type { AllowedBind, IsolationMode, JobIsolation, NetworkMode, SubmitOptions } from '@worker/core';
import {
  BindSchema,
  IsolationMode as WireMode,
  IsolationSchema,
  NetworkMode as WireNetwork,
  type Bind,
  type Isolation,
} from '@worker/protocol';
import { fieldRefusal } from '../fail/refusal.ts';

export const wireModes: Readonly<Record<IsolationMode, WireMode>> = { sandbox: WireMode.SANDBOX, host: WireMode.HOST };
export const wireNetworks: Readonly<Record<NetworkMode, WireNetwork>> = { none: WireNetwork.NONE, host: WireNetwork.HOST };

export function isolationMessage({ mode, network, binds }: JobIsolation): Isolation {
  return create(IsolationSchema, { mode: wireModes[mode], network: wireNetworks[network], binds: binds.map(bindMessage) });
}

export function bindMessage({ source, target = '', writable = false }: AllowedBind): Bind {
  return create(BindSchema, { source, target, writable });
}

/** What a request asks for, as core takes it; what may be asked for is core's to judge. An enum is open on the wire: a number that is no name here is refused, never guessed. */
export function isolationOf({ mode, network, binds }: Isolation): NonNullable<SubmitOptions['isolation']> {
  return {
    ...(mode === WireMode.UNSPECIFIED
      ? {}
      : { mode: nameOf(wireModes, mode, 'isolation.mode', 'ISOLATION_MODE_SANDBOX or ISOLATION_MODE_HOST') }),
    ...(network === WireNetwork.UNSPECIFIED
      ? {}
      : { network: nameOf(wireNetworks, network, 'isolation.network', 'NETWORK_MODE_NONE or NETWORK_MODE_HOST') }),
    binds: binds.map(({ source, target, writable }) => ({ source, ...(target === '' ? {} : { target }), writable })),
  };
}

function nameOf<Name extends string>(wires: Readonly<Record<Name, number>>, wire: number, field: string, names: string): Name {
  const name = (Object.keys(wires) as Name[]).find((candidate) => wires[candidate] === wire);
  if (name === undefined) throw fieldRefusal(field, `must be ${names}, or 0 for the default of the server`);
  return name;
}
