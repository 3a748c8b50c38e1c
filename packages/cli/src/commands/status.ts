import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { Job } from '@worker/client';
import { formatFlags, WorkerCommand } from '../worker-command.ts';

export default class Status extends WorkerCommand {
  static override summary = 'Show what a job is and what became of it.';
  static override examples = ['<%= config.bin %> status ID', '<%= config.bin %> status -o json ID | jq .exitCode'];
  static override args = { id: Args.string({ required: true, ignoreStdin: true, description: 'Id of the job' }) };
  static override flags = {
    ...formatFlags,
    short: Flags.boolean({
      exclusive: ['output', 'quiet'],
      summary: "The original client's words: running, completed or stopped, and then the exit code",
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Status);
    await using client = await this.connect(flags);
    const job = await client.get(args.id);
    await this.printJob(job, flags, flags.short ? originalWords(job) : undefined);
  }
}

/** What could not be started or was lost reads stopped, so that whoever polls comes to an end. */
function originalWords(job: Job): string {
  if (!job.ended) return 'Status: running\n';
  return `Status: ${job.state === 'completed' ? 'completed' : 'stopped'}\nExit code: ${job.exitCode ?? -1}\n`;
}
