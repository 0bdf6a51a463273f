import { attach } from '../attach.ts';
import { defineCommand } from '../command.ts';
import { CONTAINER_OPTIONS, openClient } from '../open-client.ts';
import { PROCESS_OPTIONS, checkTerminal, processRequest } from '../process-options.ts';

export const exec = defineCommand({
  usage:
    'exec [-i] [-t] [-e NAME=VALUE] [-u USER] [-w DIR] [--namespace NAME] [--address SOCKET] CONTAINER PROGRAM [ARGS…]',
  summary: 'run a program in a container that runs, with its exit status; -it with this terminal',
  options: { ...CONTAINER_OPTIONS, ...PROCESS_OPTIONS },
  operands: ['CONTAINER', 'PROGRAM'],
  more: 'passed on',
  check: checkTerminal,
  async run({ values, operands: [id = '', ...args] }) {
    using client = openClient(values);
    const { namespace, interactive = false, tty: terminal = false } = values;
    const request = { args, ...processRequest(values), ...(namespace === undefined ? {} : { namespace }) };
    return await attach(client.containers.exec(id, request), {
      containers: client.containers,
      interactive,
      terminal,
    });
  },
});
