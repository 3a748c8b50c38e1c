import { PlainCommand } from '../plain-command.ts';

export default class Version extends PlainCommand {
  static override summary = 'Print the version of this program.';

  async run(): Promise<void> {
    await this.parse(Version);
    await this.print(`worker ${this.config.version}\n`);
  }
}
