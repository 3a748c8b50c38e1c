import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError } from '../core-error.ts';
import type { GapReason, OutputSummary } from '../job/job-state.ts';
import { NO_OUTPUT, stateOfResult } from '../job/state-of-result.ts';
import { compressedLength } from '../output/compressed-file.ts';
import type { Frame } from '../output/decode-frames.ts';
import { FrameWalker } from '../output/frame-walker.ts';
import type { FramePlace } from '../output/frame.ts';
import { FIRST_FRAME, fileTimeNs, FRAME_HEADER_BYTES, isFileHeader, isFrameHeader } from '../output/frame.ts';
import { parseResult } from '../recover/read-result.ts';
import { IndexCheck } from './index-check.ts';
import type { Inspected } from './open-inspected.ts';
import { openInspected } from './open-inspected.ts';
import type { Damage, InspectedGap, OutputInspection } from './output-inspection.ts';

/** Of gaps and of damaged places so many are told one by one. */
const TOLD = 100;
/** So far behind a place that is no frame another is looked for, to tell a torn tail from damage. */
const LOOK_AHEAD_BYTES = 4 * 1024 * 1024;

export interface InspectOptions {
  /** Gets the bytes of each stream as they are passed; the next ones come when it has resolved. */
  readonly onBytes?: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void> | void;
}

/**
 * Reads an output file by itself, without the runner that has its state directory: a file, compressed or not, or the directory of a job. Every checksum is looked at; memory does not grow with its length.
 * Errors: {@link CoreError} `not-found` where there is no output.
 */
export async function inspectOutput(path: string, options: InspectOptions = {}): Promise<OutputInspection> {
  const inspected = await openInspected(path);
  if (inspected.path === undefined) {
    const summary = await summaryIn(inspected.directory);
    if (summary === undefined) throw new CoreError('not-found', 'there is no output in it');
    return new Findings(summary).tell();
  }
  try {
    const findings = new Findings(await summaryIn(inspected.directory));
    await walk(inspected, findings, options);
    return findings.tell(inspected);
  } finally {
    await inspected.file.close();
  }
}

async function walk(inspected: Inspected, findings: Findings, options: InspectOptions): Promise<void> {
  const { header, storedBytes, path, compressed } = inspected;
  const there = compressed ? ((await compressedLength(path)) ?? 0) : storedBytes;
  const end = Math.min(there, findings.summary?.fileLength ?? there);
  if (findings.summary?.fileLength === 0) {
    // No write ever succeeded: what is there was never committed.
    findings.end(0, 0, there);
    return;
  }
  if (!isFileHeader(header)) {
    findings.damaged({ kind: 'header', position: 0, offset: 0, bytes: 0 });
    return;
  }
  const check = await IndexCheck.open(inspected);
  try {
    const { position, offset } = await walkFrames(inspected, end, { findings, check, ...options });
    findings.end(position, offset, there);
    findings.stdout.lines = check.tally.lines('stdout');
    findings.stderr.lines = check.tally.lines('stderr');
  } finally {
    findings.index = await check.end();
  }
}

interface Listeners extends InspectOptions {
  readonly findings: Findings;
  readonly check: IndexCheck;
}

/** Answers behind the last frame that can be read. */
async function walkFrames(inspected: Inspected, end: number, { findings, check, onBytes }: Listeners): Promise<FramePlace> {
  const walker = new FrameWalker(inspected.file);
  for (;;) {
    const blocks = walker.blocks({ fileLength: end, wants: () => true });
    let step = await blocks.next();
    for (; step.done !== true; step = await blocks.next()) {
      for (const frame of step.value) {
        await check.take(frame);
        findings.take(frame);
        if (frame.head.kind === 'data' && frame.payload !== undefined) await onBytes?.(frame.head.stream, frame.payload);
      }
    }
    const { position, offset } = walker.place;
    if (step.value === 'end') return walker.place;
    const next = await check.goOnBehind(walker.place, end);
    // Without a result nobody said how much there is: what is cut is no frame that was promised.
    const isTorn = next === undefined && findings.summary === undefined && !(await hasLaterFrame(inspected, position, end));
    findings.damaged({ kind: isTorn ? 'torn-tail' : 'frame', position, offset, bytes: (next?.position ?? end) - position });
    if (next === undefined) return walker.place;
    walker.place = next;
  }
}

async function hasLaterFrame({ file }: Inspected, position: number, end: number): Promise<boolean> {
  const bytes = await file.read(position, Math.min(LOOK_AHEAD_BYTES, end - position));
  for (let at = 1; at + FRAME_HEADER_BYTES <= bytes.length; at += 1) if (isFrameHeader(bytes, at)) return true;
  return false;
}

/** By the result in a job's directory; undefined where there is none that counts. */
async function summaryIn(directory: string): Promise<OutputSummary | undefined> {
  const bytes = await readFile(join(directory, 'result')).catch(() => undefined);
  const result = bytes === undefined ? undefined : parseResult(bytes);
  if (result === undefined) return undefined;
  const state = stateOfResult(result);
  return state.kind === 'failed' ? NO_OUTPUT : state.output;
}

/** What has been found so far. */
class Findings {
  readonly summary: OutputSummary | undefined;
  readonly stdout = { bytes: 0, missingBytes: 0, lines: 0 };
  readonly stderr = { bytes: 0, missingBytes: 0, lines: 0 };
  index: OutputInspection['index'] = { state: 'absent', entries: 0, wrongEntries: 0 };
  readonly #frames = { data: 0, gap: 0 };
  readonly #gaps: InspectedGap[] = [];
  #gapCount = 0;
  readonly #damage: Damage[] = [];
  #damageCount = 0;
  readonly #hash = createHash('sha256');
  #isComplete = true;
  #firstNs: bigint | undefined;
  #lastNs: bigint | undefined;
  #fileLength = 0;
  #produced = 0;
  #uncommittedBytes = 0;

  constructor(summary: OutputSummary | undefined) {
    this.summary = summary;
  }

  take({ head, position, payload, timeNs, stdoutBytes, stderrBytes }: Frame): void {
    this.#firstNs ??= timeNs;
    this.#lastNs = timeNs;
    this.#frames[head.kind] += 1;
    if (head.kind === 'gap') {
      this.#gap(head.offset, stdoutBytes, stderrBytes, head.reason);
    } else if (payload === undefined) {
      this.damaged({ kind: 'payload', position, offset: head.offset, bytes: FRAME_HEADER_BYTES + head.length });
    } else {
      this[head.stream].bytes += payload.length;
      this.#hash.update(payload);
    }
  }

  damaged(damage: Damage): void {
    this.#isComplete = false;
    this.#damageCount += 1;
    if (this.#damage.length < TOLD) this.#damage.push(damage);
  }

  /** All frames were passed, of so many bytes that are there. */
  end(position: number, offset: number, there: number): void {
    this.#fileLength = position;
    this.#produced = offset;
    if (this.#damageCount === 0) this.#uncommittedBytes = there - position;
  }

  tell(inspected?: Inspected): OutputInspection {
    const sha256 = this.#compare();
    const header = inspected?.header;
    const isOurs = header !== undefined && header.length === FIRST_FRAME.position && header.toString('latin1', 0, 6) === 'WKROUT';
    const { summary } = this;
    return {
      path: inspected?.path,
      compressed: inspected?.compressed ?? false,
      storedBytes: inspected?.storedBytes ?? 0,
      fileLength: this.#fileLength,
      version: isOurs ? header.readUInt16LE(6) : undefined,
      madeNs: isOurs ? fileTimeNs(header) : undefined,
      dataFrames: this.#frames.data,
      gapFrames: this.#frames.gap,
      stdout: this.stdout,
      stderr: this.stderr,
      produced: this.#produced,
      gaps: this.#gaps,
      gapCount: this.#gapCount,
      firstNs: this.#firstNs,
      lastNs: this.#lastNs,
      sha256,
      damage: this.#damage,
      damageCount: this.#damageCount,
      uncommittedBytes: this.#uncommittedBytes,
      index: this.index,
      result:
        summary === undefined
          ? undefined
          : { produced: summary.produced, fileLength: summary.fileLength, sha256: summary.sha256, complete: summary.complete },
      whole: this.#damageCount === 0,
    };
  }

  /** With what the result says. Answers the digest, where it is known. */
  #compare(): string | undefined {
    const { summary } = this;
    if (summary?.finalGap !== undefined && summary.finalGap.offset === this.#produced) {
      const { offset, stdoutBytes, stderrBytes, reason } = summary.finalGap;
      this.#gap(offset, stdoutBytes, stderrBytes, reason);
      this.#produced += stdoutBytes + stderrBytes;
    }
    const place = { position: this.#fileLength, offset: this.#produced, bytes: 0 };
    const differs = summary !== undefined && (summary.fileLength !== this.#fileLength || summary.produced !== this.#produced);
    if (differs && this.#damageCount === 0) this.damaged({ kind: 'length', ...place });
    const sha256 = this.#isComplete ? this.#hash.digest('hex') : undefined;
    if (summary !== undefined && sha256 !== undefined && sha256 !== summary.sha256) this.damaged({ kind: 'digest', ...place });
    return sha256;
  }

  #gap(offset: number, stdoutBytes: number, stderrBytes: number, reason: GapReason): void {
    this.#isComplete = false;
    this.stdout.missingBytes += stdoutBytes;
    this.stderr.missingBytes += stderrBytes;
    this.#gapCount += 1;
    if (this.#gaps.length < TOLD) this.#gaps.push({ offset, stdoutBytes, stderrBytes, reason });
  }
}
