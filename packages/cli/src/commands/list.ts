import * as Flags from '@oclif/core/flags';
import type { Job } from '@worker/client';
import { parsePairs } from '../parse/key-value.ts';
import { count } from '../parse/flags.ts';
import { jobTable } from '../print/job-text.ts';
import { jsonText, protoJson } from '../print/json.ts';
import { say } from '../print/say.ts';
import { formatFlags, WorkerCommand, type Format } from '../worker-command.ts';

const DEFAULT_LIMIT = 100;
const MAX_PAGE = 1000;

export default class List extends WorkerCommand {
  static override summary = 'List your jobs, the newest first.';
  static override examples = [
    '<%= config.bin %> list',
    '<%= config.bin %> list --state running --label team=web',
    '<%= config.bin %> list --all -o ndjson | jq -r .id',
  ];
  static override flags = {
    ...formatFlags,
    all: Flags.boolean({ exclusive: ['limit'], summary: 'All of them' }),
    label: Flags.string({
      helpValue: 'NAME=VALUE',
      multiple: true,
      multipleNonGreedy: true,
      summary: 'With this label; each one given must match',
    }),
    limit: count({ defaultHelp: async () => String(DEFAULT_LIMIT), summary: `At most so many. Default: ${DEFAULT_LIMIT}` }),
    state: Flags.option({
      delimiter: ',',
      multiple: true,
      multipleNonGreedy: true,
      options: ['queued', 'running', 'completed', 'stopped', 'failed', 'lost'] as const,
      summary: 'In this state, or in one of those given',
    })(),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(List);
    const limit = flags.all ? Infinity : (flags.limit ?? DEFAULT_LIMIT);
    await using client = await this.connect(flags);
    const pageSize = Math.min(MAX_PAGE, limit + 1);
    const jobs: Job[] = [];
    let more = false;
    const format: Format = flags;
    // Ids and NDJSON need no look at the whole: they go out as they come in.
    const streamed = format.quiet || format.output === 'name' || format.output === 'ndjson';
    let seen = 0;
    for await (const job of client.list({ states: flags.state ?? [], labels: parsePairs('--label', flags.label ?? []), pageSize })) {
      if (seen === limit) {
        more = true;
        break;
      }
      seen += 1;
      if (streamed) await this.printJob(job, format);
      else jobs.push(job);
    }
    if (!streamed) await this.print(format.output === 'json' ? jsonText({ jobs: jobs.map(protoJson) }, true) : jobTable(jobs));
    if (more && format.output === 'table' && !format.quiet) say(`worker: there are more than ${limit}: --all shows them, --limit so many`);
  }
}
