import { create } from '@bufbuild/protobuf';
import type { LauncherResponse } from '@worker/supervisor';
import { LauncherRequestSchema, OutputAction, RefusalReason } from '@worker/supervisor';
import { encodeFrame } from './frame-codec.ts';
import type { LaunchAnswer, LaunchOrder } from './launcher.ts';

/** How long output is still read after a job's tree is gone while somebody outside of it holds the pipes. */
const DRAIN_MS = 2000n;

const encoder = new TextEncoder();

export function encodeOrder(sequence: bigint, { jobId, argv, env, cwd, limits }: LaunchOrder): Uint8Array {
  const launch = {
    jobId,
    argv: argv.map((argument) => encoder.encode(argument)),
    env: env.map((variable) => encoder.encode(variable)),
    cwd: encoder.encode(cwd),
    wallTimeMs: BigInt(limits.wallTimeMs),
    outputBytes: BigInt(limits.outputBytes),
    outputAction: limits.outputAction === 'stop' ? OutputAction.STOP : OutputAction.TRUNCATE,
    drainMs: DRAIN_MS,
  };
  return encodeFrame(LauncherRequestSchema, create(LauncherRequestSchema, { sequence, request: { case: 'launch', value: launch } }));
}

/** Undefined for what is no answer to an order. */
export function decodeAnswer({ response }: LauncherResponse): LaunchAnswer | undefined {
  if (response.case === 'launched') return { kind: 'launched' };
  if (response.case !== 'refused') return undefined;
  const { reason, stage, errno, message } = response.value;
  if (reason === RefusalReason.EXISTS) return { kind: 'exists' };
  return { kind: 'refused', stage, errno, message };
}
