import * as Flags from '@oclif/core/flags';
import { attendJob } from '../attend/attend-job.ts';
import { assertRan, describeEnd, describeUnenforced } from '../attend/describe-end.ts';
import { exitCodeOf, READER_GONE } from '../attend/exit-code.ts';
import { Interrupts, Left } from '../attend/interrupts.ts';
import { reconnectFlag } from '../attend/reconnecting.ts';
import { submitOnce } from '../attend/submit-once.ts';
import { assertCommand, commandArgument, submissionOf, submitFlags } from '../attend/submit-flags.ts';
import { splitCommand } from '../command-words.ts';
import { CliError } from '../fail/cli-error.ts';
import { oneLine } from '../print/neutralise.ts';
import { OutputPrinter } from '../print/output-printer.ts';
import { ReaderGone } from '../print/reader-gone.ts';
import { say } from '../print/say.ts';
import { flushed } from '../print/write.ts';
import { WorkerCommand } from '../worker-command.ts';

export default class Run extends WorkerCommand {
  static override summary = 'Run a command and follow it to its end.';
  static override description = `The job's stdin is empty. Its stdout goes to stdout, its stderr to stderr: in a pipe byte for byte, on a terminal with its escapes made visible (--raw leaves them).

Exits with the job's code; 128+n when signal n ended it; 124 when its --timeout was up; 143 when it was stopped and exited with 0; 125 for every failure of ours: a bad command line, no connection, a program that could not be started, a job whose end is not known.

The first Ctrl-C is the job's, the second stops it within 10 s, the third leaves it (130). SIGTERM, SIGHUP and SIGQUIT are passed on to the job. While a submission is being made again, the first of any of them leaves. When nobody reads stdout any more it ends with 141, and the job runs on.

A connection that is lost, also to a server that dies and is started again, is made again, and the output goes on at the very byte; stderr tells of it. A signal that comes meanwhile is sent to the job as soon as the server is there again. With --request-id, a submission that is cut is made again too: it never runs twice.`;
  static override usage = 'run [FLAGS] [--] PROGRAM [ARGUMENT]...';
  static override examples = [
    '<%= config.bin %> run -- make -j4',
    '<%= config.bin %> run --memory 512MiB --cpus 2 -- make -j4',
    "<%= config.bin %> run --timeout 30s --env LANG=C -- sh -c 'ls | wc -l'",
  ];
  static override args = commandArgument;
  static override flags = {
    ...submitFlags,
    quiet: Flags.boolean({ char: 'q', summary: 'Do not tell on stderr how the job ended, or that the connection was lost meanwhile' }),
    raw: Flags.boolean({ summary: 'Leave escapes of the job as they are, on a terminal too' }),
    ...reconnectFlag,
  };

  async run(): Promise<void> {
    const { own, words } = splitCommand(this.argv);
    const { flags } = await this.parse(Run, own);
    assertCommand(words, 'run');
    const submission = submissionOf(words, flags);
    using interrupts = new Interrupts();
    let id: string | undefined;
    try {
      await using client = await this.connect(flags, interrupts.left);
      interrupts.submitting();
      const { quiet, 'reconnect-for': reconnectForMs } = flags;
      const onConnection = interrupts.connectionChanged;
      ({ id } = await submitOnce(client, { ...submission, signal: interrupts.left }, { quiet, reconnectForMs, onConnection }));
      interrupts.attach(client, id);
      const printer = new OutputPrinter({ raw: flags.raw, timestamps: false });
      const ended = await attendJob(client, id, printer, interrupts, { quiet, reconnectForMs });
      await flushed();
      assertRan(ended);
      const end = quiet ? undefined : describeEnd(ended);
      const unenforced = quiet ? undefined : describeUnenforced(ended);
      for (const line of [end, unenforced]) if (line !== undefined) say(`worker: ${oneLine(line)}`);
      process.exitCode = exitCodeOf(ended);
    } catch (error) {
      process.exitCode = leave(error, id);
    }
  }
}

/** The exit code for a caller that left, or whose reader did. Anything else is thrown on. */
function leave(error: unknown, id: string | undefined): number {
  if (!(error instanceof Left) && !(error instanceof ReaderGone)) throw error;
  if (id !== undefined) say(`job ${id} still running: worker stop ${id}`);
  else if (error instanceof Left)
    throw new CliError(`interrupted: no job was confirmed`, 'worker list shows whether the submission had arrived', {
      exitCode: error.exitCode,
    });
  return error instanceof Left ? error.exitCode : READER_GONE;
}
