import { defineCommand } from '../command.ts';
import manifest from '../package.json' with { type: 'json' };

export const version = defineCommand({
  usage: 'version',
  summary: 'print the version of this program',
  options: {},
  async run({ terminal }) {
    terminal.stdout.write(`${manifest.version}\n`);
    return 0;
  },
});
