import { describe, expect, test } from 'vitest';
import type { Launcher, LaunchOrder } from '../../src/launch/launcher.ts';
import { Bed } from './bed.ts';
import { HOST_ORDER } from './on-host.ts';

const order = (number: number, argv = ['true']): LaunchOrder => ({
  jobId: `01900000-0000-7000-8000-${String(number).padStart(12, '0')}`,
  argv,
  env: ['PATH=/usr/bin:/bin'],
  cwd: '/',
  ...HOST_ORDER,
});

/** What every launcher has to do, in a state directory that exists. */
export function launcherConformance(name: string, start: (stateDir: string) => Promise<Launcher>): void {
  describe(name, () => {
    test('[SUB-2] the same order twice starts the job once, whether together or one after the other', async () => {
      await using bed = new Bed();
      const launcher = await start(bed.stateDir);
      try {
        const kinds = (await Promise.all([launcher.launch(order(1)), launcher.launch(order(1))])).map(({ kind }) => kind);
        expect(kinds.sort()).toEqual(['exists', 'launched']);
        expect(await launcher.launch(order(1))).toEqual({ kind: 'exists' });
      } finally {
        await launcher.close();
      }
    });

    test('[SUB-6] a program that is missing is no refusal: the job was started, and tells by itself', async () => {
      await using bed = new Bed();
      const launcher = await start(bed.stateDir);
      expect(await launcher.launch(order(2, ['/nowhere/at/all']))).toMatchObject({ kind: 'launched' });
      await launcher.close();
    });

    test('[RUN-4] an order that makes no sense is refused, and starts nothing', async () => {
      await using bed = new Bed();
      const launcher = await start(bed.stateDir);
      expect(await launcher.launch({ ...order(3), jobId: '../../x' })).toMatchObject({ kind: 'refused' });
      await launcher.close();
    });

    test('[RUN-5] orders are answered closed after the close, and the close is idempotent', async () => {
      await using bed = new Bed();
      const launcher = await start(bed.stateDir);
      await Promise.all([launcher.close(), launcher.close()]);
      await expect(launcher.launch(order(4))).rejects.toMatchObject({ code: 'closed' });
    });
  });
}
