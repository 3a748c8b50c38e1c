import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';
import { UsageError } from './usage-error.ts';

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
  ])('%j is refused in one line that names what is wrong [CLI-7]', (args, expected) => {
    const parse = () => parseOptions(args, {});
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(expected);
    expect(parse).not.toThrow(/\n/);
  });

  it.each(['yes', 'on', '2'])('WORKER_STOP_JOBS_ON_EXIT=%s is refused rather than guessed [CLI-7]', (value) => {
    expect(() => parseOptions([], { WORKER_STOP_JOBS_ON_EXIT: value })).toThrow(/WORKER_STOP_JOBS_ON_EXIT/);
  });

  it('has defaults that are those of make certs and make serve; an empty variable is none', () => {
    expect(parseOptions([], { WORKER_LISTEN: '', WORKER_STATE_DIR: '' })).toEqual({
      host: '127.0.0.1',
      port: 7443,
      stateDir: '.worker',
      ca: 'certs/ca.crt',
      cert: 'certs/server.crt',
      key: 'certs/server.key',
      stopJobsOnExit: false,
    });
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
    };
    const fromEnvironment = {
      host: '::1',
      port: 1,
      stateDir: 's',
      ca: 'a',
      cert: 'c',
      key: 'k',
      defaultOutputBytes: 12,
      stopJobsOnExit: true,
    };
    expect(parseOptions([], env)).toEqual(fromEnvironment);
    expect(parseOptions(['--listen', 'localhost:2', '--ca=b', '--default-output-bytes', '34'], env)).toEqual({
      ...fromEnvironment,
      host: 'localhost',
      port: 2,
      ca: 'b',
      defaultOutputBytes: 34,
    });
  });
});
