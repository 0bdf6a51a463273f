import { defineCommand } from '../command.ts';
import { JSON_OPTION } from '../open-client.ts';
import { writeJson } from '../write-json.ts';
import manifest from '../package.json' with { type: 'json' };

export const version = defineCommand({
  usage: 'version [--json]',
  summary: 'print the version of this program',
  options: { json: JSON_OPTION },
  async run({ values, terminal: { stdout } }) {
    if (values.json) writeJson(stdout, { version: manifest.version, node: process.version });
    else stdout.write(`${manifest.version}\n`);
    return 0;
  },
});
