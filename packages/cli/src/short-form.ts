/**
 * The four forms of the original client, as today's commands:
 *
 *     worker -c find /       worker submit -- find /
 *     worker -c 'find /'     worker submit --command 'find /'     (one string: the server splits it into words by POSIX quoting, the original's way)
 *     worker -s ID           worker status --short ID
 *     worker -k ID           worker stop --grace 0 --quiet ID
 *     worker -l ID           worker logs --follow ID
 *
 * Flags of the connection may stand before them, and behind all but -c, which takes the rest of the line as it is.
 */
export function expandShortForm(argv: readonly string[]): string[] {
  const at = positionOf(argv);
  const form = argv[at];
  const before = argv.slice(0, at);
  const rest = argv.slice(at + 1);
  switch (form) {
    case '-c':
      if (rest.length === 1) return ['submit', ...before, '--command', ...rest];
      return ['submit', ...before, '--', ...rest];
    case '-s':
      return ['status', ...before, '--short', ...rest];
    case '-k':
      return ['stop', ...before, '--grace', '0', '--quiet', ...rest];
    case '-l':
      return ['logs', ...before, '--follow', ...rest];
    default:
      // A command behind flags of the connection: oclif wants it first.
      return form === undefined || form.startsWith('-') ? [...argv] : [form, ...before, ...rest];
  }
}

const connectionFlags = new Set(['--address', '--as', '--ca', '--cert', '--key']);

/** Of the first argument that is neither a flag of the connection nor its value. */
function positionOf(argv: readonly string[]): number {
  let at = 0;
  for (;;) {
    const flag = argv[at]?.split('=', 1)[0];
    if (flag === undefined || !connectionFlags.has(flag)) return at;
    at += argv[at] === flag ? 2 : 1;
  }
}
