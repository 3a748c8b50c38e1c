import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { Job, RepeatOptions, StopOptions, WorkerClient } from '@worker/client';
import { reconnectFlag, reconnecting } from '../attend/reconnecting.ts';
import { CliError } from '../fail/cli-error.ts';
import { reportError } from '../fail/report-error.ts';
import { duration } from '../parse/flags.ts';
import { ConnectionNotes } from '../print/connection-notes.ts';
import { jobSentence } from '../print/job-sentence.ts';
import { formatFlags, WorkerCommand } from '../worker-command.ts';

export default class Stop extends WorkerCommand {
  static override summary = 'End jobs, each with its whole process tree.';
  static override description = `Sends the signal, waits for the grace, then kills what is left. Answers when every process of the tree was seen gone, or names those that the kernel has not let go. A job that has ended is left as it is; its output stays.

A connection that is lost meanwhile, also to a server that dies and is started again, is made again, and the stop asked for anew: the program hears its signal once, and no grace gets longer. stderr tells of it.`;
  static override examples = ['<%= config.bin %> stop ID', '<%= config.bin %> stop --grace 0 ID ID', '<%= config.bin %> stop --all'];
  static override args = { id: Args.string({ required: false, multiple: true, ignoreStdin: true, description: 'Ids of the jobs' }) };
  static override flags = {
    ...formatFlags,
    all: Flags.boolean({ default: false, summary: 'Every job of yours that has not ended' }),
    grace: duration({
      default: 10_000,
      defaultHelp: async () => '10s',
      summary: 'How long a job may take to end by itself; 0: kill at once',
    }),
    signal: Flags.string({ helpValue: 'SIGNAL', summary: 'Sent first, when there is a grace. Default: SIGTERM' }),
    ...reconnectFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Stop);
    const options: StopOptions = { graceMs: flags.grace, ...(flags.signal === undefined ? {} : { firstSignal: flags.signal }) };
    const named = args.id ?? [];
    if (flags.all === named.length > 0) throw new CliError('either ids or --all must be given', 'see worker stop --help');
    await using client = await this.connect(flags);
    const { quiet, 'reconnect-for': reconnectForMs } = flags;
    using notes = new ConnectionNotes(reconnectForMs);
    const shared = { reconnectForMs, quiet, notes };
    const next = 'nothing was stopped; try again: worker stop --all';
    const ids = flags.all ? await reconnecting({ ...shared, next }, (reconnect) => unended(client, reconnect)) : named;
    const stopping = ids.map((id) => {
      const next = `whether the stop has arrived is not known; stop it again: worker stop ${id}`;
      return reconnecting({ ...shared, next }, (reconnect) => stop(client, id, { ...options, ...reconnect }));
    });
    const results = await Promise.allSettled(stopping);
    let exitCode = 0;
    for (const result of results) {
      if (result.status === 'rejected') exitCode = reportError(result.reason, 'stop');
      else if (!quiet) await this.printJob(result.value, flags, `${jobSentence(result.value)}\n`);
    }
    process.exitCode = exitCode;
  }
}

async function stop(client: WorkerClient, id: string, options: StopOptions): Promise<Job> {
  const { job, survivingPids } = await client.stop(id, options);
  if (survivingPids.length === 0) return job;
  throw new CliError(
    `job ${id} was killed, but the kernel has not let go of process ${survivingPids.join(', ')}`,
    `the kill goes on by itself; see later with worker status ${id}`,
  );
}

async function unended(client: WorkerClient, reconnect: RepeatOptions): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of client.list({ ...reconnect, states: ['queued', 'running'] })) ids.push(id);
  return ids;
}
