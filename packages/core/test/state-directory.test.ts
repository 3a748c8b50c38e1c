import { chmodSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Bed } from './support/bed.ts';

test('[WHO-6] a state directory that others may enter, or that is none, is refused; one that is made is for its owner alone', async () => {
  await using bed = new Bed();
  mkdirSync(bed.path('open'), { mode: 0o700 });
  chmodSync(bed.path('open'), 0o750);
  await expect(bed.open({ stateDir: bed.path('open') })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('0700') as string,
  });
  mkdirSync(bed.path('real'), { mode: 0o700 });
  symlinkSync(bed.path('real'), bed.path('link'));
  await expect(bed.open({ stateDir: bed.path('link') })).rejects.toMatchObject({ code: 'unavailable' });
  await expect(bed.open({ stateDir: '/proc/self/cmdline' })).rejects.toMatchObject({ code: 'unavailable' });
  await (await bed.open()).close();
  expect(statSync(bed.stateDir).mode & 0o777).toBe(0o700);
});
