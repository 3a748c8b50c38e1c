import * as Flags from '@oclif/core/flags';
import { assertRan } from '../attend/describe-end.ts';
import { exitCodeOf } from '../attend/exit-code.ts';
import { reconnectFlag, reconnecting } from '../attend/reconnecting.ts';
import { failUnknown, submitOnce } from '../attend/submit-once.ts';
import { assertCommand, commandArgument, exclusiveWithLine, submissionOf, submitFlags } from '../attend/submit-flags.ts';
import { splitCommand } from '../command-words.ts';
import { jobSentence } from '../print/job-sentence.ts';
import { formatFlags, WorkerCommand } from '../worker-command.ts';

export default class Submit extends WorkerCommand {
  static override summary = 'Submit a command and print the id of its job.';
  static override description = `Answers once the submission is durable; it does not wait for the program to start, let alone to end. With --wait it waits for the end and exits with the job's code, as \`worker wait\` does.

With --wait, a connection that is lost, also to a server that dies and is started again, is made again, and the wait goes on; stderr tells of it. With --request-id, the submission is made again too: it never runs twice.`;
  static override usage = ['submit [FLAGS] [--] PROGRAM [ARGUMENT]...', "submit --command 'PROGRAM ARGUMENT...'"];
  static override examples = ['<%= config.bin %> submit -- find /', 'id=$(<%= config.bin %> submit -q -- sleep 60)'];
  static override args = commandArgument;
  static override flags = {
    ...submitFlags,
    ...formatFlags,
    command: Flags.string({
      helpValue: 'LINE',
      summary: 'The command as one string, split into words by the server by POSIX quoting (no variables, no shell)',
      exclusive: exclusiveWithLine,
    }),
    wait: Flags.boolean({ summary: 'Wait until the job has ended, and exit with its code' }),
    ...reconnectFlag,
  };

  async run(): Promise<void> {
    const { own, words } = splitCommand(this.argv);
    const { flags } = await this.parse(Submit, own);
    if (flags.command === undefined) assertCommand(words, 'submit');
    const submission = flags.command === undefined ? submissionOf(words, flags) : undefined;
    await using client = await this.connect(flags);
    const { quiet, 'reconnect-for': reconnectForMs } = flags;
    const submitted = submission === undefined ? undefined : await submitOnce(client, submission, { quiet, reconnectForMs });
    const id = submitted?.id ?? (await client.submitCommand(flags.command ?? '').catch(failUnknown));
    const structured = !quiet && (flags.output === 'json' || flags.output === 'ndjson');
    // Whatever fails from here on, the id is out.
    if (!structured) await this.print(quiet || flags.output === 'name' ? `${id}\n` : `Submitted job id: ${id}\n`);
    if (!flags.wait) {
      const next = `the job is submitted; look at it: worker status ${id}`;
      const look = () => reconnecting({ quiet, reconnectForMs, next }, () => client.get(id));
      if (structured) await this.printJob(submitted ?? (await look()), flags);
      return;
    }
    const next = `the job is not touched by this; wait for it: worker wait ${id}`;
    const { job } = await reconnecting({ quiet, reconnectForMs, next }, (options) => client.wait(id, options));
    if (structured) await this.printJob(job, flags);
    else if (!quiet && flags.output === 'table') await this.print(`${jobSentence(job)}\n`);
    assertRan(job);
    process.exitCode = exitCodeOf(job);
  }
}
