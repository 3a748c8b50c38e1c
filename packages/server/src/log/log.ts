/** A line of the server's log. Never given argv, environment, output, labels or keys. */
export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error';
  /** What happened, a constant: nothing variable is in it. */
  readonly message: string;
  readonly principal?: string;
  readonly method?: string;
  readonly jobId?: string;
  readonly reason?: string;
  /** Address and port of the other side. */
  readonly peer?: string;
  readonly url?: string;
  /** Of entries with this message that were left out before this one. */
  readonly omitted?: number;
  readonly error?: unknown;
}

export type Log = (entry: LogEntry) => void;

/** Writes each entry as one line of JSON; a newline in a value cannot begin another line. */
export function jsonLog(write: (line: string) => void, now: () => Date = () => new Date()): Log {
  return ({ error, ...entry }) => {
    write(`${JSON.stringify({ time: now().toISOString(), ...entry, ...(error === undefined ? {} : { error: describe(error) }) })}\n`);
  };
}

function describe(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause === undefined || depth > 4 ? {} : { cause: describe(error.cause, depth + 1) };
  return { name: error.name, ...code, message: error.message, stack: error.stack, ...cause };
}
