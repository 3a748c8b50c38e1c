import type { Client } from '@connectrpc/connect';
import type { JobService } from '@worker/protocol';
import type { Clock } from '../clock.ts';

/** What calls go by. */
export interface Way {
  readonly jobs: Client<typeof JobService>;
  readonly clock: Clock;
  /** A call on it was not answered for too long: the next ones should take another connection, where there is such a choice. */
  distrust(): void;
  /** Aborts, with the error for whoever waits, when there will be no call any more. */
  readonly closed: AbortSignal;
}
