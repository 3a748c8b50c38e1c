import { WorkerError } from '../worker-error.ts';
import type { OutputEvent } from './output-event.ts';
import type { CreateSha256 } from './sha256.ts';

/** Events of one job's output as they come, over as many calls as it takes to get them all. */
export interface OutputChecker {
  /** Of the next byte wanted: where a call that is made anew has to go on. Undefined while the server has not said yet where the output begins. */
  readonly next: number | undefined;
  /** Errors: `data-loss`, which is a fault of the server or of something between. */
  take(event: OutputEvent): void;
}

/**
 * Holds output to what it promises: no hole, no overlap, the length it ends with, and, where it began at the first byte and nothing is missing, the digest.
 * A stream filtered to one of the two has holes by nature; of it only the order is checked. Without a start, the first event says where the output begins.
 */
export function outputChecker(start: number | undefined, filtered: boolean, createSha256: CreateSha256): OutputChecker {
  let next = start;
  let hash = start === 0 && !filtered ? createSha256() : undefined;
  const arrive = (offset: number): number => {
    if (next !== undefined && (offset < next || (offset > next && !filtered)))
      throw broken(`goes on at offset ${offset} where ${next} was due`);
    next = offset;
    return offset;
  };
  return {
    get next() {
      return next;
    },
    take(event) {
      switch (event.kind) {
        case 'chunk':
          next = arrive(event.offset) + event.data.length;
          hash?.update(event.data);
          return;
        case 'gap':
          next = arrive(event.offset) + event.length;
          hash = undefined;
          return;
        case 'heartbeat':
          arrive(event.nextOffset);
          return;
        case 'end':
          if (next !== undefined && (event.length < next || (event.length > next && !filtered)))
            throw broken(`ends at offset ${next} where ${event.length} was said to be the end`);
          if (event.sha256 !== '' && hash !== undefined && hash.hex() !== event.sha256)
            throw broken('does not have the digest that its end names');
      }
    },
  };
}

function broken(what: string): WorkerError {
  return new WorkerError('data-loss', `the stream of output ${what}`, {
    reason: 'OUTPUT_INCONSISTENT',
    advice: 'fetch the output again; if it persists, tell the operator of the server',
  });
}
