import { WorkerError, type WorkerClient } from '@worker/client';
import { expect, test } from 'vitest';
import { Interrupts } from './interrupts.ts';

const lost = { kind: 'lost', error: new WorkerError('unavailable', 'cut') } as const;
const restored = { kind: 'restored', afterMs: 1, attempts: 1 } as const;

/** A client that notes what it is asked for. */
function noting(): { readonly asked: string[]; readonly client: WorkerClient } {
  const asked: string[] = [];
  const client = { signal: async (id: string, signal: string) => void asked.push(`${signal} for ${id}`) };
  return { asked, client: client as unknown as WorkerClient };
}

test('a signal that came while a submission was on its way leaves as soon as that has to be made again [CLI-10] [CLI-4]', () => {
  using interrupts = new Interrupts();
  interrupts.submitting();
  process.emit('SIGTERM', 'SIGTERM');
  expect(interrupts.left.aborted).toBe(false);
  interrupts.connectionChanged(lost);
  expect(interrupts.left.reason).toMatchObject({ name: 'Left', exitCode: 143 });
});

test('a signal leaves at once while a submission is being made again, and waits for its answer once the server is there again [CLI-10] [CLI-4]', async () => {
  using left = new Interrupts();
  left.submitting();
  left.connectionChanged(lost);
  process.emit('SIGINT', 'SIGINT');
  expect(left.left.reason).toMatchObject({ name: 'Left', exitCode: 130 });
  left[Symbol.dispose]();

  using interrupts = new Interrupts();
  const { asked, client } = noting();
  interrupts.submitting();
  interrupts.connectionChanged(lost);
  interrupts.connectionChanged(restored);
  process.emit('SIGINT', 'SIGINT');
  expect({ left: interrupts.left.aborted, asked }).toEqual({ left: false, asked: [] });
  interrupts.attach(client, 'job');
  expect({ left: interrupts.left.aborted, asked }).toEqual({ left: false, asked: ['SIGINT for job'] });
});
