import * as Args from '@oclif/core/args';
import { Help as OclifHelp } from '@oclif/core/help';
import { PlainCommand } from '../plain-command.ts';

export default class Help extends PlainCommand {
  static override summary = 'Show what a command does.';
  static override args = { command: Args.string({ ignoreStdin: true, description: 'Name of the command' }) };

  async run(): Promise<void> {
    const { args } = await this.parse(Help);
    const help = new OclifHelp(this.config, this.config.pjson.oclif.helpOptions ?? {});
    await help.showHelp(args.command === undefined ? [] : [args.command]);
  }
}
