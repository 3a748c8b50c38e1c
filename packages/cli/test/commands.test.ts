import { expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';

const cli = await CliBed.forFile();

const out = async (...args: string[]) => {
  const { code, stdout, stderr } = await cli.worker(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout.toString();
};
const submit = async (...words: string[]) => (await out('submit', '-q', ...words)).trim();

test("the original client's session goes as its document shows it [CLI-8]", async () => {
  const [, id = ''] = /^Submitted job id: ([0-9a-f-]{36})\n$/.exec(await out('-c', 'sh -c "echo /; echo /home; exec sleep 1000"')) ?? [];
  expect(await out('-s', id)).toBe('Status: running\n');
  await using logs = cli.start('-l', id);
  await logs.wrote('/\n/home\n');
  expect(await out('-k', id)).toBe('');
  expect(await logs.ended()).toMatchObject({ code: 0, stdout: Buffer.from('/\n/home\n'), stderr: '' });
  expect(await out('-s', id)).toBe('Status: stopped\nExit code: -1\n');
  const done = (await out('-c', 'sh', '-c', 'exit 3')).trim().slice(-36);
  await cli.bed.ended(done);
  expect(await out('-s', done)).toBe('Status: completed\nExit code: 3\n');
});

test('status tells what a job is and what became of it, for people and for programs', async () => {
  const id = await submit('--label', 'team=web', '--timeout', '1h', '--', 'sh', '-c', 'exit 3');
  await cli.bed.ended(id);
  expect(await out('status', id)).toMatch(
    /^id: +\S+\ncommand: +sh -c 'exit 3'\nowner: +owner@example\.com\nstate: +completed\nended by: +exit code 3\nlabels: +team=web\n[^]*isolation: +sandbox, no network\nlimits: +time 1h[,\n]/,
  );
  expect(JSON.parse(await out('status', '-o', 'json', id))).toMatchObject({
    id,
    owner: 'owner@example.com',
    argv: ['sh', '-c', 'exit 3'],
    labels: { team: 'web' },
    limits: { wallTime: '3600s' },
    state: 'JOB_STATE_COMPLETED',
    reason: 'END_REASON_EXITED',
    exitCode: 3,
    signal: '',
    outputBytes: '0',
  });
  expect(await out('status', '-o', 'name', id)).toBe(`${id}\n`);
});

test('an exit code of 0 is in the JSON, too: nobody has to know that protobuf leaves it out', async () => {
  const id = await submit('true');
  await cli.bed.ended(id);
  expect(JSON.parse(await out('status', '-o', 'json', id))).toMatchObject({ exitCode: 0, state: 'JOB_STATE_COMPLETED' });
});

test('list is newest first, filtered, limited, and complete over its pages with --all [JOB-5]', async () => {
  const ids = [];
  for (let index = 0; index < 5; index += 1) ids.unshift(await cli.bed.run('true', { labels: { set: 'five', n: String(index) } }));
  for (const id of ids) await cli.bed.ended(id);
  expect(await out('list', '-q', '--all', '--label', 'set=five')).toBe(ids.map((id) => `${id}\n`).join(''));
  expect(await out('list', '-q', '--limit', '2', '--label', 'set=five')).toBe(
    ids
      .slice(0, 2)
      .map((id) => `${id}\n`)
      .join(''),
  );
  expect(await out('list', '-q', '--label', 'set=five', '--label', 'n=3')).toBe(`${ids[1]}\n`);
  expect(await out('list', '-q', '--label', 'set=five', '--state', 'running,queued')).toBe('');
  expect((await out('list', '-q', '--label', 'set=five', '--state', 'running,completed')).split('\n')).toHaveLength(6);
  const lines = (await out('list', '-o', 'ndjson', '--label', 'set=five')).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(ids);
  const table = (await out('list', '--label', 'set=five')).split('\n');
  expect(table[0]).toMatch(/^ID +STATE +ENDED BY +ISOLATION +SUBMITTED +TOOK +COMMAND$/);
  expect(table).toHaveLength(7);
});

test('a list that is cut says so, and how to see the rest', async () => {
  await Promise.all([submit('true'), submit('true')]);
  const { stdout, stderr } = await cli.worker('list', '--limit', '1');
  expect(stdout.toString().trim().split('\n')).toHaveLength(2);
  expect(stderr).toBe('worker: there are more than 1: --all shows them, --limit so many\n');
});

test('logs without --follow prints what there is and does not wait for the end', async () => {
  const gate = cli.bed.gate();
  const id = await submit(
    '--isolation',
    'host',
    '--env',
    `GATE=${gate.path}`,
    '--',
    'sh',
    '-c',
    'echo before; read _ <"$GATE"; echo after',
  );
  await using live = cli.start('logs', '-f', id);
  await live.wrote('before\n');
  expect(await out('logs', id)).toBe('before\n');
  gate.open();
  expect(await live.ended()).toMatchObject({ code: 0, stdout: Buffer.from('before\nafter\n') });
  expect(await out('logs', '--offset', '7', id)).toBe('after\n');
});

test('logs --follow comes live: a line is there while the job still runs [OUT-2]', async () => {
  const gate = cli.bed.gate();
  await using running = cli.start(
    'run',
    '--isolation',
    'host',
    '--env',
    `GATE=${gate.path}`,
    '--',
    'sh',
    '-c',
    'for n in 1 2 3; do echo line $n; read _ <"$GATE"; done',
  );
  for (const n of [1, 2, 3]) {
    await running.wrote(`line ${n}\n`);
    gate.open();
  }
  expect(await running.ended()).toMatchObject({ code: 0, stdout: Buffer.from('line 1\nline 2\nline 3\n') });
});

test('logs begins with the last lines, or with what was written since a moment', async () => {
  const id = await submit('sh', '-c', 'for i in 1 2 3 4 5; do echo line $i; done');
  await cli.bed.ended(id);
  expect(await out('logs', '--tail', '2', id)).toBe('line 4\nline 5\n');
  expect(await out('logs', '--tail', '0', id)).toBe('');
  expect(await out('logs', '-f', '--tail', '1', id)).toBe('line 5\n');
  expect(await out('logs', '--since', '1h', id)).toBe(await out('logs', id));
  expect(await out('logs', '--since', '2100-01-01T00:00:00Z', id)).toBe('');
  for (const flags of [
    ['--tail', '-1'],
    ['--since', 'yesterday'],
    ['--tail', '1', '--offset', '3'],
  ]) {
    expect(await cli.worker('logs', ...flags, id)).toMatchObject({ code: 125, stdout: Buffer.from('') });
  }
});

test('logs --timestamps begins every line with its time, in order', async () => {
  const id = await submit('sh', '-c', 'echo one; sleep 0.3; echo two; sleep 0.3; printf three');
  await cli.bed.ended(id);
  const lines = (await out('logs', '--timestamps', id)).split('\n');
  expect(lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z /, ''))).toEqual(['one', 'two', 'three']);
  const stamps = lines.map((line) => line.split(' ', 1)[0]);
  expect(new Set(stamps).size).toBe(3);
  expect([...stamps].sort()).toEqual(stamps);
});

test('logs and run that are cut off by the death of the server and are not to go on fail, and say how to [OUT-3] [CLI-1]', async () => {
  const id = await submit('sh', '-c', 'echo before; exec sleep 1000');
  await using logs = cli.start('logs', '-f', '--reconnect-for', '0', id);
  await logs.wrote('before\n');
  await using run = cli.start('run', '--reconnect-for', '0', '--', 'sh', '-c', 'echo running; exec sleep 1000');
  await run.wrote('running\n');
  await cli.bed.killAndRestart();
  const cut = await logs.ended();
  expect(cut).toMatchObject({ code: 125, stdout: Buffer.from('before\n') });
  expect(cut.stderr).toBe(
    `${cut.stderr.split('\n')[0]}\nnext: the job is not touched by this; go on with: worker logs --follow --offset 7 ${id}\n`,
  );
  expect(cut.stderr).toMatch(/^error: the stream of output was cut before its end/);
  expect(await run.ended()).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/next: the job is not touched by this; go on with: worker logs --follow --offset 8 \S+\n$/) as string,
  });
  const left = (await out('list', '--state', 'running', '-q')).trim().split('\n');
  expect(left).toHaveLength(2);
  expect(left).toContain(id);
  await out('stop', '-q', '--grace', '0', ...left);
});

test('stop takes several ids, each with its own outcome; an unknown one makes it fail', async () => {
  const [a, b] = await Promise.all([submit('sleep', '1000'), submit('sleep', '1000')]);
  expect((await out('stop', '--grace', '2s', a, b)).split('\n').sort()).toEqual(
    ['', `${a}: stopped, stop requested (SIGTERM)`, `${b}: stopped, stop requested (SIGTERM)`].sort(),
  );
  expect(await out('stop', a)).toBe(`${a}: stopped, stop requested (SIGTERM)\n`);
  const { code, stdout, stderr } = await cli.worker('stop', a, '01980000-0000-7000-8000-000000000000');
  expect({ code, stdout: stdout.toString() }).toEqual({ code: 125, stdout: `${a}: stopped, stop requested (SIGTERM)\n` });
  expect(stderr).toMatch(/^error: no such job/);
});

test('stop --all ends every job of the caller that has not ended, and takes no ids beside it', async () => {
  const ids = await Promise.all([submit('sleep', '1000'), submit('sleep', '1000')]);
  const ended = await out('stop', '--all', '--grace', '0', '-o', 'name');
  for (const id of ids) expect(ended).toContain(id);
  expect(await out('list', '--state', 'running', '--state', 'queued', '-q')).toBe('');
  expect(await out('stop', '--all')).toBe('');
  for (const args of [['--all', ids[0]], []]) {
    expect(await cli.worker('stop', ...args)).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('either ids or --all') as string,
    });
  }
});

test('stop --signal is what the job is asked with first [KILL-3]', async () => {
  await using run = cli.start('run', '--', 'sh', '-c', 'trap "echo asked; exit 5" HUP; echo ready; while :; do sleep 0.05; done');
  await run.wrote('ready');
  const [id = ''] = await cli.bed.running();
  expect(await out('stop', '--signal', 'HUP', '--grace', '5s', id)).toBe(`${id}: stopped, stop requested (exit code 5)\n`);
  expect((await run.ended()).stdout.toString()).toBe('ready\nasked\n');
});

test('signal reaches the job, which is not stopped by it', async () => {
  await using run = cli.start('run', '--', 'sh', '-c', 'trap "echo hup" HUP; trap "exit 6" USR1; echo ready; while :; do sleep 0.05; done');
  await run.wrote('ready');
  const [id = ''] = await cli.bed.running();
  expect(await out('signal', id, 'SIGHUP')).toBe('');
  await run.wrote('hup\n');
  expect(await out('signal', id, 'USR1')).toBe('');
  expect((await run.ended()).code).toBe(6);
  expect(await cli.worker('signal', id, 'TERM')).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/^error: the job is not running[^]*next: worker status/) as string,
  });
});

test('wait is woken by the end of the job', async () => {
  const gate = cli.bed.gate();
  const id = await submit('--isolation', 'host', '--env', `GATE=${gate.path}`, '--', 'sh', '-c', 'read _ <"$GATE"; exit 8');
  await using wait = cli.start('wait', id);
  gate.open();
  expect(await wait.ended()).toMatchObject({
    code: 8,
    stdout: Buffer.from(`${id}: completed, exit code 8\n`),
  });
});

test('info tells who the caller is and what the server enforces', async () => {
  expect(await out('info')).toMatch(/you are: +owner@example\.com\n/);
  expect(await out('info', '--as', 'other@example.com', '-q')).toBe('other@example.com\n');
  expect(JSON.parse(await out('info', '-o', 'json'))).toMatchObject({
    principal: 'owner@example.com',
    methods: expect.arrayContaining(['worker.v1.JobService/SubmitJob']) as string[],
    isolationModes: ['ISOLATION_MODE_SANDBOX', 'ISOLATION_MODE_HOST'],
  });
  const text = await out('info');
  expect(text).toMatch(
    /\nisolation: +sandbox unless it asks for host\na sandbox has: +no network unless it asks for the host's network\nand may bind: +\S+shared \(read and write\)\n/,
  );
  const lacking = text.match(/^(\S+) +no +/gm)?.length ?? 0;
  // A cure for each thing that is missing, under the table.
  expect(
    text
      .split(/^MISSING.*\n/m)[1]
      ?.trimEnd()
      .split('\n').length ?? 0,
  ).toBe(lacking);
});

test('a foreign job is not there, on every command that takes an id [WHO-4]', async () => {
  const id = await submit('sleep', '1000');
  const unknown = '01980000-0000-7000-8000-000000000000';
  for (const args of [['status'], ['stop'], ['logs'], ['logs', '-f'], ['wait'], ['signal']]) {
    for (const job of [id, unknown]) {
      const { code, stdout, stderr } = await cli.worker(
        '--as',
        'other@example.com',
        ...args,
        job,
        ...(args[0] === 'signal' ? ['TERM'] : []),
      );
      expect({ args, code, stdout: stdout.toString() }).toEqual({ args, code: 125, stdout: '' });
      expect(stderr).toBe('error: no such job, or it is not yours\nnext: worker list shows your jobs; --as chooses whose they are\n');
    }
  }
  expect((await cli.worker('--as', 'other@example.com', 'list', '-q', '--all')).stdout.toString()).not.toContain(id);
  expect(await out('-s', id)).toBe('Status: running\n');
});

test('help and version need no server, and go to stdout', async () => {
  for (const args of [['--help'], ['help'], ['-h'], []]) expect(await out(...args)).toMatch(/worker -k ID[^]*Exit codes: [^]*COMMANDS/);
  for (const args of [
    ['help', 'run'],
    ['run', '--help'],
    ['run', '-h'],
    ['submit', '-h'],
  ])
    expect(await out(...args)).toContain('PROGRAM [ARGUMENT]...');
  for (const args of [['version'], ['--version'], ['-v']]) expect(await out(...args)).toMatch(/^worker \d+\.\d+\.\d+\n$/);
});
