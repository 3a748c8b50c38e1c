import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Vm } from '@worker/vm';
import { boot } from '@worker/vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The supervisor's own tests once more, on a kernel with every controller of cgroup v2: as root in the root cgroup, and as an ordinary user in one that was delegated to it.
const BUILT = fileURLToPath(new URL('../cache/native/deps', import.meta.url));
const SUITES = ['identity', 'killing', 'limits', 'sandbox'].filter((name) => readdirSync(BUILT).includes(name));
const EMULATED = process.env['WORKER_VM_ACCELERATOR'] === 'tcg';
// It runs a compiler and git.
const NEEDS_MORE = /ordinary_programs_work/;
const TOO_HEAVY = /two_thousand_processes/;
const SUITE_SECONDS = 150;

for (const user of ['root', 'user'] as const) {
  describe(`as ${user}`, () => {
    let vm: Vm;

    beforeAll(async () => {
      vm = await boot();
    });

    afterAll(async () => {
      await vm[Symbol.asyncDispose]();
    });

    for (const suite of SUITES) {
      describe(suite, () => {
        let log = 'it did not run';
        let cgroups: string[] = [];

        beforeAll(
          async () => {
            cgroups = await cgroupsOfJobs(vm);
            const { stdout } = await vm.run(`timeout -k 5 ${SUITE_SECONDS} /opt/native/deps/${suite} --test-threads=2 2>&1`, {
              as: user,
              deadlineMs: (SUITE_SECONDS + 30) * 1000,
            });
            log = stdout.toString();
          },
          (SUITE_SECONDS + 60) * 1000,
        );

        for (const name of namesOf(suite)) {
          test(name, ({ skip }) => {
            if (NEEDS_MORE.test(name)) skip('it needs a compiler and git, which the guest has not');
            if (EMULATED && TOO_HEAVY.test(name)) skip('its bound in time holds for real processors');
            const [verdict, reason] = [verdictOf(name, log), reasonOf(name, log)];
            if (verdict === 'ignored') skip(reason);
            expect(verdict, saidOf(name, log)).toBe('ok');
          });
        }

        test('leaves no process and no cgroup behind', async () => {
          expect(await vm.sh("pgrep -af 'worker-(supervisor|shim|guard|init)' || true")).toBe('');
          expect((await cgroupsOfJobs(vm)).filter((path) => !cgroups.includes(path))).toEqual([]);
        });
      });
    }
  });
}

function namesOf(suite: string): string[] {
  const list = execFileSync(`${BUILT}/${suite}`, ['--list'], { encoding: 'utf8' });
  return Array.from(list.matchAll(/^(.+): test$/gm), ([, name = '']) => name);
}

/** What the test said itself; the end of the whole when it has not ended. */
function saidOf(name: string, log: string): string {
  const [, said = log.slice(-3000)] =
    new RegExp(`^---- ${name} stdout ----\\n([\\s\\S]*?)\\n(?=----|\\n\\n|failures:)`, 'm').exec(log) ?? [];
  return said;
}

function verdictOf(name: string, log: string): string | undefined {
  return new RegExp(`^test ${name}(?: - should panic)? \\.\\.\\. (\\w+)`, 'm').exec(log)?.[1];
}

function reasonOf(name: string, log: string): string | undefined {
  return new RegExp(`^test ${name} \\.\\.\\. ignored, (.*)$`, 'm').exec(log)?.[1];
}

async function cgroupsOfJobs(vm: Vm): Promise<string[]> {
  return (await vm.sh("find /sys/fs/cgroup -type d -path '*/worker-*/*' -name '*-*-*-*-*'")).split('\n').filter(Boolean);
}
