import { readFile } from 'node:fs/promises';
import { defineCommand } from '../command.ts';

export const version = defineCommand({
  usage: 'version',
  summary: 'print the version of this program',
  options: {},
  async run({ terminal }) {
    const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8');
    terminal.stdout.write(`${(JSON.parse(manifest) as { readonly version: string }).version}\n`);
    return 0;
  },
});
