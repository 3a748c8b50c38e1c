import type { MessageInitShape } from '@bufbuild/protobuf';
import { LimitsSchema, OutputLimitAction, type Limits } from '@worker/protocol';
import { checkInteger, checkLimit, checkMilliseconds, checkNames, checkOneOf } from '../call/check-options.ts';
import { durationOf, millisecondsOf } from '../call/wire-time.ts';
import type { JobLimits, LimitName, ResourceLimits } from './job.ts';

/** Each with the most that its field can carry. */
const carries: Readonly<Record<keyof ResourceLimits, number>> = {
  memoryBytes: Number.MAX_SAFE_INTEGER,
  processes: Number.MAX_SAFE_INTEGER,
  cpuWeight: 2 ** 31 - 1,
  cpuMillis: 2 ** 31 - 1,
  openFiles: Number.MAX_SAFE_INTEGER,
  fileSizeBytes: Number.MAX_SAFE_INTEGER,
  ioReadBytesPerSecond: Number.MAX_SAFE_INTEGER,
  ioWriteBytesPerSecond: Number.MAX_SAFE_INTEGER,
};
const resources = Object.keys(carries) as (keyof ResourceLimits)[];

/** Of a message in which 0 stands for none. */
export function limitsFromMessage(limits: Limits | undefined): JobLimits {
  return {
    ...(limits?.wallTime === undefined ? {} : { wallTimeMs: millisecondsOf(limits.wallTime) }),
    outputBytes: Number(limits?.outputBytes ?? 0n),
    outputAction: limits?.outputAction === OutputLimitAction.STOP ? 'stop' : 'truncate',
    ...resourcesOf(limits),
  };
}

/** The most a job may ask for; what is absent has no ceiling. */
export function ceilingsFromMessage(limits: Limits | undefined): Partial<JobLimits> {
  const { outputBytes, wallTimeMs } = limitsFromMessage(limits);
  return { ...(wallTimeMs === undefined ? {} : { wallTimeMs }), ...(outputBytes === 0 ? {} : { outputBytes }), ...resourcesOf(limits) };
}

/** As a request carries them. Errors: `invalid-argument`. */
export function limitsMessage(limits: Partial<JobLimits> = {}): MessageInitShape<typeof LimitsSchema> {
  checkNames(limits, [...resources, 'wallTimeMs', 'outputBytes', 'outputAction'], 'limits');
  checkOneOf(limits.outputAction, 'limits.outputAction', ['truncate', 'stop']);
  checkMilliseconds(limits.wallTimeMs, 'limits.wallTimeMs');
  checkInteger(limits.outputBytes, 'limits.outputBytes');
  for (const name of resources) checkLimit(limits[name], `limits.${name}`, carries[name]);
  return {
    ...(limits.wallTimeMs === undefined ? {} : { wallTime: durationOf(limits.wallTimeMs) }),
    outputBytes: BigInt(limits.outputBytes ?? 0),
    outputAction: limits.outputAction === 'stop' ? OutputLimitAction.STOP : OutputLimitAction.TRUNCATE,
    memoryBytes: BigInt(limits.memoryBytes ?? 0),
    processes: BigInt(limits.processes ?? 0),
    cpuWeight: limits.cpuWeight ?? 0,
    cpuMillis: limits.cpuMillis ?? 0,
    openFiles: BigInt(limits.openFiles ?? 0),
    fileSizeBytes: BigInt(limits.fileSizeBytes ?? 0),
    ioReadBytesPerSecond: BigInt(limits.ioReadBytesPerSecond ?? 0),
    ioWriteBytesPerSecond: BigInt(limits.ioWriteBytesPerSecond ?? 0),
  };
}

/** By its name here, from that in the protocol: `memoryBytes` for `memory_bytes`. */
export function limitName(field: string): LimitName {
  return LimitsSchema.fields.find(({ name }) => name === field)?.localName ?? field;
}

function resourcesOf(limits: Limits | undefined): ResourceLimits {
  return Object.fromEntries(resources.map((name) => [name, Number(limits?.[name] ?? 0)] as const).filter(([, value]) => value !== 0));
}
