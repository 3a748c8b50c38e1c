import * as Args from '@oclif/core/args';
import { assertRan } from '../attend/describe-end.ts';
import { exitCodeOf, TIMED_OUT } from '../attend/exit-code.ts';
import { reconnectFlag, reconnecting } from '../attend/reconnecting.ts';
import { CliError } from '../fail/cli-error.ts';
import { duration } from '../parse/flags.ts';
import { formatDuration } from '../parse/duration.ts';
import { jobSentence } from '../print/job-sentence.ts';
import { formatFlags, WorkerCommand } from '../worker-command.ts';

export default class Wait extends WorkerCommand {
  static override summary = 'Wait until a job has ended, and say how.';
  static override description = `Exits as \`worker run\` does: with the job's code, 128+n for a signal, 125 for a job that never ran or was lost; 124 when --timeout was over first.

A connection that is lost, also to a server that dies and is started again, is made again, and the wait goes on; stderr tells of it.`;
  static override args = { id: Args.string({ required: true, ignoreStdin: true, description: 'Id of the job' }) };
  static override flags = { ...formatFlags, timeout: duration({ summary: 'Wait no longer; the job runs on' }), ...reconnectFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Wait);
    await using client = await this.connect(flags);
    const next = `the job is not touched by this; wait again: worker wait ${args.id}`;
    const { job, ended } = await reconnecting({ reconnectForMs: flags['reconnect-for'], quiet: flags.quiet, next }, (options) =>
      client.wait(args.id, { ...options, ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }) }),
    );
    if (!ended) {
      throw new CliError(
        `job ${job.id} has not ended within ${formatDuration(flags.timeout ?? 0)}: it is ${job.state}`,
        `wait again, or stop it: worker stop ${job.id}`,
        { exitCode: TIMED_OUT },
      );
    }
    if (!flags.quiet) await this.printJob(job, flags, `${jobSentence(job)}\n`);
    assertRan(job);
    process.exitCode = exitCodeOf(job);
  }
}
