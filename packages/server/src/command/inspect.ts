import { once } from 'node:events';
import process from 'node:process';
import { CoreError, inspectOutput, type Damage, type OutputInspection, type StreamInspection } from '@worker/core';
import type { InspectCommand } from './options.ts';
import { UsageError } from './usage-error.ts';

/** Reads an output file. Resolves to the exit code: 0 when it is whole, 1 when it is damaged. Errors: UsageError where there is none. */
export async function inspect({ path, output, print }: InspectCommand): Promise<number> {
  const found = await inspected(path, print);
  if (print === undefined) process.stdout.write(output === 'json' ? `${jsonOf(found)}\n` : reportOf(found));
  // Whoever wants the bytes has them on stdout: what is wrong with them must not be among them.
  else if (!found.whole || found.gapCount > 0) process.stderr.write(`worker-server: ${shortOf(found)}\n`);
  return found.whole ? 0 : 1;
}

async function inspected(path: string, print: InspectCommand['print']): Promise<OutputInspection> {
  // A reader that has enough closes the pipe, which is its right.
  let isClosed = false;
  process.stdout.on('error', () => (isClosed = true));
  const onBytes = async (stream: 'stdout' | 'stderr', bytes: Uint8Array) => {
    if (isClosed || (print !== 'both' && print !== stream)) return;
    if (!process.stdout.write(bytes))
      await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'close')]).catch(() => undefined);
  };
  try {
    return await inspectOutput(path, print === undefined ? {} : { onBytes });
  } catch (error) {
    if (error instanceof CoreError && error.code === 'not-found') throw new UsageError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

function jsonOf(found: OutputInspection): string {
  return JSON.stringify(found, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 2);
}

function reportOf(found: OutputInspection): string {
  const { path, compressed, storedBytes, fileLength, version, madeNs, sha256, firstNs, lastNs, damageCount, gapCount } = found;
  const lines: (readonly [string, string])[] = [
    ['file', path === undefined ? 'none: the job wrote nothing that could be kept' : path],
    ...(compressed ? [['compressed', `${bytes(storedBytes)} on the disk, ${bytes(fileLength)} unpacked`] as const] : []),
    ...(version === undefined ? [] : [['format', `version ${version}, made ${timeOf(madeNs)}`] as const]),
    ['frames', `${count(found.dataFrames)} of data, ${count(found.gapFrames)} of gaps`],
    ['stdout', streamOf(found.stdout)],
    ['stderr', streamOf(found.stderr)],
    ['length', `${bytes(found.produced)} produced`],
    ['sha256', sha256 ?? 'not known: some bytes are not there'],
    ...(firstNs === undefined ? [] : [['time', `${timeOf(firstNs)} to ${timeOf(lastNs)}`] as const]),
    ...found.gaps.map(({ offset, stdoutBytes, stderrBytes, reason }) => {
      return ['gap', `at ${count(offset)}: ${bytes(stdoutBytes)} of stdout, ${bytes(stderrBytes)} of stderr: ${reason}`] as const;
    }),
    ...(gapCount > found.gaps.length ? [['gap', `and ${count(gapCount - found.gaps.length)} more`] as const] : []),
    ['index', indexOf(found)],
    [
      'result',
      found.result === undefined
        ? 'none beside it'
        : `says ${bytes(found.result.produced)} produced, complete: ${found.result.complete ? 'yes' : 'no'}`,
    ],
    ...(found.uncommittedBytes > 0
      ? [['behind it', `${bytes(found.uncommittedBytes)} that were never committed; nobody reads them`] as const]
      : []),
    ...found.damage.map((each) => ['damage', damageOf(each)] as const),
    ...(damageCount > found.damage.length ? [['damage', `and ${count(damageCount - found.damage.length)} more`] as const] : []),
  ];
  return `${lines.map(([name, text]) => `${name.padEnd(10)}  ${text}`).join('\n')}\n\n${shortOf(found)}\n`;
}

function shortOf({ whole, gapCount, damageCount }: OutputInspection): string {
  const gaps = gapCount === 0 ? '' : `, with ${count(gapCount)} declared ${gapCount === 1 ? 'gap' : 'gaps'}`;
  return whole
    ? `This output is whole${gaps}.`
    : `This output is damaged in ${count(damageCount)} ${damageCount === 1 ? 'place' : 'places'}.`;
}

function indexOf({ index: { state, entries, wrongEntries } }: OutputInspection): string {
  if (state === 'absent') return 'none';
  if (state === 'unusable') return 'is not that of this file; readers go without';
  return state === 'agrees'
    ? `${count(entries)} entries, all agree`
    : `${count(wrongEntries)} of ${count(entries)} entries are wrong; readers go round them`;
}

const damages: Readonly<Record<Damage['kind'], string>> = {
  header: 'this is no output file, or its header is spoiled',
  payload: 'the bytes of a frame fail their checksum',
  frame: 'no whole frame stands here',
  'torn-tail': 'the file ends within a frame',
  length: 'the result says another length',
  digest: 'the result says another digest',
};

function damageOf({ kind, position, offset, bytes: spoiled }: Damage): string {
  const where = `at ${count(position)} in the file, offset ${count(offset)}`;
  return `${where}: ${damages[kind]}${spoiled === 0 ? '' : ` (${bytes(spoiled)})`}`;
}

function streamOf({ bytes: kept, missingBytes, lines }: StreamInspection): string {
  return `${bytes(kept)} in ${count(lines)} ${lines === 1 ? 'line' : 'lines'}${missingBytes === 0 ? '' : `, ${bytes(missingBytes)} missing`}`;
}

function timeOf(ns: bigint | undefined): string {
  const time = new Date(Number((ns ?? 0n) / 1_000_000n));
  return Number.isNaN(time.getTime()) ? 'at no time that there is' : time.toISOString();
}

function bytes(number: number): string {
  return `${count(number)} ${number === 1 ? 'byte' : 'bytes'}`;
}

function count(number: number): string {
  return number.toLocaleString('en');
}
