import * as Flags from '@oclif/core/flags';
import { WorkerClient, type Job } from '@worker/client';
import type { Profile } from './configure/profile.ts';
import { DEFAULT_ADDRESS, DEFAULT_EMAIL, resolveSettings } from './configure/settings.ts';
import { jsonText, protoJson } from './print/json.ts';
import { jobProperties } from './print/job-text.ts';
import { PlainCommand } from './plain-command.ts';
import { stdoutEnded } from './print/reader-gone.ts';

const CONNECTION = 'CONNECTION';

const connectionFlags = {
  address: Flags.string({
    helpGroup: CONNECTION,
    helpValue: 'URL',
    summary: `Where the server is (WORKER_ADDRESS). Default: ${DEFAULT_ADDRESS}`,
  }),
  as: Flags.string({
    helpGroup: CONNECTION,
    helpValue: 'EMAIL',
    summary: `Whose certificate of \`make certs\` to use (WORKER_AS). Default: ${DEFAULT_EMAIL}`,
  }),
  ca: Flags.string({
    helpGroup: CONNECTION,
    helpValue: 'FILE',
    summary: 'CA of the server (WORKER_CA). Default: certs/ca.crt here or above',
  }),
  cert: Flags.string({ helpGroup: CONNECTION, helpValue: 'FILE', summary: 'Client certificate (WORKER_CERT)' }),
  key: Flags.string({ helpGroup: CONNECTION, helpValue: 'FILE', summary: 'Key of the client certificate (WORKER_KEY)' }),
};

export const formatFlags = {
  output: Flags.option({
    char: 'o',
    options: ['table', 'json', 'ndjson', 'name'] as const,
    default: 'table',
    summary: 'How to print; json has the field names of the API',
  })(),
  quiet: Flags.boolean({ char: 'q', summary: 'Print ids alone, or nothing where there is nothing to tell' }),
};

export interface Format {
  readonly output: string;
  readonly quiet: boolean;
}

/** A command that talks to a server. */
export abstract class WorkerCommand extends PlainCommand {
  static override baseFlags = connectionFlags;

  /** Errors: CliError, WorkerError. */
  protected connect(flags: Profile, signal?: AbortSignal): Promise<WorkerClient> {
    const settings = resolveSettings(flags, process.env, process.cwd());
    return WorkerClient.connect({ ...settings, signal: signal ?? stdoutEnded });
  }

  /** One job in the format that was asked for; as a table: `human`, or all its properties. */
  protected async printJob(job: Job, format: Format, human: string = jobProperties(job)): Promise<void> {
    if (format.quiet || format.output === 'name') return this.print(`${job.id}\n`);
    if (format.output === 'table') return this.print(human);
    return this.print(jsonText(protoJson(job), format.output === 'json'));
  }
}
