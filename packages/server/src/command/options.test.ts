import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';
import { UsageError } from './usage-error.ts';

const defaultJobs = { isolation: { modes: ['sandbox'], networks: ['none'], binds: [] }, maxLimits: {} };

describe('the command line', () => {
  it.each([
    [['--nothing'], /--nothing/],
    [['extra'], /extra/],
    [['--listen'], /--listen/],
    [['--listen', 'here'], /HOST:PORT/],
    [['--listen', '127.0.0.1:65536'], /HOST:PORT/],
    [['--listen', '::1:80'], /HOST:PORT/],
    [['--listen', ':7443'], /HOST:PORT/],
    [['--default-output-bytes', '0'], /--default-output-bytes/],
    [['--default-output-bytes', '1e3'], /--default-output-bytes/],
    [['--default-output-bytes', '9999999999999999'], /--default-output-bytes/],
    [['--state-dir', ''], /--state-dir/],
    [['--stop-jobs-on-exit=yes'], /--stop-jobs-on-exit/],
    [['--isolation', 'jail'], /--isolation must be one or more of sandbox, host/],
    [['--isolation', 'sandbox,'], /--isolation/],
    [['--isolation', 'host,host'], /--isolation/],
    [['--network', 'sandbox'], /--network must be one or more of none, host/],
    [['--bind', 'data'], /--bind must be SOURCE\[:TARGET\]\[:rw\]/],
    [['--bind', '/a:/b:/c'], /--bind/],
    [['--bind', ''], /--bind/],
    [['--job-uids', '5'], /--job-uids must be FIRST-LAST/],
    [['--job-uids', '9-5'], /--job-uids/],
    [['--job-uids', '0-5'], /--job-uids/],
    [['--job-uids', '1-4294967295'], /--job-uids/],
    [['--cgroup', 'here'], /--cgroup must be auto, none, or/],
    [['--enforcement', 'perhaps'], /--enforcement must be require or best-effort/],
    [['--max-memory', '0'], /--max-memory must be none, or a number of bytes/],
    [['--max-memory', '2G'], /--max-memory/],
    [['--max-memory', '-1'], /--max-memory/],
    [['--max-processes', '1.5'], /--max-processes must be none, or a whole number/],
    [['--max-cpus', '0'], /--max-cpus/],
    [['--max-cpus', '0.0001'], /--max-cpus/],
    [['--max-wall-time', '60'], /--max-wall-time must be none, or a time/],
    [['--max-open-files', 'many'], /--max-open-files/],
    [['--run-as', ''], /--run-as must not be empty/],
    [['doctor', '--listen', '127.0.0.1:0'], /--listen/],
    [['doctor', '-o', 'yaml'], /--output must be text or json/],
    [['doctor', 'now'], /now/],
    [['--compress-output-after', '5'], /--compress-output-after must be never, or a time/],
    [['--compress-output-after', '0s'], /--compress-output-after/],
    [['inspect'], /inspect takes one output file/],
    [['inspect', ''], /inspect takes one output file/],
    [['inspect', 'a', 'b'], /inspect takes one output file/],
    [['inspect', 'a', '-o', 'yaml'], /--output must be text or json/],
    [['inspect', 'a', '--print', 'stdin'], /--print must be stdout, stderr or both/],
    [['inspect', 'a', '--listen', '127.0.0.1:0'], /--listen/],
  ])('%j is refused in one line that names what is wrong [CLI-7]', (args, expected) => {
    const parse = () => parseOptions(args, {});
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(expected);
    expect(parse).not.toThrow(/\n/);
  });

  it.each(['yes', 'on', '2'])('WORKER_STOP_JOBS_ON_EXIT=%s is refused rather than guessed [CLI-7]', (value) => {
    expect(() => parseOptions([], { WORKER_STOP_JOBS_ON_EXIT: value })).toThrow(/WORKER_STOP_JOBS_ON_EXIT/);
  });

  it.each([
    ['never', Infinity],
    ['1h', 3_600_000],
  ])('--compress-output-after %s is understood', (text, compressOutputAfterMs) => {
    expect(parseOptions(['--compress-output-after', text], {})).toMatchObject({ jobs: { compressOutputAfterMs } });
    expect(parseOptions([], { WORKER_COMPRESS_OUTPUT_AFTER: text })).toMatchObject({ jobs: { compressOutputAfterMs } });
  });

  it('inspect takes a path, and says what it is to tell [OUT-14]', () => {
    expect(parseOptions(['inspect', 'x'], {})).toEqual({ command: 'inspect', path: 'x', output: 'text', print: undefined });
    expect(parseOptions(['inspect', '--json', 'x', '--print', 'both'], {})).toEqual({
      command: 'inspect',
      path: 'x',
      output: 'json',
      print: 'both',
    });
  });

  it('has defaults that are those of make certs and make serve, and the safe ones for jobs; an empty variable is none', () => {
    expect(parseOptions([], { WORKER_LISTEN: '', WORKER_STATE_DIR: '', WORKER_ISOLATION: '', WORKER_BIND: '' })).toEqual({
      command: 'serve',
      host: '127.0.0.1',
      port: 7443,
      stateDir: '.worker',
      ca: 'certs/ca.crt',
      cert: 'certs/server.crt',
      key: 'certs/server.key',
      jobs: defaultJobs,
      stopJobsOnExit: false,
    });
    expect(parseOptions(['doctor'], {})).toEqual({ command: 'doctor', stateDir: undefined, jobs: defaultJobs, output: 'text' });
  });

  it('takes everything from the environment, over which a flag wins', () => {
    const env = {
      WORKER_LISTEN: '[::1]:1',
      WORKER_STATE_DIR: 's',
      WORKER_CA: 'a',
      WORKER_CERT: 'c',
      WORKER_KEY: 'k',
      WORKER_DEFAULT_OUTPUT_BYTES: '12',
      WORKER_STOP_JOBS_ON_EXIT: '1',
      WORKER_ISOLATION: 'host,sandbox',
      WORKER_NETWORK: 'host',
      WORKER_BIND: '/a,/b:/c:rw',
      WORKER_MAX_MEMORY: '1GiB',
      WORKER_RUN_AS: 'daemon',
    };
    const isolation = {
      modes: ['host', 'sandbox'],
      networks: ['host'],
      binds: [
        { source: '/a', writable: false },
        { source: '/b', target: '/c', writable: true },
      ],
    };
    const fromEnvironment = {
      command: 'serve',
      host: '::1',
      port: 1,
      stateDir: 's',
      ca: 'a',
      cert: 'c',
      key: 'k',
      jobs: { isolation, runAs: 'daemon', maxLimits: { memoryBytes: 2 ** 30 }, defaultOutputBytes: 12 },
      stopJobsOnExit: true,
    };
    expect(parseOptions([], env)).toEqual(fromEnvironment);
    expect(
      parseOptions(
        [
          '--listen',
          'localhost:2',
          '--ca=b',
          '--default-output-bytes',
          '34',
          '--bind',
          '/d',
          '--isolation',
          'sandbox',
          '--max-memory',
          'none',
        ],
        env,
      ),
    ).toEqual({
      ...fromEnvironment,
      host: 'localhost',
      port: 2,
      ca: 'b',
      jobs: {
        ...fromEnvironment.jobs,
        isolation: { ...isolation, modes: ['sandbox'], binds: [{ source: '/d', writable: false }] },
        maxLimits: { memoryBytes: Infinity },
        defaultOutputBytes: 34,
      },
    });
  });

  it('gives every ceiling in the units of core', () => {
    const args = [
      ...['--max-memory', '2GiB', '--max-processes', '100', '--max-cpus', '1.5', '--max-wall-time', '1h30m', '--max-open-files', '64'],
      ...['--max-file-size', '1.5GB', '--max-io-read', '1MiB', '--max-io-write', '512KiB', '--max-output', '4096'],
      ...['--cgroup', '/sys/fs/cgroup/w', '--job-uids', '5000-5999', '--enforcement', 'best-effort'],
    ];
    expect(parseOptions(args, {})).toMatchObject({
      jobs: {
        cgroup: '/sys/fs/cgroup/w',
        jobUids: { first: 5000, last: 5999 },
        enforcement: 'best-effort',
        maxLimits: {
          memoryBytes: 2 * 2 ** 30,
          processes: 100,
          cpuMillis: 1500,
          wallTimeMs: 5_400_000,
          openFiles: 64,
          fileSizeBytes: 1.5e9,
          ioReadBytesPerSecond: 2 ** 20,
          ioWriteBytesPerSecond: 2 ** 19,
          outputBytes: 4096,
        },
      },
    });
  });
});
