import { defineCommand } from '../command.ts';
import { CLIENT_OPTIONS, openClient } from '../open-client.ts';
import { writeJson } from '../write-json.ts';

export const consoleLink = defineCommand({
  usage: 'console [OPTIONS]',
  summary: 'print the address of the web console, with the token in it',
  options: CLIENT_OPTIONS,
  async run({ values, terminal: { stdout } }) {
    using client = openClient(values);
    const link = await client.console();
    if (values.json) writeJson(stdout, link);
    else stdout.write(`${link.url}\n`);
    return 0;
  },
});
