import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  IsolationMode as WireMode,
  NetworkMode as WireNetwork,
  type Bind as BindMessage,
  type Isolation,
  type IsolationSchema,
} from '@worker/protocol';
import { checkNames, checkOneOf, checkText } from '../call/check-options.ts';
import type { BindOptions, IsolationOptions } from '../request-options.ts';
import type { Bind, IsolationMode, JobIsolation, NetworkMode } from './job.ts';

const wireModes: Readonly<Record<IsolationMode, WireMode>> = { sandbox: WireMode.SANDBOX, host: WireMode.HOST };
const wireNetworks: Readonly<Record<NetworkMode, WireNetwork>> = { none: WireNetwork.NONE, host: WireNetwork.HOST };

export function modeOf(wire: WireMode): IsolationMode | 'unrecognized' {
  return nameOf(wireModes, wire);
}

export function networkOf(wire: WireNetwork): NetworkMode | 'unrecognized' {
  return nameOf(wireNetworks, wire);
}

export function bindOf({ source, target, writable }: BindMessage): Bind {
  return { source, target: target === '' ? source : target, writable };
}

export function isolationFromMessage({ mode, network, binds }: Isolation): JobIsolation {
  return { mode: modeOf(mode), network: networkOf(network), binds: binds.map(bindOf) };
}

/** As a request carries it. Errors: `invalid-argument`. */
export function isolationMessage(isolation: IsolationOptions): MessageInitShape<typeof IsolationSchema> {
  checkNames(isolation, ['mode', 'network', 'binds'] satisfies (keyof IsolationOptions)[], 'isolation');
  const { mode, network, binds = [] } = isolation;
  checkOneOf(mode, 'isolation.mode', Object.keys(wireModes));
  checkOneOf(network, 'isolation.network', Object.keys(wireNetworks));
  return {
    mode: mode === undefined ? WireMode.UNSPECIFIED : wireModes[mode],
    network: network === undefined ? WireNetwork.UNSPECIFIED : wireNetworks[network],
    binds: binds.map((bind, index) => {
      checkNames(bind, ['source', 'target', 'writable'] satisfies (keyof BindOptions)[], `isolation.binds[${index}]`);
      const { source, target = '', writable = false } = bind;
      checkText(source, `isolation.binds[${index}].source`);
      checkText(target, `isolation.binds[${index}].target`);
      return { source, target, writable };
    }),
  };
}

function nameOf<Name extends string>(wires: Readonly<Record<Name, number>>, wire: number): Name | 'unrecognized' {
  return (Object.keys(wires) as Name[]).find((name) => wires[name] === wire) ?? 'unrecognized';
}
