import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Vm } from '@worker/vm';
import { boot } from '@worker/vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SLOWNESS } from './support/slowness.ts';

// The supervisor's own tests once more, on a kernel with every controller of cgroup v2: as root in the root cgroup, and as an ordinary user in one that was delegated to it.
const BUILT = fileURLToPath(new URL('../cache/native/deps', import.meta.url));
const SUITES = readdirSync(BUILT);
const SUITE_SECONDS = 60 * SLOWNESS;

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
            // Over the console too: if the guest hangs, that says how far it came.
            const { stdout } = await vm.run(
              `WORKER_TEST_SLOWNESS=${SLOWNESS} timeout -k 5 ${SUITE_SECONDS} /opt/native/deps/${suite} --test-threads=2 --show-output 2>&1 | tee /dev/ttyS0`,
              { as: user, deadlineMs: (SUITE_SECONDS + 30) * 1000 },
            );
            log = stdout.toString();
          },
          (SUITE_SECONDS + 60) * 1000,
        );

        for (const name of namesOf(suite)) {
          test(name, ({ skip }) => {
            const said = saidOf(name, log);
            expect(verdictOf(name, log), said).toBe('ok');
            const [, reason] = /^skipped: (.*)$/m.exec(said) ?? [];
            if (reason !== undefined) skip(reason);
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
  if (verdictOf(name, log) === undefined) return log.slice(-3000);
  return new RegExp(`^---- ${name} stdout ----\\n([\\s\\S]*?)\\n(?=----|\\n\\n|failures:)`, 'm').exec(log)?.[1] ?? '';
}

function verdictOf(name: string, log: string): string | undefined {
  return new RegExp(`^test ${name} \\.\\.\\. (\\w+)`, 'm').exec(log)?.[1];
}

async function cgroupsOfJobs(vm: Vm): Promise<string[]> {
  return (await vm.sh("find /sys/fs/cgroup -type d -path '*/worker-*/*' -name '*-*-*-*-*'")).split('\n').filter(Boolean);
}
