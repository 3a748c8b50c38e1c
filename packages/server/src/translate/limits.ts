import { create } from '@bufbuild/protobuf';
import { LIMIT_NAMES, TEN_YEARS_MS, type JobLimits, type LimitName, type SubmitOptions } from '@worker/core';
import { LimitsSchema, OutputLimitAction, type Limits } from '@worker/protocol';
import { fieldRefusal } from '../fail/refusal.ts';
import { durationOf, millisecondsOf } from './duration.ts';

type Amount = Exclude<LimitName, 'wallTimeMs'>;

/** How each limit of core that is an amount stands in the message, under the same name, 0 for none: one that is missing here does not compile. */
const numberOf = {
  outputBytes: BigInt,
  memoryBytes: BigInt,
  processes: BigInt,
  cpuWeight: Number,
  cpuMillis: Number,
  openFiles: BigInt,
  fileSizeBytes: BigInt,
  ioReadBytesPerSecond: BigInt,
  ioWriteBytesPerSecond: BigInt,
} as const satisfies { readonly [Name in Amount]: (value: number) => Limits[Name] };
const amounts = LIMIT_NAMES.filter((name) => name !== 'wallTimeMs');

export function limitsMessage(limits: JobLimits): Limits {
  const { outputAction } = limits;
  return create(LimitsSchema, {
    ...ceilings(limits),
    outputAction: outputAction === 'stop' ? OutputLimitAction.STOP : OutputLimitAction.TRUNCATE,
  });
}

/** Of the most that may be asked for: what an output limit does has no ceiling. */
export function ceilingsMessage(limits: JobLimits): Limits {
  return create(LimitsSchema, ceilings(limits));
}

function ceilings(limits: JobLimits): Pick<Limits, Amount> & Partial<Pick<Limits, 'wallTime'>> {
  return {
    ...(limits.wallTimeMs === 0 ? {} : { wallTime: durationOf(limits.wallTimeMs) }),
    ...(Object.fromEntries(amounts.map((name) => [name, numberOf[name](limits[name])])) as Pick<Limits, Amount>),
  };
}

/** What a request asks for, as core takes it. Errors: INVALID_ARGUMENT naming the field, for what core has no number for; ranges and ceilings are core's to judge. */
export function limitsOf(limits: Limits): NonNullable<SubmitOptions['limits']> {
  const { wallTime, outputAction } = limits;
  return {
    ...(wallTime === undefined
      ? {}
      : { wallTimeMs: millisecondsOf(wallTime, 'limits.wall_time', 1, TEN_YEARS_MS, 'from 1 ms to 10 years') }),
    ...Object.fromEntries(amounts.map((name) => [name, amountOf(limits[name], name)] as const).filter(([, value]) => value !== 0)),
    outputAction: actionOf(outputAction),
  };
}

/** A field of Limits by its name in the protocol, from that in core, such as `memory_bytes`. */
export function limitField(name: string): string {
  return LimitsSchema.fields.find(({ localName }) => localName === name)?.name ?? (name === 'wallTimeMs' ? 'wall_time' : name);
}

function amountOf(amount: bigint | number, name: string): number {
  if (amount < 0 || amount > Number.MAX_SAFE_INTEGER)
    throw fieldRefusal(
      `limits.${limitField(name)}`,
      `must be from 1 to ${String(Number.MAX_SAFE_INTEGER)}, or 0 for the default of the server`,
    );
  return Number(amount);
}

function actionOf(action: number): 'truncate' | 'stop' {
  if (action === OutputLimitAction.UNSPECIFIED || action === OutputLimitAction.TRUNCATE) return 'truncate';
  if (action === OutputLimitAction.STOP) return 'stop';
  throw fieldRefusal('limits.output_action', 'must be OUTPUT_LIMIT_ACTION_TRUNCATE or OUTPUT_LIMIT_ACTION_STOP');
}
