import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { hasStrace, eventually, FailingCalls, follow, seededRandom, ServerProcess, TestBed } from '../src/index.ts';

const KILLS = 6;
const HEX_BYTES = 24_000_000;
/** Worth compressing, which takes a while. */
const SCRIPT = `head -c ${HEX_BYTES / 2} /dev/urandom | od -An -v -tx1 | tr -d ' \\n'`;

function outputs(bed: TestBed, id: string): string {
  return readdirSync(join(bed.stateDir, 'jobs', id))
    .filter((name) => name.startsWith('output'))
    .sort()
    .join();
}

test('kill -9 of the server in the middle of compressing ended output loses no byte of it, and another one finishes [OUT-13] [RUN-1] [RUN-6]', async () => {
  const random = seededRandom();
  console.log(`WORKER_TEST_SEED=${random.seed}`);
  await using bed = await TestBed.open({ args: ['--compress-output-after', '1ms'] });
  const id = await bed.run(SCRIPT);
  const live = (await follow(bed.owner, id)).sha256();
  let inTheMiddle = 0;
  for (let kill = 0; kill < KILLS && outputs(bed, id) !== 'output.zst'; kill += 1) {
    const unfinished = join(bed.stateDir, 'jobs', id, 'output.zst.tmp');
    const wanted = random.between(0, HEX_BYTES / 4);
    const written = (): number => statSync(unfinished, { throwIfNoEntry: false })?.size ?? 0;
    while (written() < wanted && outputs(bed, id) !== 'output.zst') await turn();
    await bed.server.kill('SIGKILL');
    if (outputs(bed, id).includes('output,')) inTheMiddle += 1;
    expect(outputs(bed, id), 'one of the two is there').toMatch(/^output(\.zst)?(,|$)/);
    bed.server = new ServerProcess(bed.server.options);
    await bed.server.ready;
    expect((await follow(bed.owner, id)).sha256()).toBe(live);
  }
  expect(inTheMiddle).toBeGreaterThan(0);
  await eventually(() => outputs(bed, id) === 'output.zst', { what: 'the output is compressed', deadline: 30_000 });
  const whole = await follow(bed.owner, id);
  expect([whole.sha256(), whole.nextOffset, whole.end?.complete]).toEqual([live, HEX_BYTES, true]);
});

test.runIf(hasStrace)(
  'output that cannot be read while it is compressed stays as it is, readers are told that it cannot, and the next server compresses it (needs strace) [OUT-13] [OUT-8] [NET-6]',
  async () => {
    await using bed = await TestBed.open({ args: ['--compress-output-after', '1ms'] });
    const gate = bed.gate();
    const id = await bed.run(`echo begun; read _ <"$GATE"; ${SCRIPT}`, { env: { GATE: gate.path } });
    const output = join(bed.stateDir, 'jobs', id, 'output');
    await eventually(() => statSync(output, { throwIfNoEntry: false }) !== undefined, { what: 'the job writes' });
    {
      // The head of the file, the samples and the first blocks can be read.
      await using failing = await FailingCalls.of(bed.server.pid, 'pread64', 'error=EIO:when=9+1', output);
      gate.open();
      await failing.failed(1);
      await eventually(() => bed.server.log.includes('cannot be compressed'), { what: 'the server says that it cannot' });
      expect(outputs(bed, id)).toBe('output');
      const refused = await follow(bed.owner, id).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(ConnectError);
      expect((refused as ConnectError).code).toBe(Code.Internal);
      expect((refused as ConnectError).message).not.toMatch(/EIO|output/);
    }
    const whole = await follow(bed.owner, id);
    expect([whole.nextOffset, whole.end?.complete]).toEqual([6 + HEX_BYTES, true]);
    await bed.killAndRestart();
    await eventually(() => outputs(bed, id) === 'output.zst', { what: 'the output is compressed', deadline: 30_000 });
    expect((await follow(bed.owner, id)).sha256()).toBe(whole.sha256());
  },
);
