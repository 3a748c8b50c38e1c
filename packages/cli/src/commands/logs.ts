import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { OutputEvent, WorkerClient } from '@worker/client';
import { followThrough, type FollowThroughOptions } from '../attend/follow-through.ts';
import { reconnectFlag } from '../attend/reconnecting.ts';
import { count, moment } from '../parse/flags.ts';
import { OutputPrinter } from '../print/output-printer.ts';
import { stdoutEnded } from '../print/reader-gone.ts';
import { flushed } from '../print/write.ts';
import { WorkerCommand } from '../worker-command.ts';

export default class Logs extends WorkerCommand {
  static override summary = 'Print the output of a job.';
  static override description = `What there is now, or, with --follow, live until the job has ended. A job that is still queued is waited for. The job's stdout goes to stdout, its stderr to stderr: in a pipe byte for byte, on a terminal with its escapes made visible (--raw leaves them). Bytes that are missing are told on stderr.

A connection that is lost, also to a server that dies and is started again, is made again, and the output goes on at the very byte; stderr tells of it.

Ctrl-C leaves; the job runs on. Exits with 0 when everything was printed, whatever became of the job.`;
  static override examples = [
    '<%= config.bin %> logs ID',
    '<%= config.bin %> logs -f --timestamps ID',
    '<%= config.bin %> logs -f --tail 100 ID',
    '<%= config.bin %> logs --since 10m ID',
    '<%= config.bin %> logs --stream stderr ID',
  ];
  static override args = { id: Args.string({ required: true, ignoreStdin: true, description: 'Id of the job' }) };
  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'Go on until the job has ended' }),
    offset: count({ summary: 'Start at this byte, counted over both streams; default 0', exclusive: ['tail', 'since'] }),
    raw: Flags.boolean({ summary: 'Leave escapes of the job as they are, on a terminal too' }),
    since: moment({ summary: 'Start with what was read from the job since then', exclusive: ['tail', 'offset'] }),
    stream: Flags.option({ options: ['stdout', 'stderr'] as const, summary: 'One of the two streams alone' })(),
    tail: count({ summary: 'Start with the last so many lines; 0: with what comes next', exclusive: ['since', 'offset'] }),
    ...reconnectFlag,
    timestamps: Flags.boolean({
      char: 't',
      summary: 'Begin each line with the time at which it was read from the job, to a tenth of a second',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logs);
    const printer = new OutputPrinter({ raw: flags.raw, timestamps: flags.timestamps });
    await using client = await this.connect(flags);
    const options: FollowThroughOptions = {
      signal: stdoutEnded,
      reconnectForMs: flags['reconnect-for'],
      ...(flags.stream === undefined ? {} : { stream: flags.stream }),
    };
    const begin = startOf(flags);
    const events = flags.follow ? followThrough(client, args.id, { ...begin, ...options }) : present(client, args.id, begin, options);
    for await (const event of events) await printer.print(event, stdoutEnded);
    await flushed();
  }
}

type Begin = Pick<FollowThroughOptions, 'start' | 'offset'>;

function startOf({ tail, since, offset }: { tail?: number | undefined; since?: Date | undefined; offset?: number | undefined }): Begin {
  if (tail !== undefined) return { start: { lastLines: tail } };
  if (since !== undefined) return { start: { since } };
  return offset === undefined ? {} : { offset };
}

/** What there is; of a queued job, once it has written something or has ended. */
async function* present(
  client: WorkerClient,
  id: string,
  begin: Begin,
  options: FollowThroughOptions,
): AsyncGenerator<OutputEvent, void, undefined> {
  let next = begin.offset ?? 0;
  for await (const event of followThrough(client, id, { ...begin, ...options, follow: false })) {
    yield event;
    if (event.kind === 'end' && event.job.state !== 'queued') return;
  }
  for await (const event of followThrough(client, id, { ...begin, ...options })) {
    yield event;
    if (event.kind === 'end') return;
    if (event.kind === 'heartbeat') continue;
    next = event.offset + (event.kind === 'gap' ? event.length : event.data.length);
    break;
  }
  yield* followThrough(client, id, { ...options, offset: next, follow: false });
}
