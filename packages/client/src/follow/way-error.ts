import { isOfTheWay } from '../reconnect/is-of-the-way.ts';
import { WorkerError } from '../worker-error.ts';

/** What the server says of the call stays as it is, and so does what says why there is no connection; anything else that broke the way is a cut. */
export function asCut(error: WorkerError): WorkerError {
  if (!isOfTheWay(error) || error.code === 'connect-failed' || error.reason !== '') return error;
  return streamCut(error.message, error);
}

export function streamCut(how: string, cause?: unknown): WorkerError {
  return new WorkerError('stream-cut', `the stream of output was cut before its end: ${how}`, {
    reason: 'STREAM_CUT',
    advice: 'the job is not touched by this: ask for its state, and follow again from the offset reached',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** It was tried again, as long as told. */
export function notRestored(offset: number, forMs: number, last: WorkerError): WorkerError {
  return new WorkerError(
    'stream-cut',
    `the stream of output was cut at offset ${offset}, and tried again in vain for ${forMs} ms: ${last.message}`,
    {
      reason: 'STREAM_CUT',
      advice: `the job is not touched by this: follow again from offset ${offset}`,
      cause: last,
    },
  );
}

/** What was there before is there no more: the host of the server lost power before it had written it, or its state was set back. */
export function tailLost(offset: number, cause: WorkerError): WorkerError {
  return new WorkerError(
    'data-loss',
    `the server has lost the tail of the output: it has delivered it up to offset ${offset}, and no longer has so much`,
    {
      reason: 'OUTPUT_TAIL_LOST',
      advice:
        'what came before is what the job wrote; follow again from the first byte to see what is left, and tell the operator of the server',
      cause,
    },
  );
}
