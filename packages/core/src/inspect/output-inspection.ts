import type { GapReason } from '../job/job-state.ts';

/** What was found in an output file, read by itself. Times are nanoseconds since 1970; positions are those of the unpacked file. */
export interface OutputInspection {
  /** The file that was read; undefined where the job wrote nothing and so has none. */
  readonly path: string | undefined;
  readonly compressed: boolean;
  /** On the disk. */
  readonly storedBytes: number;
  /** Unpacked, up to the last whole frame. */
  readonly fileLength: number;
  /** Of the format; undefined where the header is none. */
  readonly version: number | undefined;
  readonly madeNs: bigint | undefined;
  readonly dataFrames: number;
  readonly gapFrames: number;
  readonly stdout: StreamInspection;
  readonly stderr: StreamInspection;
  /** Bytes produced over both streams, gaps included: the offset of the end. */
  readonly produced: number;
  /** In order; the first hundred. */
  readonly gaps: readonly InspectedGap[];
  readonly gapCount: number;
  readonly firstNs: bigint | undefined;
  readonly lastNs: bigint | undefined;
  /** Of all bytes produced, hex; undefined where some of them are not there. */
  readonly sha256: string | undefined;
  /** In order; the first hundred. */
  readonly damage: readonly Damage[];
  readonly damageCount: number;
  /** How many bytes behind the last whole frame were never committed: nobody reads them. */
  readonly uncommittedBytes: number;
  readonly index: IndexInspection;
  /** What the job's result says of the output; undefined where there is none beside it. */
  readonly result:
    { readonly produced: number; readonly fileLength: number; readonly sha256: string; readonly complete: boolean } | undefined;
  /** Nothing is damaged. Declared gaps are no damage. */
  readonly whole: boolean;
}

export interface StreamInspection {
  /** Kept and readable. */
  readonly bytes: number;
  /** In declared gaps. */
  readonly missingBytes: number;
  readonly lines: number;
}

export interface InspectedGap {
  readonly offset: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly reason: GapReason;
}

/**
 * `header`: the file is none of ours, or its header is spoiled. `payload`: the bytes of one frame fail their checksum. `frame`: no whole frame stands where one must. `torn-tail`: the file ends within a frame.
 * `length`, `digest`: the result says another.
 */
export interface Damage {
  readonly kind: 'header' | 'payload' | 'frame' | 'torn-tail' | 'length' | 'digest';
  /** In the file. */
  readonly position: number;
  /** Of the output. */
  readonly offset: number;
  /** How many bytes of the file it spoils; 0 where that is not known. */
  readonly bytes: number;
}

/** The index is a hint: one that disagrees loses nothing and is no damage. */
export interface IndexInspection {
  readonly state: 'absent' | 'agrees' | 'disagrees' | 'unusable';
  readonly entries: number;
  /** Entries that are spoiled or tell something else than the frames do. */
  readonly wrongEntries: number;
}
