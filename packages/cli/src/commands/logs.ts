import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { FollowOptions, OutputEnd, WorkerClient } from '@worker/client';
import { WorkerError } from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import { count } from '../parse/flags.ts';
import { OutputPrinter } from '../print/output-printer.ts';
import { stdoutEnded } from '../print/reader-gone.ts';
import { flushed } from '../print/write.ts';
import { WorkerCommand } from '../worker-command.ts';

export default class Logs extends WorkerCommand {
  static override summary = 'Print the output of a job.';
  static override description = `What there is now, or, with --follow, live until the job has ended. A job that is still queued is waited for. The job's stdout goes to stdout, its stderr to stderr: in a pipe byte for byte, on a terminal with its escapes made visible (--raw leaves them). Bytes that are missing are told on stderr.

Ctrl-C leaves; the job runs on. Exits with 0 when everything was printed, whatever became of the job.`;
  static override examples = [
    '<%= config.bin %> logs ID',
    '<%= config.bin %> logs -f --timestamps ID',
    '<%= config.bin %> logs --stream stderr ID',
  ];
  static override args = { id: Args.string({ required: true, ignoreStdin: true, description: 'Id of the job' }) };
  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'Go on until the job has ended' }),
    offset: count({ default: 0, summary: 'Start at this byte, counted over both streams' }),
    raw: Flags.boolean({ summary: 'Leave escapes of the job as they are, on a terminal too' }),
    stream: Flags.option({ options: ['stdout', 'stderr'] as const, summary: 'One of the two streams alone' })(),
    timestamps: Flags.boolean({
      char: 't',
      summary: 'Begin each line with the time at which it was read from the job, to a tenth of a second',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logs);
    const printer = new OutputPrinter({ raw: flags.raw, timestamps: flags.timestamps });
    await using client = await this.connect(flags);
    const reader = new Reader(client, args.id, printer, flags.stream);
    if (flags.follow) await reader.read(flags.offset, true);
    else await reader.readPresent(flags.offset);
    await flushed();
  }
}

class Reader {
  readonly #client: WorkerClient;
  readonly #id: string;
  readonly #printer: OutputPrinter;
  readonly #stream: 'stdout' | 'stderr' | undefined;
  #next = 0;

  constructor(client: WorkerClient, id: string, printer: OutputPrinter, stream: 'stdout' | 'stderr' | undefined) {
    this.#client = client;
    this.#id = id;
    this.#printer = printer;
    this.#stream = stream;
  }

  /** What there is; of a queued job, once it has written something or has ended. */
  async readPresent(offset: number): Promise<void> {
    const { job } = (await this.read(offset, false)) ?? {};
    if (job?.state !== 'queued') return;
    if ((await this.read(offset, true, 'once')) === undefined) await this.read(this.#next, false);
  }

  /** Undefined when it was to stop at the first output and did. */
  async read(offset: number, follow: boolean, until: 'end' | 'once' = 'end'): Promise<OutputEnd | undefined> {
    this.#next = offset;
    const options: FollowOptions = { offset, follow, signal: stdoutEnded, ...(this.#stream === undefined ? {} : { stream: this.#stream }) };
    try {
      for await (const event of this.#client.follow(this.#id, options)) {
        await this.#printer.print(event, stdoutEnded);
        if (event.kind === 'end') return event;
        if (event.kind === 'heartbeat') continue;
        this.#next = event.offset + (event.kind === 'gap' ? event.length : event.data.length);
        if (until === 'once') return undefined;
      }
    } catch (error) {
      if (!(error instanceof WorkerError) || error.code !== 'stream-cut') throw error;
      throw new CliError(error.message, `go on with: worker logs --follow --offset ${this.#next} ${this.#id}`, { cause: error });
    }
    return undefined;
  }
}
