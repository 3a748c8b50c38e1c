import { boot } from '@worker/vm';
import { expect, test } from 'vitest';
import { SLOWNESS } from './support/slowness.ts';

// How the harness tells of a guest that hangs: without it a hang leaves nothing to find its cause by.
test('what takes longer than its deadline is reported with what the guest said and what its processors do', async () => {
  await using vm = await boot();
  const late = vm.run('echo it came this far >/dev/ttyS0; while :; do :; done', { deadlineMs: 2000 * SLOWNESS });
  const report = String(await late.catch((error: unknown) => error));
  expect(report).toMatch(/^Error: not within \d+ ms: `echo it came this far/);
  expect(report).toContain('\nit came this far');
  expect(report).toContain('sysrq: Show backtrace of all active CPUs');
  expect(report).toContain('Mem-Info:');
  expect(report.match(/RIP=/g)).toHaveLength(2);
});
