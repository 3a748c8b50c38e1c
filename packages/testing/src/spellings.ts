/**
 * How amounts and binds are written on a command line. `worker` and `worker-server` read them each by code of their own, for neither may import the other: the tests of both go through these, so that
 * what one takes the other takes, for the same value.
 */
export const spellings = {
  /** Bytes. A lone K or M could mean either of two sizes. */
  size: {
    taken: [
      ['4096', 4096],
      ['10B', 10],
      ['1kB', 1000],
      ['1KB', 1000],
      ['64KiB', 65_536],
      ['3MB', 3_000_000],
      ['10MiB', 10_485_760],
      ['1.5GB', 1_500_000_000],
      ['4GiB', 4_294_967_296],
      ['1TB', 1_000_000_000_000],
      ['2TiB', 2_199_023_255_552],
      ['0.5KiB', 512],
    ],
    refused: [
      '',
      '-5',
      '10K',
      '10M',
      '10mb',
      '1e3',
      ' 1',
      '1 KiB',
      'KiB',
      '0x10',
      '9'.repeat(30),
      '1.5.5',
      '.5',
      'constructor',
      '1constructor',
    ],
  },
  /** Milliseconds. A bare number has no unit. */
  duration: {
    taken: [
      ['500ms', 500],
      ['30s', 30_000],
      ['1.5s', 1500],
      ['5m', 300_000],
      ['1h30m', 5_400_000],
      ['2d', 172_800_000],
    ],
    refused: ['', '30', '-1s', '+1s', '1 s', 's', '1s ', '1y', '1e3s', 'Infinity', '0x10s', '1s2', '9'.repeat(400) + 's'],
  },
  /** Thousandths of one processor. */
  processors: {
    taken: [
      ['1', 1000],
      ['0.5', 500],
      ['2.125', 2125],
    ],
    refused: ['', '-1', '1.', '.5', '0.0001', '1e3', 'two', '150%', '9'.repeat(30)],
  },
  bind: {
    taken: [
      ['/data', { source: '/data', writable: false }],
      ['/data:rw', { source: '/data', writable: true }],
      ['/data:ro', { source: '/data', writable: false }],
      ['/data:/mnt', { source: '/data', target: '/mnt', writable: false }],
      ['/data:/mnt:rw', { source: '/data', target: '/mnt', writable: true }],
      ['/with blank:/rw:rw', { source: '/with blank', target: '/rw', writable: true }],
    ],
    refused: ['', 'data', ':rw', '/data:mnt', '/data:', '/data:/a:/b', '/data:/a:rx', './data', '/data:rw:rw'],
  },
} as const satisfies Record<string, { readonly taken: readonly (readonly [string, unknown])[]; readonly refused: readonly string[] }>;
