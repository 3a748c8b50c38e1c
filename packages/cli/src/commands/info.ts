import type { ServerInfo } from '@worker/client';
import { formatSize } from '../parse/size.ts';
import { jsonText, protoJson } from '../print/json.ts';
import { bindText, limitsText, networkText } from '../print/limits-text.ts';
import { oneLine } from '../print/neutralise.ts';
import { properties, table } from '../print/table.ts';
import { formatFlags, WorkerCommand } from '../worker-command.ts';

export default class Info extends WorkerCommand {
  static override summary = 'Show the server, who you are to it, and what its host enforces.';
  static override flags = formatFlags;

  async run(): Promise<void> {
    const { flags } = await this.parse(Info);
    await using client = await this.connect(flags);
    const info = await client.info();
    const name = flags.quiet || flags.output === 'name';
    if (name) await this.print(`${oneLine(info.principal)}\n`);
    else await this.print(flags.output === 'table' ? text(info) : jsonText(protoJson(info), flags.output === 'json'));
  }
}

function text(info: ServerInfo): string {
  const { outputBytes, outputAction } = info.defaultLimits;
  const [mode, ...otherModes] = info.isolationModes;
  const [network, ...otherNetworks] = info.networkModes.map(networkText);
  const sandbox = [
    ['a sandbox has', network && withOthers(network, otherNetworks)],
    ['and may bind', info.binds.map(bindText).join(', ')],
  ] as const;
  const head = properties([
    ['server', oneLine(info.version)],
    ['up since', info.startedAt.toISOString()],
    ['you are', oneLine(info.principal)],
    ['you may call', info.methods.map((method) => oneLine(method.slice(method.lastIndexOf('/') + 1))).join(', ')],
    ['isolation', mode && withOthers(mode, otherModes)],
    ...(info.isolationModes.includes('sandbox') ? sandbox : []),
    ['a job may use', limitsText(info.maxLimits) || 'what the host has'],
    ['output kept', `${formatSize(outputBytes)} a job unless it asks otherwise (${outputAction})`],
    ['largest message', formatSize(info.maxMessageBytes)],
  ]);
  const rows = info.capabilities.map(({ name, available, detail }) => [oneLine(name), available ? 'yes' : 'no', oneLine(detail)]);
  const cures = info.capabilities.filter(({ cure }) => cure !== '').map(({ name, cure }) => [oneLine(name), oneLine(cure)]);
  const missing = cures.length === 0 ? '' : `\n${table(['MISSING', 'WHAT GIVES IT'], cures)}`;
  return `${head}\n${table(['CAPABILITY', 'ENFORCED', 'HOW'], rows)}${missing}`;
}

function withOthers(first: string, others: readonly string[]): string {
  return others.length === 0 ? `${first}, nothing else` : `${first} unless it asks for ${others.join(', ')}`;
}
