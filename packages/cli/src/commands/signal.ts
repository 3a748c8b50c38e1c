import * as Args from '@oclif/core/args';
import { formatFlags, WorkerCommand } from '../worker-command.ts';

export default class Signal extends WorkerCommand {
  static override summary = "Send a signal to a job's process group.";
  static override description = 'A job that this ends was signalled, not stopped: it reads completed. To end a job for sure, stop it.';
  static override examples = ['<%= config.bin %> signal ID HUP', '<%= config.bin %> signal ID SIGUSR1'];
  static override args = {
    id: Args.string({ required: true, ignoreStdin: true, description: 'Id of the job' }),
    signal: Args.string({ required: true, ignoreStdin: true, description: 'Name, with or without SIG, or number' }),
  };
  static override flags = formatFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Signal);
    await using client = await this.connect(flags);
    const job = await client.signal(args.id, args.signal);
    if (!flags.quiet && flags.output !== 'table') await this.printJob(job, flags);
  }
}
