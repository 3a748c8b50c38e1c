import { eventually } from '@worker/testing';
import { expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';

const cli = await CliBed.forFile();

const CTRL_C = '\x03';
const CTRL_BACKSLASH = '\x1c';
const nothingRuns = () => eventually(async () => (await cli.bed.running()).length === 0, { what: 'no job runs' });

const hostile = String.raw`printf 'a\033[31mred\033]0;title\007\033]52;c;eA==\007\302\233\342\200\256b\r\nlast\n'`;
const neutral = 'a^[[31mred^[]0;title^G^[]52;c;eA==^G<U+009B><U+202E>b\r\nlast\r\n';

test('escapes of the job are made visible on a terminal, on stdout and on stderr [CLI-3]', async () => {
  for (const script of [hostile, `{ ${hostile}; } >&2`]) {
    await using terminal = cli.terminal(['run', '--', 'sh', '-c', script]);
    expect(await terminal.ended()).toBe(0);
    expect(terminal.screen).toBe(neutral);
  }
});

test('logs makes them visible, too, and --raw leaves them as they are [CLI-3]', async () => {
  const id = (await cli.worker('submit', '-q', '--', 'sh', '-c', hostile)).stdout.toString().trim();
  await cli.bed.ended(id);
  await using shown = cli.terminal(['logs', id]);
  expect(await shown.ended()).toBe(0);
  expect(shown.screen).toBe(neutral);
  await using raw = cli.terminal(['logs', '--raw', id]);
  expect(await raw.ended()).toBe(0);
  expect(raw.screen).toContain('\x1b[31mred\x1b]0;title\x07');
});

test('what is no terminal gets the very bytes although the other stream is one [CLI-3]', async () => {
  const file = cli.bed.path('half');
  await using terminal = cli.terminal(['run', '--', 'sh', '-c', `${hostile}; printf '\\033[1mx' >&2`], {}, `>${file}`);
  expect(await terminal.ended()).toBe(0);
  expect(terminal.screen).toBe('^[[1mx');
  expect((await cli.worker('run', '--bind', cli.bed.shared, '--', 'cat', file)).stdout.toString('latin1')).toContain(
    '\x1b[31mred\x1b]0;title\x07',
  );
});

test('a command or a label that holds escapes does no harm in lists, tables, JSON and errors [CLI-3]', async () => {
  const evil = '\x1b]0;pwned\x07\u009b2J\u202e\nx';
  const id = (await cli.worker('submit', '-q', '--label', `note=${evil}`, '--', 'true', evil)).stdout.toString().trim();
  for (const args of [['list'], ['status', id], ['list', '-o', 'json'], ['list', '-o', 'ndjson'], ['run', '--', evil]]) {
    await using terminal = cli.terminal(args, { NO_COLOR: '1' });
    await terminal.ended();
    expect(Buffer.from(terminal.screen, 'latin1').toString('utf8').replaceAll('\r\n', '\n')).not.toMatch(
      /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/,
    );
    expect(terminal.screen).toMatch(/pwned/);
  }
});

test('a terminal gets colour, and none with NO_COLOR [CLI-6]', async () => {
  await cli.worker('run', 'true');
  await using coloured = cli.terminal(['list']);
  await coloured.ended();
  expect(coloured.screen).toContain('\x1b[32mcompleted');
  for (const args of [['list'], ['--help'], ['run', '--help'], ['no-such-command']]) {
    await using plain = cli.terminal(args, { NO_COLOR: '1' });
    await plain.ended();
    expect(plain.screen).not.toContain('\x1b');
  }
});

test("the first Ctrl-C is the job's, which may handle it and go on to its own end [CLI-4]", async () => {
  await using terminal = cli.terminal([
    'run',
    '--',
    'sh',
    '-c',
    'trap "echo got it; exit 42" INT; echo ready; while :; do sleep 0.05; done',
  ]);
  await terminal.shows('ready');
  terminal.type(CTRL_C);
  expect(await terminal.ended()).toBe(42);
  expect(terminal.screen).toContain('got it');
  await nothingRuns();
});

test('a job that knows nothing of Ctrl-C dies of it, and run exits with 130 [CLI-4] [CLI-1]', async () => {
  await using terminal = cli.terminal(['run', '--', 'sh', '-c', 'echo ready; exec sleep 1000']);
  await terminal.shows('ready');
  terminal.type(CTRL_C);
  expect(await terminal.ended()).toBe(130);
  await nothingRuns();
});

test('the second Ctrl-C stops a job that ignores the first [CLI-4]', async () => {
  await using terminal = cli.terminal(['run', '--', 'sh', '-c', 'trap "echo ignored" INT; echo ready; while :; do sleep 0.05; done']);
  await terminal.shows('ready');
  terminal.type(CTRL_C);
  await terminal.shows('ignored');
  terminal.type(CTRL_C);
  expect(await terminal.ended()).toBe(143);
  expect(terminal.screen).toMatch(/worker: job \S+ was stopped: stop requested \(SIGTERM\), asked for by owner@example.com/);
  await nothingRuns();
});

test('the third Ctrl-C leaves with 130 and says what still runs and how to end it [CLI-4]', async () => {
  await using terminal = cli.terminal([
    'run',
    '--',
    'sh',
    '-c',
    'trap "echo ignored INT" INT; trap "echo ignored TERM" TERM; echo ready; while :; do sleep 0.05; done',
  ]);
  await terminal.shows('ready');
  terminal.type(CTRL_C);
  await terminal.shows('ignored INT');
  terminal.type(CTRL_C);
  await terminal.shows('ignored TERM');
  terminal.type(CTRL_C);
  expect(await terminal.ended()).toBe(130);
  const [, id = ''] = /job (\S+) still running: worker stop \1\r\n$/.exec(terminal.screen) ?? [];
  expect(await cli.bed.running()).toEqual([id]);
  expect((await cli.worker('stop', '--grace', '0', id)).code).toBe(0);
});

test('Ctrl-\\ is passed on as SIGQUIT [CLI-4]', async () => {
  await using terminal = cli.terminal(['run', '--', 'sh', '-c', 'echo ready; exec sleep 1000']);
  await terminal.shows('ready');
  terminal.type(CTRL_BACKSLASH);
  expect(await terminal.ended()).toBe(131);
  await nothingRuns();
});

test('Ctrl-C on logs leaves, and the job runs on [CLI-4]', async () => {
  const id = (await cli.worker('submit', '-q', '--', 'sh', '-c', 'echo ready; exec sleep 1000')).stdout.toString().trim();
  await using terminal = cli.terminal(['logs', '-f', id]);
  await terminal.shows('ready');
  terminal.type(CTRL_C);
  expect(await terminal.ended()).toBe(130);
  expect(await cli.bed.running()).toEqual([id]);
  await cli.bed.owner.jobs.stopJob({ id });
});

test('a command in a list is cut to the width of the terminal instead of wrapping', async () => {
  await cli.worker('run', 'true', 'x'.repeat(500));
  await using terminal = cli.terminal(['list', '--limit', '1'], { NO_COLOR: '1' });
  await terminal.ended();
  expect(terminal.screen).not.toContain('x'.repeat(30));
  expect(Buffer.from(terminal.screen, 'latin1').toString('utf8')).toContain('true xx');
});
