import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { IdentitySchema, LaunchRefused, ResourceLimitsSchema, SandboxSchema } from '@worker/supervisor';
import { LauncherRequestSchema, Network, OutputAction, RefusalReason, ShimRequestSchema } from '@worker/supervisor';
import { pathBelow } from '../isolate/normal-path.ts';
import type { JobIsolation, JobLimits } from '../job/job-spec.ts';
import type { ShimRequestInit } from '../watch/shim-wire.ts';
import { encodeFrame } from './frame-codec.ts';
import type { LaunchAnswer, LaunchIdentity, LaunchOrder } from './launcher.ts';

/** How long output is still read after a job's tree is gone while somebody outside of it holds the pipes. */
const DRAIN_MS = 2000n;

const encoder = new TextEncoder();

export function encodeOrder(sequence: bigint, order: LaunchOrder): Uint8Array {
  const { jobId, argv, env, cwd, limits, isolation } = order;
  const sandbox = isolation.mode === 'sandbox' ? { sandbox: sandboxMessage(isolation) } : {};
  const identity = order.identity.kind === 'launcher' ? {} : { identity: identityMessage(order.identity) };
  const launch = {
    jobId,
    argv: argv.map((argument) => encoder.encode(argument)),
    env: env.map((variable) => encoder.encode(variable)),
    cwd: encoder.encode(cwd),
    wallTimeMs: BigInt(limits.wallTimeMs),
    outputBytes: BigInt(limits.outputBytes),
    outputAction: limits.outputAction === 'stop' ? OutputAction.STOP : OutputAction.TRUNCATE,
    drainMs: DRAIN_MS,
    limits: limitsMessage(limits, order.bestEffort),
    ...identity,
    ...sandbox,
  };
  return encodeFrame(LauncherRequestSchema, create(LauncherRequestSchema, { sequence, request: { case: 'launch', value: launch } }));
}

function limitsMessage(limits: JobLimits, bestEffort: boolean): MessageInitShape<typeof ResourceLimitsSchema> {
  return {
    memoryBytes: BigInt(limits.memoryBytes),
    processes: BigInt(limits.processes),
    cpuWeight: limits.cpuWeight,
    cpuMillis: limits.cpuMillis,
    openFiles: BigInt(limits.openFiles),
    fileSizeBytes: BigInt(limits.fileSizeBytes),
    ioReadBytesPerSecond: BigInt(limits.ioReadBytesPerSecond),
    ioWriteBytesPerSecond: BigInt(limits.ioWriteBytesPerSecond),
    bestEffort,
  };
}

function identityMessage(identity: Exclude<LaunchIdentity, { kind: 'launcher' }>): MessageInitShape<typeof IdentitySchema> {
  if (identity.kind === 'own') return { who: { case: 'own', value: true } };
  const { uid, gid, groups } = identity;
  return { who: { case: 'user', value: { uid, gid, groups: [...groups] } } };
}

function sandboxMessage({ network, binds }: JobIsolation): MessageInitShape<typeof SandboxSchema> {
  return {
    network: network === 'host' ? Network.HOST : Network.NONE,
    binds: binds.map(({ source, root, target, writable }) => ({
      root: encoder.encode(root),
      path: encoder.encode(pathBelow(source, root)),
      target: encoder.encode(target),
      writable,
    })),
  };
}

export function encodeRelayed(launch: bigint, request: ShimRequestInit): Uint8Array {
  const relay = create(ShimRequestSchema, request);
  return encodeFrame(LauncherRequestSchema, create(LauncherRequestSchema, { sequence: launch, request: { case: 'relay', value: relay } }));
}

export function encodeLook(sequence: bigint, jobId: string): Uint8Array {
  return encodeFrame(LauncherRequestSchema, create(LauncherRequestSchema, { sequence, request: { case: 'look', value: { jobId } } }));
}

export function refusalOf({ reason, stage, errno, message }: LaunchRefused): LaunchAnswer {
  if (reason === RefusalReason.EXISTS) return { kind: 'exists' };
  return { kind: 'refused', stage, errno, message };
}
