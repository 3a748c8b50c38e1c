import type { Bind, JobIsolation, JobLimits, LimitName, ResourceLimits } from '@worker/client';
import { formatDuration } from '../parse/duration.ts';
import { formatSize } from '../parse/size.ts';
import { oneLine } from './neutralise.ts';

/** Each in the words of the flag that asks for it, and its value for people. */
const resources: Readonly<Record<keyof ResourceLimits, readonly [name: string, text: (value: number) => string]>> = {
  memoryBytes: ['memory', formatSize],
  processes: ['processes', String],
  cpuMillis: ['cpus', (millis) => String(millis / 1000)],
  cpuWeight: ['cpu weight', String],
  openFiles: ['open files', String],
  fileSizeBytes: ['file size', formatSize],
  ioReadBytesPerSecond: ['io read', (bytes) => `${formatSize(bytes)}/s`],
  ioWriteBytesPerSecond: ['io write', (bytes) => `${formatSize(bytes)}/s`],
};

/** Of a limit. */
export function limitText(name: LimitName): string {
  return name in resources ? resources[name as keyof ResourceLimits][0] : oneLine(name);
}

/** `time 1h, memory 2 GiB, processes 100`; what is as for every job is left out; empty when nothing is left. */
export function limitsText(limits: Partial<JobLimits>): string {
  const ordinaryWeight = 100;
  const given = (Object.keys(resources) as (keyof ResourceLimits)[]).flatMap((name) => {
    const value = limits[name];
    if (value === undefined || (name === 'cpuWeight' && value === ordinaryWeight)) return [];
    const [words, text] = resources[name];
    return [`${words} ${text(value)}`];
  });
  return [...(limits.wallTimeMs === undefined ? [] : [`time ${formatDuration(limits.wallTimeMs)}`]), ...given].join(', ');
}

/** `sandbox, no network, /data (rw)`, or `host`. */
export function isolationText({ mode, network, binds }: JobIsolation): string {
  if (mode !== 'sandbox') return mode;
  return [mode, networkText(network), ...binds.map(bindText)].join(', ');
}

export function networkText(network: JobIsolation['network']): string {
  return network === 'none' ? 'no network' : network === 'host' ? "the host's network" : 'network unrecognized';
}

export function bindText({ source, target, writable }: Bind): string {
  return oneLine(`${source}${target === source ? '' : ` as ${target}`} (${writable ? 'read and write' : 'read-only'})`);
}
